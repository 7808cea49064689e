//! Takes what the bus brings and sends it to the connections that may see it: once, in order, encoded once.
//!
//! A chat that somebody listens to has a [`Room`]. Events pass through its [`feed`]: a jump is filled from
//! chat-service first. After a break of the link, and every 30 s, tops are compared: PostgreSQL is the only truth.

pub mod feed;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bus::{Arrival, Hint, Parcel, PubSub};
use chat_events::gateway_api::{SyncPage, SyncRequest, TopsRequest};
use chat_events::names::Channel;
use chat_events::{ChatId, ChatKind, ErrorBody, ErrorCode, Event, EventKind, Seq, Signal, UserId};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, RwLock};
use uuid::Uuid;

use crate::chat_service::ChatService;
use crate::connection::Connection;
use crate::frames::{self, ChatFrame};
use crate::metrics::GatewayMetrics;
use feed::{Feed, Step};

/// Messages read per page of a fill.
const FILL_PAGE: u16 = 200;
/// How often tops are compared when nothing is known to be wrong.
const RECONCILE_EVERY: Duration = Duration::from_secs(30);
/// How often rooms that nobody listens to are cleared out.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// A session's room is kept this long for staff after its last event, so that a jump is still seen.
const STAFF_ROOM_KEPT: Duration = Duration::from_secs(600);
/// Sessions that changed in this time are compared for staff.
const CHANGED_LATELY_SECONDS: u32 = 120;
/// Signal ids remembered, since one may come on two channels.
const SIGNALS_REMEMBERED: usize = 256;

/// All rooms of a gateway.
pub struct Hub {
    rooms: Mutex<HashMap<ChatId, Arc<Room>>>,
    staff: Mutex<Arc<Vec<Arc<Connection>>>>,
    staff_channel: OnceCell<()>,
    /// Whether the sessions that changed lately were looked at since the first of the staff came: from then on, one that
    /// is not known is news.
    knows_sessions: AtomicBool,
    users: Mutex<HashMap<UserId, Vec<Arc<Connection>>>>,
    signals: Mutex<VecDeque<Uuid>>,
    /// Subscribing shares it; clearing out rooms has it alone, so that the two never cross on one channel.
    subscribing: RwLock<()>,
    pubsub: Arc<dyn PubSub>,
    chat_service: Arc<dyn ChatService>,
    metrics: GatewayMetrics,
    runtime: Handle,
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
    feed: Feed<Arc<Event>>,
    listeners: Vec<Arc<Connection>>,
    /// Whether the staff here need not be told of what is past.
    is_past: bool,
    last_used: Instant,
}

impl RoomState {
    /// A session changed lately, after this position. If nothing of it went out since the staff came, that is news.
    fn session_changed(&mut self, since: Seq, staff_was_here: bool) {
        if !staff_was_here {
            self.is_past = true;
        } else if !self.is_past && self.feed.last().is_none() {
            self.feed.joined(since);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unreachable_bus(why: &bus::BusError) -> ErrorBody {
    tracing::warn!(error = %why, "cannot subscribe");
    ErrorBody::new(ErrorCode::Unavailable, "live delivery is not available; try again")
}

impl Hub {
    /// A hub with no rooms.
    pub fn new(
        pubsub: Arc<dyn PubSub>,
        chat_service: Arc<dyn ChatService>,
        metrics: GatewayMetrics,
        runtime: Handle,
    ) -> Self {
        Self {
            rooms: Mutex::default(),
            staff: Mutex::default(),
            staff_channel: OnceCell::new(),
            knows_sessions: AtomicBool::new(false),
            users: Mutex::default(),
            signals: Mutex::default(),
            subscribing: RwLock::new(()),
            pubsub,
            chat_service,
            metrics,
            runtime,
        }
    }

    /// Whether the link to the bus stands.
    pub fn is_connected(&self) -> bool {
        self.pubsub.is_connected()
    }

    /// Passes a signal to all gateways.
    pub async fn publish(&self, signal: &Signal) {
        if let Err(error) = self.pubsub.signal(signal).await {
            tracing::debug!(%error, "a signal was lost");
        }
    }

    // --- listeners -------------------------------------------------------------------------------------------

    /// Lists a connection for a chat; returns when the chat's channel is in force, so that history read afterwards
    /// leaves no gap.
    pub async fn attach(&self, chat: ChatId, connection: &Arc<Connection>) -> Result<(), ErrorBody> {
        let _shared = self.subscribing.read().await;
        let room = self.room(chat);
        lock(&room.state).listeners.push(connection.clone());
        let subscribe = || async { self.pubsub.subscribe(&[Channel::Chat(chat)]).await };
        room.channel.get_or_try_init(subscribe).await.map(|_| ()).map_err(|why| unreachable_bus(&why))
    }

    /// Takes a connection off a chat.
    pub fn detach(&self, chat: ChatId, connection: &Arc<Connection>) {
        let Some(room) = lock(&self.rooms).get(&chat).cloned() else { return };
        let mut state = lock(&room.state);
        remove(&mut state.listeners, connection);
        state.last_used = Instant::now();
    }

    /// Lists a connection for all sessions.
    pub async fn attach_staff(self: &Arc<Self>, connection: &Arc<Connection>) -> Result<(), ErrorBody> {
        {
            let mut staff = lock(&self.staff);
            let mut list = staff.as_ref().clone();
            list.push(connection.clone());
            *staff = Arc::new(list);
        }
        let subscribe = || async { self.pubsub.subscribe(&[Channel::Staff]).await };
        self.staff_channel.get_or_try_init(subscribe).await.map_err(|why| unreachable_bus(&why))?;
        if !self.knows_sessions.load(Ordering::Acquire) {
            self.spawn(|hub| async move { hub.reconcile().await });
        }
        Ok(())
    }

    /// Takes a connection off all sessions.
    pub fn detach_staff(&self, connection: &Arc<Connection>) {
        let mut staff = lock(&self.staff);
        let mut list = staff.as_ref().clone();
        remove(&mut list, connection);
        *staff = Arc::new(list);
    }

    /// Lists a connection for what concerns a user in person.
    pub async fn attach_user(&self, user: UserId, connection: &Arc<Connection>) -> Result<(), ErrorBody> {
        let _shared = self.subscribing.read().await;
        lock(&self.users).entry(user).or_default().push(connection.clone());
        self.pubsub.subscribe(&[Channel::User(user)]).await.map_err(|why| unreachable_bus(&why))
    }

    /// Takes a connection off a user's list.
    pub fn detach_user(&self, user: UserId, connection: &Arc<Connection>) {
        if let Some(list) = lock(&self.users).get_mut(&user) {
            remove(list, connection);
        }
    }

    /// A listener of a chat has read its history up to here.
    pub fn joined(&self, chat: ChatId, reached: Seq) {
        if let Some(room) = lock(&self.rooms).get(&chat) {
            lock(&room.state).feed.joined(reached);
        }
    }

    /// The last position that went out in a chat.
    pub fn last(&self, chat: ChatId) -> Seq {
        let room = lock(&self.rooms).get(&chat).cloned();
        room.and_then(|room| lock(&room.state).feed.last()).unwrap_or(Seq::ZERO)
    }

    fn room(&self, chat: ChatId) -> Arc<Room> {
        lock(&self.rooms).entry(chat).or_insert_with(|| Arc::new(Room::new(chat))).clone()
    }

    fn staff(&self) -> Arc<Vec<Arc<Connection>>> {
        lock(&self.staff).clone()
    }

    /// The room of a chat, if anybody here wants its events.
    fn wanted_room(&self, chat: ChatId, kind: ChatKind) -> Option<Arc<Room>> {
        if kind == ChatKind::Session && !lock(&self.staff).is_empty() {
            return Some(self.room(chat));
        }
        lock(&self.rooms).get(&chat).cloned()
    }

    // --- arrivals --------------------------------------------------------------------------------------------

    /// Takes what the bus brings, until the bus ends.
    pub async fn run(
        self: Arc<Self>,
        mut arrivals: tokio::sync::mpsc::Receiver<Arrival>,
        invite: impl Fn(Invitation) + Send,
    ) {
        let mut reconcile = tokio::time::interval(RECONCILE_EVERY);
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        for timer in [&mut reconcile, &mut sweep] {
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                biased;
                arrival = arrivals.recv() => match arrival {
                    Some(arrival) => self.arrive(arrival).into_iter().for_each(&invite),
                    None => return,
                },
                _ = sweep.tick() => self.spawn(|hub| async move { hub.sweep().await }),
                _ = reconcile.tick() => self.spawn(|hub| async move { hub.reconcile().await }),
            }
        }
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(self: &Arc<Self>, job: impl FnOnce(Arc<Self>) -> F) {
        self.runtime.spawn(job(self.clone()));
    }

    fn arrive(self: &Arc<Self>, arrival: Arrival) -> Vec<Invitation> {
        match arrival {
            Arrival::Event(parcel) => return self.event(parcel),
            Arrival::Hint(hint) => {
                let invitations = self.invitations(&Invited::of_hint(&hint), None);
                if let Some(room) = self.wanted_room(hint.chat_id, hint.chat_kind) {
                    self.hear(&room, hint.chat_kind, hint.seq);
                }
                return invitations;
            }
            Arrival::Signal(signal) => self.signal(&signal),
            Arrival::Interrupted => tracing::warn!("the link to the bus broke"),
            Arrival::Restored => {
                tracing::info!("the link to the bus is back");
                self.spawn(|hub| async move { hub.reconcile().await });
            }
        }
        Vec::new()
    }

    fn event(self: &Arc<Self>, parcel: Parcel) -> Vec<Invitation> {
        let event = Arc::new(parcel.event);
        let invitations = self.invitations(&Invited::of_event(&event), Some(&event));
        let Some(room) = self.wanted_room(event.chat_id, event.chat_kind) else { return invitations };
        let mut state = lock(&room.state);
        state.kind = Some(event.chat_kind);
        state.last_used = Instant::now();
        match state.feed.arrive(event.seq, event) {
            Step::Deliver(event) => self.send_out(&mut state, &event),
            Step::Fill(_) => self.start_fill(&room),
            Step::Wait => {}
        }
        invitations
    }

    fn hear(self: &Arc<Self>, room: &Arc<Room>, kind: ChatKind, seq: Seq) {
        let mut state = lock(&room.state);
        state.kind = Some(kind);
        state.last_used = Instant::now();
        if let Step::Fill(_) = state.feed.hear(seq) {
            self.start_fill(room);
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
        if event.kind == EventKind::MemberRemoved {
            state.listeners.retain(|listener| {
                let removed = listener.user_id().is_some_and(|user| event.user_ids.contains(&user));
                if removed {
                    listener.unwatch(event.chat_id);
                }
                !removed
            });
        }
    }

    fn to_all(&self, state: &RoomState, frame: &ChatFrame) {
        state.listeners.iter().for_each(|listener| listener.deliver(frame));
        if state.kind == Some(ChatKind::Session) {
            self.staff().iter().for_each(|staff| staff.deliver(frame));
        }
    }

    /// Users were added to a chat: those of their connections that are not in it yet. They are told at once, where
    /// the event is known; what else happened is read with the chat's state.
    fn invitations(&self, invited: &Invited<'_>, event: Option<&Event>) -> Vec<Invitation> {
        if invited.kind != EventKind::MemberAdded {
            return Vec::new();
        }
        let users = lock(&self.users);
        let connections = invited.user_ids.iter().filter_map(|user| users.get(user)).flatten();
        let new = connections.filter(|connection| connection.is_invited(invited.chat, invited.seq));
        new.map(|connection| {
            if let Some(event) = event {
                connection.replay(&ChatFrame::of_event(event));
            }
            Invitation { connection: connection.clone(), chat: invited.chat }
        })
        .collect()
    }

    fn signal(&self, signal: &Signal) {
        if !self.is_new(signal) {
            return;
        }
        let frame = frames::signal(signal);
        let room = lock(&self.rooms).get(&signal.chat_id).cloned();
        if let Some(room) = room {
            lock(&room.state).listeners.iter().for_each(|listener| listener.signal(signal, &frame));
        }
        if signal.chat_kind == ChatKind::Session {
            self.staff().iter().for_each(|staff| staff.signal(signal, &frame));
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
        while !room.is_closed.load(Ordering::Relaxed) {
            let after = lock(&room.state).feed.last().unwrap_or(Seq::ZERO);
            let ask = SyncRequest { principal: None, chat_id: room.chat, after, limit: FILL_PAGE };
            let page = self.chat_service.sync(ask).await;
            match page {
                Ok(page) if page.next > after => {
                    self.metrics.filled();
                    wait = Duration::from_millis(20);
                    if !self.apply(room, &page, after) {
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

    /// Sends a page of history, then what was held and follows it. True while more has to be read.
    fn apply(&self, room: &Room, page: &SyncPage, after: Seq) -> bool {
        let mut state = lock(&room.state);
        let kind = page.chat.kind;
        state.kind = Some(kind);
        for frame in page_frames(page, after) {
            self.to_all(&state, &frame);
        }
        let (held, more) = state.feed.filled(page.next, page.has_more);
        for event in held {
            self.send_out(&mut state, &event);
        }
        more
    }

    // --- keeping true ----------------------------------------------------------------------------------------

    /// Compares the tops of all rooms, and of the sessions that changed lately, with what went out.
    async fn reconcile(self: &Arc<Self>) {
        let chats: Vec<ChatId> = lock(&self.rooms).keys().copied().collect();
        let has_staff = !self.staff().is_empty();
        let knows_sessions = has_staff && self.knows_sessions.load(Ordering::Acquire);
        self.knows_sessions.store(knows_sessions, Ordering::Release);
        if chats.is_empty() && !has_staff {
            return;
        }
        let sessions_changed_within = if has_staff { CHANGED_LATELY_SECONDS } else { 0 };
        let ask = TopsRequest { chats, sessions_changed_within, ..TopsRequest::default() };
        let tops = match self.chat_service.tops(ask).await {
            Ok(tops) => tops,
            Err(error) => return tracing::warn!(%error, "tops cannot be compared"),
        };
        for top in tops.tops {
            if let Some(room) = self.wanted_room(top.chat_id, top.kind) {
                if let Some(since) = top.since {
                    lock(&room.state).session_changed(since, knows_sessions);
                }
                self.compare(&room, top.kind, top.seq);
            }
        }
        self.knows_sessions.store(has_staff, Ordering::Release);
    }

    fn compare(self: &Arc<Self>, room: &Arc<Room>, kind: ChatKind, top: Seq) {
        let is_behind = lock(&room.state).feed.is_behind(top);
        if is_behind {
            self.hear(room, kind, top);
        }
    }

    /// Clears out rooms that nobody needs, and gives back their channels.
    async fn sweep(&self) {
        let _alone = self.subscribing.write().await;
        let has_staff = !self.staff().is_empty();
        let mut channels = Vec::new();
        lock(&self.rooms).retain(|_, room| {
            let kept = room.is_needed(has_staff);
            if !kept {
                room.is_closed.store(true, Ordering::Relaxed);
                channels.extend(room.channel.initialized().then_some(Channel::Chat(room.chat)));
            }
            kept
        });
        lock(&self.users).retain(|user, list| {
            channels.extend(list.is_empty().then_some(Channel::User(*user)));
            !list.is_empty()
        });
        if !channels.is_empty()
            && let Err(error) = self.pubsub.unsubscribe(&channels).await
        {
            tracing::debug!(%error, "cannot unsubscribe");
        }
    }
}

/// Whom an event concerns in person.
struct Invited<'a> {
    kind: EventKind,
    chat: ChatId,
    seq: Seq,
    user_ids: &'a [UserId],
}

impl<'a> Invited<'a> {
    fn of_event(event: &'a Event) -> Self {
        Self { kind: event.kind, chat: event.chat_id, seq: event.seq, user_ids: &event.user_ids }
    }

    fn of_hint(hint: &'a Hint) -> Self {
        Self { kind: hint.kind, chat: hint.chat_id, seq: hint.seq, user_ids: &hint.user_ids }
    }
}

impl Room {
    fn new(chat: ChatId) -> Self {
        let state = RoomState {
            kind: None,
            feed: Feed::default(),
            listeners: Vec::new(),
            is_past: false,
            last_used: Instant::now(),
        };
        Self { chat, state: Mutex::new(state), channel: OnceCell::new(), is_closed: AtomicBool::new(false) }
    }

    fn is_needed(&self, has_staff: bool) -> bool {
        let state = lock(&self.state);
        let for_staff = has_staff && state.kind == Some(ChatKind::Session);
        let kept = if for_staff { STAFF_ROOM_KEPT } else { SWEEP_EVERY };
        !state.listeners.is_empty() || state.last_used.elapsed() < kept
    }
}

/// A page of history as frames, in the order of their change.
pub fn page_frames(page: &SyncPage, after: Seq) -> Vec<ChatFrame> {
    let mut frames: Vec<_> =
        page.messages.iter().map(|message| ChatFrame::of_message(page.chat.kind, message, after)).collect();
    let state_seq = page.chat.state_seq;
    if let Some(session) = &page.chat.session
        && state_seq > after
        && state_seq <= page.next
    {
        frames.push(ChatFrame::of_session(session));
        frames.sort_by_key(|frame| frame.seq);
    }
    frames
}

fn remove(list: &mut Vec<Arc<Connection>>, connection: &Arc<Connection>) {
    if let Some(index) = list.iter().position(|other| Arc::ptr_eq(other, connection)) {
        list.swap_remove(index);
    }
}
