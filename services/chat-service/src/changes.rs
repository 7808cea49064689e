//! The one way to change a chat.
//!
//! [`ChatChanges::change`] locks the chat, checks the requester's right, runs the work, writes an event and at most
//! one activity row for each seq that the work took, commits, and wakes the relay. The work changes rows in *steps*: a step is
//! given its seq and must come back with the event, so none of the two is ever without the other. Only batches of sends
//! have a way of their own (`messages/send/statement.rs`), which does the same in one statement.
//!
//! - [`change`](mod@change): the transaction of a change
//! - [`event`]: the event and activity of a step
//! - `lock`: the lock of chats, in the order of their ids
//! - `finish`: the last statement of a change

mod change;
mod event;
mod finish;
mod lock;

use bus::outbox::LaneWaker;
use chat_events::{ChatId, LaneCount};
use futures_util::future::BoxFuture;

use crate::access::{Actor, Verb};
use crate::db::{Connection, Database};
use crate::error::Error;
use crate::writes::Writes;

pub(crate) use change::Change;
pub(crate) use event::{Activity, Author, Event, Raises};
pub(crate) use lock::lock;

/// The requester of a change.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    /// An actor that must have the right to it.
    Actor(Actor, Verb),
    /// The installation itself: the command line, or a visitor who opens a session.
    System,
}

/// The parts of the process that a change needs. Clones are cheap.
#[derive(Clone)]
pub(crate) struct ChatChanges {
    database: Database,
    lanes: LaneCount,
    waker: LaneWaker,
    writes: Writes,
}

impl ChatChanges {
    pub(crate) fn new(database: Database, lanes: LaneCount, waker: LaneWaker, writes: Writes) -> Self {
        Self { database, lanes, waker, writes }
    }

    /// How many lanes the outbox has.
    pub(crate) fn lanes(&self) -> LaneCount {
        self.lanes
    }

    /// Changes a chat, if the requester may. It is done to its end, also if the requester hangs up.
    pub(crate) async fn change<T: Send + Sync + 'static>(
        &self,
        chat: ChatId,
        by: By,
        work: impl for<'c> FnOnce(&'c mut Change<'_>) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.change_all(vec![chat], by, work).await
    }

    /// The same for several chats at once. The right is looked at in the first of them.
    pub(crate) async fn change_all<T: Send + Sync + 'static>(
        &self,
        chats: Vec<ChatId>,
        by: By,
        work: impl for<'c> FnOnce(&'c mut Change<'_>) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (this, traceparent) = (self.clone(), telemetry::trace::current_traceparent());
        let work = async move {
            let start = change::Start { chats: &chats, by, lanes: this.lanes, traceparent: traceparent.as_deref() };
            let conn = this.database.get();
            let write = async |conn: &mut Connection| change::run(conn, start, work).await;
            let (value, changed) = this.database.until_silent(conn, write).await?;
            changed.into_iter().for_each(|chat| this.committed(chat));
            Ok(value)
        };
        self.writes.run(work).await
    }

    /// Tells the relay that a change of this chat is committed.
    pub(crate) fn committed(&self, chat: ChatId) {
        self.waker.committed(self.lanes.lane_of(chat));
    }
}
