//! Takes what the bus brings and sends it to the connections that may see it: once, in order, encoded once.
//!
//! A chat that somebody listens to has a room. Events pass through its [`feed`]: a jump is filled from history first.
//! `listeners` keeps the lists of connections, `staff` those of operators by site; `news` says what staff has to be told,
//! `upkeep` compares it all with PostgreSQL.

pub(crate) mod feed;
mod listeners;
mod replay_baseline;
mod staff;
mod upkeep;
mod workspace;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bus::{Envelope, Hint, Incoming, PubSub};
use chat_events::names::Channel;
use chat_events::workspace::WorkspaceNews;
use chat_events::{ChatId, ChatKind, ErrorCode, Event, EventKind, Seq, Signal, SiteId, UserId};
use telemetry::Vital;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, RwLock, mpsc};
use uuid::Uuid;

use crate::catch_up::history::History;
use crate::catch_up::history::batch::{self, Batch};
use crate::chat_service::ChatService;
use crate::connection::Connection;
use crate::ops::heartbeat::Heartbeat;
use crate::ops::metrics::GatewayMetrics;
use crate::transport::frames::{self, ChatFrame};
use feed::{Feed, Step};
use replay_baseline::ReplayBaseline;
use staff::Staff;
use upkeep::{RECONCILE_EVERY, SWEEP_EVERY};

/// A session's room is kept this long for staff after its last event, so that a jump is still seen.
const STAFF_ROOM_KEPT: Duration = Duration::from_secs(600);
/// Few enough to stay in the cache until they are delivered to: a delivery goes through all of TCP.
const FETCHED_TOGETHER: usize = 8;
/// Signal ids remembered, since one may come on two channels.
const SIGNALS_REMEMBERED: usize = 256;

/// All rooms of a gateway.
pub struct Hub {
    rooms: Mutex<HashMap<ChatId, Arc<Room>>>,
    staff: Mutex<Arc<Staff>>,
    /// The channels of sessions that are subscribed to.
    staff_channels: tokio::sync::Mutex<HashSet<Channel>>,
    baseline: ReplayBaseline,
    /// The last change of what is not of a chat.
    workspace: Mutex<WorkspaceNews>,
    users: Mutex<HashMap<UserId, Vec<Arc<Connection>>>>,
    signals: Mutex<VecDeque<Uuid>>,
    /// Subscribing shares it; clearing out rooms has it alone, so that the two never cross on one channel.
    subscribing: RwLock<()>,
    pubsub: Arc<dyn PubSub>,
    chat_service: Arc<dyn ChatService>,
    history: Arc<History>,
    metrics: GatewayMetrics,
    invitations: mpsc::UnboundedSender<Invitation>,
    heartbeat: Arc<Heartbeat>,
    runtime: Handle,
    vital: Vital,
}

/// What a hub is made of.
pub struct Parts {
    /// Redis or LISTEN/NOTIFY.
    pub pubsub: Arc<dyn PubSub>,
    /// Where chats stand.
    pub chat_service: Arc<dyn ChatService>,
    /// What happened in them.
    pub history: Arc<History>,
    /// What is counted.
    pub metrics: GatewayMetrics,
    /// Hears the beats.
    pub heartbeat: Arc<Heartbeat>,
    /// Where tasks run.
    pub runtime: Handle,
    /// What must not end.
    pub vital: Vital,
}

/// A user was added to a chat: this connection of its should join.
pub struct Invitation {
    /// Which connection.
    pub connection: Arc<Connection>,
    /// Which chat.
    pub chat: ChatId,
}

struct Room {
    chat: ChatId,
    state: Mutex<RoomState>,
    channel: OnceCell<()>,
    is_closed: AtomicBool,
}

struct RoomState {
    kind: Option<ChatKind>,
    /// Of a session, once it is known.
    site: Option<SiteId>,
    feed: Feed<Arc<Event>>,
    listeners: Vec<Arc<Connection>>,
    last_used: Instant,
}

/// Connections lie anywhere in memory. What some of them need is fetched in one go, so that the processor waits for all of
/// it at the same time instead of once for each.
fn deliver(listeners: &[Arc<Connection>], frame: &ChatFrame) {
    for some in listeners.chunks(FETCHED_TOGETHER) {
        some.iter().for_each(|listener| listener.prefetch());
        some.iter().for_each(|listener| listener.deliver(frame));
    }
}

fn remove(list: &mut Vec<Arc<Connection>>, connection: &Arc<Connection>) {
    if let Some(index) = list.iter().position(|other| Arc::ptr_eq(other, connection)) {
        list.swap_remove(index);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// A hub with no rooms, and those whom it will invite.
    pub fn new(parts: Parts) -> (Self, mpsc::UnboundedReceiver<Invitation>) {
        let (invitations, invited) = mpsc::unbounded_channel();
        let hub = Self {
            rooms: Mutex::default(),
            staff: Mutex::default(),
            staff_channels: tokio::sync::Mutex::default(),
            baseline: ReplayBaseline::default(),
            workspace: Mutex::default(),
            users: Mutex::default(),
            signals: Mutex::default(),
            subscribing: RwLock::new(()),
            pubsub: parts.pubsub,
            chat_service: parts.chat_service,
            history: parts.history,
            metrics: parts.metrics,
            heartbeat: parts.heartbeat,
            invitations,
            runtime: parts.runtime,
            vital: parts.vital,
        };
        (hub, invited)
    }

    /// Whether the link to the bus stands.
    pub fn is_connected(&self) -> bool {
        self.pubsub.is_connected()
    }

    /// Passes a signal to all gateways.
    pub fn publish(&self, signal: Signal) {
        self.pubsub.signal(signal);
    }

    // --- what comes in --------------------------------------------------------------------------------------------

    /// Takes what the bus brings, until the bus ends.
    pub async fn run(self: Arc<Self>, mut incoming: mpsc::Receiver<Incoming>) {
        let mut reconcile = tokio::time::interval(RECONCILE_EVERY);
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        for timer in [&mut reconcile, &mut sweep] {
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                biased;
                incoming = incoming.recv() => match incoming {
                    Some(incoming) => self.arrive(incoming),
                    None => return,
                },
                _ = sweep.tick() => self.spawn(|hub| async move { hub.sweep().await }),
                _ = reconcile.tick() => self.spawn(|hub| async move { hub.reconcile().await }),
            }
        }
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(self: &Arc<Self>, job: impl FnOnce(Arc<Self>) -> F) {
        self.vital.spawn_job(&self.runtime, "a job of the hub", job(self.clone()));
    }

    fn arrive(self: &Arc<Self>, incoming: Incoming) {
        match incoming {
            Incoming::Event(envelope) => self.event(envelope),
            Incoming::Hint(hint) => {
                let Hint { chat_id, chat_kind, site_id, seq, kind, user_ids } = hint;
                self.invite_all(kind, chat_id, seq, &user_ids);
                if let Some(room) = self.wanted_room(chat_id, chat_kind, site_id) {
                    self.hear(&room, (chat_kind, site_id), seq);
                }
            }
            Incoming::Signal(signal) => self.signal(&signal),
            Incoming::Beat(beat) => self.heartbeat.heard(&beat),
            Incoming::Interrupted => tracing::warn!("the link to the bus broke"),
            Incoming::Restored => {
                tracing::info!("the link to the bus is back");
                self.spawn(|hub| async move { hub.reconcile().await });
            }
        }
    }

    fn event(self: &Arc<Self>, envelope: Envelope) {
        let event = Arc::new(envelope.event);
        self.invite_all(event.kind, event.chat_id, event.seq, &event.user_ids);
        let Some(room) = self.wanted_room(event.chat_id, event.chat_kind, event.site_id) else { return };
        let mut state = self.lock_for_event(&room, (event.chat_kind, event.site_id));
        let step = state.feed.arrive(event.seq, event);
        self.after(&room, &mut state, step);
    }

    fn hear(self: &Arc<Self>, room: &Arc<Room>, what: (ChatKind, Option<SiteId>), seq: Seq) {
        let mut state = self.lock_for_event(room, what);
        let step = state.feed.hear(seq);
        self.after(room, &mut state, step);
    }

    fn lock_for_event<'a>(&self, room: &'a Room, what: (ChatKind, Option<SiteId>)) -> MutexGuard<'a, RoomState> {
        let mut state = lock(&room.state);
        state.is_of(what);
        state.last_used = Instant::now();
        if what.0 == ChatKind::Session && self.staff().covers(state.site) {
            state.feed.follow();
        }
        state
    }

    fn after(self: &Arc<Self>, room: &Arc<Room>, state: &mut RoomState, step: Step<Arc<Event>>) {
        match step {
            Step::Deliver(event) => self.send_out(state, &event),
            Step::Fill(_) => self.start_fill(room),
            Step::Ask => self.ask_where_news_begin(room),
            Step::Wait => {}
        }
    }

    /// Encodes once, sends to everybody. Under the room's lock, so that order holds.
    fn send_out(&self, state: &mut RoomState, event: &Event) {
        let span = tracing::info_span!("hub.deliver", chat = event.chat_id.0, seq = event.seq.0);
        telemetry::trace::continue_from(&span, event.traceparent.as_deref());
        let _entered = span.enter();
        let frame = ChatFrame::of_event(event);
        self.to_all(state, &frame);
        self.metrics.delivered(event.committed_at);
        let removed = batch::removed(event);
        if !removed.is_empty() {
            state.removed(event.chat_id, removed, event.seq);
        }
    }

    fn to_all(&self, state: &RoomState, frame: &ChatFrame) {
        deliver(&state.listeners, frame);
        if state.kind == Some(ChatKind::Session) {
            self.staff().of(state.site).into_iter().for_each(|operators| deliver(operators, frame));
        }
    }

    /// Users were added to a chat, or have other rights there, perhaps that to read it again: those of their connections that
    /// are not in it yet shall join, if they may.
    fn invite_all(&self, kind: EventKind, chat: ChatId, seq: Seq, user_ids: &[UserId]) {
        if !matches!(kind, EventKind::MemberAdded | EventKind::MemberChanged) {
            return;
        }
        for connection in user_ids.iter().flat_map(|user| self.user(*user)) {
            if connection.is_invited(chat, seq, kind == EventKind::MemberAdded) {
                self.invite(Invitation { connection, chat });
            }
        }
    }

    fn invite(&self, invitation: Invitation) {
        // Nobody listens any more when the process ends.
        let _ = self.invitations.send(invitation);
    }

    fn signal(&self, signal: &Signal) {
        if !self.is_new(signal) {
            return;
        }
        let frame = frames::signal(signal);
        let mut site = signal.site_id;
        if let Some(room) = self.known_room(signal.chat_id) {
            let state = lock(&room.state);
            site = site.or(state.site);
            state.listeners.iter().for_each(|listener| listener.signal(signal, &frame));
        }
        if signal.chat_kind == ChatKind::Session {
            self.staff().of(site).into_iter().flatten().for_each(|staff| staff.signal(signal, &frame));
        }
    }

    fn is_new(&self, signal: &Signal) -> bool {
        let mut seen = lock(&self.signals);
        if seen.contains(&signal.id) {
            return false;
        }
        if seen.len() == SIGNALS_REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(signal.id);
        true
    }

    // --- filling ---------------------------------------------------------------------------------------------

    fn start_fill(self: &Arc<Self>, room: &Arc<Room>) {
        let room = room.clone();
        self.spawn(|hub| async move { hub.fill(&room).await });
    }

    /// Reads history until the feed has all it heard of. Nothing newer goes out before.
    async fn fill(&self, room: &Room) {
        let mut wait = Duration::from_millis(20);
        while !room.is_closed() {
            let (after, heard) = lock(&room.state).feed.gap();
            match self.history.read(room.chat, after, heard).await {
                Ok(batch) if batch.next > after => {
                    self.metrics.filled();
                    wait = Duration::from_millis(20);
                    if !self.apply(room, &batch) {
                        return;
                    }
                    continue;
                }
                Err(error) if error.code == ErrorCode::NotFound => {
                    lock(&room.state).feed = Feed::default();
                    return;
                }
                Ok(_) | Err(_) => {}
            }
            // Not there yet, or no answer: a jump stays unfilled rather than skipped.
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(2));
        }
    }

    /// Sends a piece of history, then what was held and follows it. True while more has to be read.
    fn apply(&self, room: &Room, batch: &Batch) -> bool {
        let mut state = lock(&room.state);
        state.is_of((batch.kind, batch.site));
        for item in &batch.items {
            self.to_all(&state, &item.frame);
            if let Some(user) = item.removed {
                state.removed(room.chat, &[user], item.frame.seq);
            }
        }
        let (held, more) = state.feed.filled(batch.next, batch.has_more);
        for event in held {
            self.send_out(&mut state, &event);
        }
        more
    }
}

impl Room {
    fn new(chat: ChatId) -> Self {
        let state = RoomState {
            kind: None,
            site: None,
            feed: Feed::default(),
            listeners: Vec::new(),
            last_used: Instant::now(),
        };
        Self { chat, state: Mutex::new(state), channel: OnceCell::new(), is_closed: AtomicBool::new(false) }
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    fn is_needed(&self, staff: &Staff) -> bool {
        let state = lock(&self.state);
        let for_staff = state.kind == Some(ChatKind::Session) && staff.covers(state.site);
        let kept = if for_staff { STAFF_ROOM_KEPT } else { SWEEP_EVERY };
        !state.listeners.is_empty() || state.last_used.elapsed() < kept
    }
}

impl RoomState {
    /// The kind of the chat, and the site of a session if that was said.
    fn is_of(&mut self, (kind, site): (ChatKind, Option<SiteId>)) {
        self.kind = Some(kind);
        self.site = site.or(self.site);
    }

    /// These users were removed at this position, and the frame that says so went out: their connections hear nothing from
    /// here on, unless they came in again.
    fn removed(&mut self, chat: ChatId, users: &[UserId], at: Seq) {
        self.without(users, |listener| listener.is_removed(chat, at));
    }

    /// These users had no right to be here when the chat stood here, whatever went out.
    fn take_off(&mut self, chat: ChatId, users: &[UserId], asked_at: Seq) {
        self.without(users, |listener| listener.is_taken_off(chat, asked_at));
    }

    fn without(&mut self, users: &[UserId], goes: impl Fn(&Connection) -> bool) {
        self.listeners.retain(|listener| {
            let is_meant = listener.user_id().is_some_and(|user| users.contains(&user));
            !(is_meant && goes(listener))
        });
    }
}
