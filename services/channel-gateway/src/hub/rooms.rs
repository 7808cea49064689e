//! Rooms: a chat with listeners has one. They are spread over shards by chat, so that tasks that work on different
//! chats hardly ever wait for each other.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chat_events::{ChatId, ChatKind, Event, Seq, SiteId, UserId};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::fanout::Listeners;
use super::feed::Feed;
use super::lock;
use super::parcel::Outgoing;
use super::staff::Staff;
use crate::connection::Connection;

/// How often rooms that nobody listens to are cleared out.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// More than there are cores, so that two tasks seldom meet in one.
const SHARDS: usize = 64;
/// A session's room is kept this long for staff after its last event, so that a jump is still seen.
const STAFF_ROOM_KEPT: Duration = Duration::from_secs(600);
/// Signal ids remembered in a shard, since one may come on two channels.
const SIGNALS_REMEMBERED: usize = 64;

/// All rooms of a gateway.
pub(super) struct Rooms([Shard; SHARDS]);

#[derive(Default)]
struct Shard {
    rooms: Mutex<HashMap<ChatId, Arc<Room>>>,
    signals: Mutex<VecDeque<Uuid>>,
}

/// One chat.
pub(super) struct Room {
    pub(super) chat: ChatId,
    pub(super) state: Mutex<RoomState>,
    pub(super) channel: OnceCell<()>,
    is_closed: AtomicBool,
}

pub(super) struct RoomState {
    pub(super) kind: Option<ChatKind>,
    /// Of a session, once it is known.
    pub(super) site: Option<SiteId>,
    pub(super) feed: Feed<Arc<Event>>,
    pub(super) listeners: Listeners<Arc<Connection>>,
    /// The deliveries on their way to many listeners.
    pub(super) outgoing: Option<Box<Outgoing>>,
    pub(super) last_used: Instant,
}

impl Default for Rooms {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Shard::default()))
    }
}

impl Rooms {
    fn shard(&self, chat: ChatId) -> &Shard {
        // Ids are given out in a row.
        &self.0[chat.0.unsigned_abs() as usize % SHARDS]
    }

    /// The room of a chat, made if there is none.
    pub(super) fn get(&self, chat: ChatId) -> Arc<Room> {
        lock(&self.shard(chat).rooms).entry(chat).or_insert_with(|| Arc::new(Room::new(chat))).clone()
    }

    /// The room of a chat, if there is one.
    pub(super) fn known(&self, chat: ChatId) -> Option<Arc<Room>> {
        lock(&self.shard(chat).rooms).get(&chat).cloned()
    }

    /// The chats that have one.
    pub(super) fn chats(&self) -> Vec<ChatId> {
        self.0.iter().flat_map(|shard| lock(&shard.rooms).keys().copied().collect::<Vec<_>>()).collect()
    }

    /// Takes all away.
    pub(super) fn take_all(&self) -> Vec<Arc<Room>> {
        let taken = self.0.iter().flat_map(|shard| std::mem::take(&mut *lock(&shard.rooms)).into_values());
        taken.inspect(|room| room.close()).collect()
    }

    /// Takes away the rooms that nobody needs.
    pub(super) fn sweep(&self, staff: &Staff) -> Vec<Arc<Room>> {
        let mut unneeded = Vec::new();
        for shard in &self.0 {
            lock(&shard.rooms).retain(|_, room| {
                let is_needed = room.is_needed(staff);
                if !is_needed {
                    room.close();
                    unneeded.push(room.clone());
                }
                is_needed
            });
        }
        unneeded
    }

    /// Whether a signal of a chat comes for the first time.
    pub(super) fn is_new_signal(&self, chat: ChatId, id: Uuid) -> bool {
        let mut seen = lock(&self.shard(chat).signals);
        if seen.contains(&id) {
            return false;
        }
        if seen.len() == SIGNALS_REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(id);
        true
    }
}

impl Room {
    fn new(chat: ChatId) -> Self {
        let state = RoomState {
            kind: None,
            site: None,
            feed: Feed::default(),
            listeners: Listeners::default(),
            outgoing: None,
            last_used: Instant::now(),
        };
        Self { chat, state: Mutex::new(state), channel: OnceCell::new(), is_closed: AtomicBool::new(false) }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Waits until all that it has sent has arrived.
    pub(super) async fn at_rest(&self) {
        const LOOK_EVERY: Duration = Duration::from_millis(5);
        while !self.is_closed() && lock(&self.state).outgoing.is_some() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn is_needed(&self, staff: &Staff) -> bool {
        let state = lock(&self.state);
        let for_staff = state.kind == Some(ChatKind::Session) && staff.covers(state.site);
        let kept = if for_staff { STAFF_ROOM_KEPT } else { SWEEP_EVERY };
        !state.listeners.all().is_empty() || state.last_used.elapsed() < kept
    }
}

impl RoomState {
    /// The kind of the chat, and the site of a session if that was said.
    pub(super) fn is_of(&mut self, (kind, site): (ChatKind, Option<SiteId>)) {
        self.kind = Some(kind);
        self.site = site.or(self.site);
    }

    /// Takes a connection off.
    pub(super) fn detach(&mut self, connection: &Arc<Connection>) {
        self.listeners.remove(|other| Arc::ptr_eq(other, connection));
    }

    /// These users were removed at this position, and the frame that says so went out: their connections hear nothing from
    /// here on, unless they came in again.
    pub(super) fn removed(&mut self, chat: ChatId, users: &[UserId], at: Seq) {
        self.without(users, |listener| listener.is_removed(chat, at));
    }

    /// These users had no right to be here when the chat stood here, whatever went out.
    pub(super) fn take_off(&mut self, chat: ChatId, users: &[UserId], asked_at: Seq) {
        self.without(users, |listener| listener.is_taken_off(chat, asked_at));
    }

    fn without(&mut self, users: &[UserId], goes: impl Fn(&Connection) -> bool) {
        self.listeners.remove_all(|listener| {
            let is_meant = listener.user_id().is_some_and(|user| users.contains(&user));
            is_meant && goes(listener)
        });
    }
}
