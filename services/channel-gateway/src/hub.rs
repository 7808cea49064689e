//! Takes events and signals from the bus and sends them to the connections that may see them: once, in order, encoded
//! once.
//!
//! A chat with listeners has a room (`rooms`). Events pass through its [`feed`]: a jump is filled from history first;
//! `delivery` brings them to the listeners, to many in portions ([`fanout`]). `listeners` keeps the lists of connections, `staff`
//! those of operators by site, `operators` tells who of them is here; `replay_baseline` finds the news for staff, `upkeep` compares it all with PostgreSQL.
//!
//! Several tasks take items from the bus: a chat always belongs to the same task.

mod delivery;
pub(crate) mod fanout;
pub(crate) mod feed;
mod listeners;
mod operators;
mod parcel;
mod replay_baseline;
mod rooms;
mod staff;
#[cfg(test)]
mod tests;
mod upkeep;
mod workspace;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use bus::{Envelope, Hint, Incoming, Incomings, PubSub};
use chat_events::names::Channel;
use chat_events::workspace::WorkspaceNews;
use chat_events::{ChatId, ChatKind, ErrorCode, Event, EventKind, Seq, Signal, SignalData, SiteId, UserId};
use telemetry::Vital;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{Notify, RwLock, mpsc};
use tokio::task::JoinSet;

use crate::catch_up::history::History;
use crate::catch_up::history::batch::Batch;
use crate::chat_service::ChatService;
use crate::connection::Connection;
use crate::ops::heartbeat::Heartbeat;
use crate::ops::metrics::{GatewayMetrics, HUB_LOCK_WAITS};
use crate::transport::frames;
use delivery::Deliveries;
use feed::{Feed, Step};
use parcel::Parcel;
use replay_baseline::ReplayBaseline;
use rooms::{Room, RoomState, Rooms, SWEEP_EVERY};
use staff::Staff;
use upkeep::RECONCILE_EVERY;

/// How many incoming items a task takes before it sends a portion to many.
const TAKEN_TOGETHER: usize = 32;

/// All rooms of a gateway.
pub struct Hub {
    rooms: Rooms,
    /// The deliveries to many listeners, for each task.
    deliveries: Box<[Deliveries]>,
    staff: Mutex<Arc<Staff>>,
    /// The channels of sessions that are subscribed to.
    staff_channels: tokio::sync::Mutex<HashSet<Channel>>,
    baseline: ReplayBaseline,
    operators_changed: Notify,
    /// Since it was last looked who is here.
    operators_who_came: Mutex<BTreeSet<UserId>>,
    /// The last change of the workspace.
    workspace: Mutex<WorkspaceNews>,
    users: Mutex<HashMap<UserId, Vec<Arc<Connection>>>>,
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

/// The parts of a hub.
pub struct Parts {
    /// Redis or LISTEN/NOTIFY.
    pub pubsub: Arc<dyn PubSub>,
    /// Where chats stand.
    pub chat_service: Arc<dyn ChatService>,
    /// The history of chats.
    pub history: Arc<History>,
    /// The metrics.
    pub metrics: GatewayMetrics,
    /// Hears the beats.
    pub heartbeat: Arc<Heartbeat>,
    /// Where tasks run.
    pub runtime: Handle,
    /// The tasks that must not end.
    pub vital: Vital,
    /// How many tasks take items in: as many as there are [`bus::Inlets`].
    pub tasks: usize,
}

/// A user was added to a chat: this connection of its should join.
pub struct Invitation {
    /// Which connection.
    pub connection: Arc<Connection>,
    /// Which chat.
    pub chat: ChatId,
}

fn remove(list: &mut Vec<Arc<Connection>>, connection: &Arc<Connection>) {
    if let Some(index) = list.iter().position(|other| Arc::ptr_eq(other, connection)) {
        list.swap_remove(index);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => {
            HUB_LOCK_WAITS.inc();
            mutex.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

impl Hub {
    /// A hub with no rooms, and the queue of connections that it will invite.
    pub fn new(parts: Parts) -> (Self, mpsc::UnboundedReceiver<Invitation>) {
        let (invitations, invited) = mpsc::unbounded_channel();
        let hub = Self {
            rooms: Rooms::default(),
            deliveries: (0..parts.tasks.max(1)).map(|_| Deliveries::default()).collect(),
            staff: Mutex::default(),
            staff_channels: tokio::sync::Mutex::default(),
            baseline: ReplayBaseline::default(),
            operators_changed: Notify::new(),
            operators_who_came: Mutex::default(),
            workspace: Mutex::default(),
            users: Mutex::default(),
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

    // --- items from the bus ---------------------------------------------------------------------------------------

    /// Takes items from the bus, until the bus ends: each way by a task of its own, and items of no chat by the first.
    pub async fn run(self: Arc<Self>, incoming: Incomings) {
        let mut tasks = JoinSet::new();
        for (task, incoming) in incoming.into_iter().enumerate() {
            tasks.spawn_on(self.clone().serve(task, incoming), &self.runtime);
        }
        tokio::select! {
            // The first to end ends the rest: the bus has ended, or nothing works without the task.
            ended = tasks.join_next() => if let Some(Err(error)) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            },
            () = self.keep() => {}
        }
    }

    /// Compares itself with PostgreSQL, and clears out rooms.
    async fn keep(self: &Arc<Self>) {
        let mut reconcile = tokio::time::interval(RECONCILE_EVERY);
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        for timer in [&mut reconcile, &mut sweep] {
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                _ = sweep.tick() => self.spawn(|hub| async move { hub.sweep().await }),
                _ = reconcile.tick() => self.spawn(|hub| async move { hub.reconcile().await }),
            }
        }
    }

    /// The loop of one task. A few new items go first, then a portion of the deliveries to many.
    async fn serve(self: Arc<Self>, task: usize, mut incoming: mpsc::Receiver<Incoming>) {
        let deliveries = &self.deliveries[task];
        loop {
            let mut taken = 0;
            while taken < TAKEN_TOGETHER && !deliveries.is_full() {
                match incoming.try_recv() {
                    Ok(incoming) => self.arrive(incoming),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
                taken += 1;
            }
            if self.deliver_portion(deliveries) || taken == TAKEN_TOGETHER {
                // Others have this thread in between.
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                biased;
                incoming = incoming.recv() => match incoming {
                    Some(incoming) => self.arrive(incoming),
                    None => return,
                },
                () = deliveries.bell.notified() => {}
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
            Incoming::Signal(signal) => self.signal(signal),
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
            Step::Deliver(event) => self.send(room, state, Parcel::of_event(&event)),
            Step::Fill(_) => self.start_fill(room),
            Step::Ask => self.ask_where_news_begin(room),
            Step::Wait => {}
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

    fn signal(&self, signal: Signal) {
        if !self.rooms.is_new_signal(signal.chat_id, signal.id) {
            return;
        }
        let frame = frames::signal(&signal);
        if let SignalData::Operator { scope, .. } = &signal.data {
            let sharing = self.staff().sharing(scope);
            return sharing.iter().for_each(|connection| connection.signal(&signal, &frame));
        }
        let (kind, site) = (signal.chat_kind, signal.site_id);
        if let Some(room) = self.rooms.known(signal.chat_id) {
            let mut state = lock(&room.state);
            state.is_of((kind, site));
            self.send(&room, &mut state, Parcel::Signal(Arc::new(signal), frame));
        } else if kind == ChatKind::Session {
            self.staff().of(site).into_iter().flatten().for_each(|staff| staff.signal(&signal, &frame));
        }
    }

    // --- filling ---------------------------------------------------------------------------------------------

    fn start_fill(self: &Arc<Self>, room: &Arc<Room>) {
        let room = room.clone();
        self.spawn(|hub| async move { hub.fill(&room).await });
    }

    /// Reads history until the feed has all it heard of. Nothing newer goes out before.
    async fn fill(&self, room: &Arc<Room>) {
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
                    // A piece at a time is on its way to many.
                    room.at_rest().await;
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

    /// Sends a piece of history, then the held events that follow it. True while more has to be read.
    fn apply(&self, room: &Arc<Room>, batch: &Batch) -> bool {
        let mut state = lock(&room.state);
        state.is_of((batch.kind, batch.site));
        for item in &batch.items {
            self.send(room, &mut state, Parcel::of_history(item));
        }
        let (held, more) = state.feed.filled(batch.next, batch.has_more);
        for event in held {
            self.send(room, &mut state, Parcel::of_event(&event));
        }
        more
    }
}
