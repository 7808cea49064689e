//! Sends, many as one statement: what came while PostgreSQL wrote goes as the next one. Nothing waits for company.
//!
//! - [`queue`]: whose turn it is; without I/O
//! - `batch`: the statement and the answers of one batch
//!
//! A writer is a task. It takes what waits, writes it, answers, and takes again, until nothing waits. So one message
//! that comes when nothing is going on is written at once, and the more come the more go together.

mod batch;
mod queue;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_events::ChatId;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::db::access::check_scope;
use crate::db::send::{NewMessage, Sent};
use crate::error::Error;
use crate::state::{AppState, WRITE_ENDS_WITHIN};

use queue::Queue;

/// How many batches are with PostgreSQL at a time: while one waits for the disk, another is worked on. More would only
/// be smaller.
const WRITERS: usize = 2;

/// A writer whose batch takes longer lets another begin: PostgreSQL is stuck on this one, or does not answer at all.
const SLOW: Duration = Duration::from_millis(250);

/// What waits, and how many write.
#[derive(Default)]
pub(crate) struct Sends(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    queue: Queue<Waiting>,
    writers: usize,
}

/// A message whose sender waits for the answer.
struct Waiting {
    new: NewMessage,
    since: Instant,
    answer: oneshot::Sender<Result<Sent, Error>>,
}

type Batch = queue::Batch<Waiting>;

/// Writes a message, once for each `client_id`. It is written also if who asked for it hangs up.
pub(crate) async fn send(state: &AppState, new: NewMessage) -> Result<Sent, Error> {
    check_scope(new.actor.principal, new.chat)?;
    let (answer, answered) = oneshot::channel();
    let (chat, waiting) = (new.chat, Waiting { new, since: Instant::now(), answer });
    if state.sends.inner().queue.push(chat, waiting).is_err() {
        return Err(Error::Unavailable("too many messages wait to be written".into()));
    }
    state.metrics.waits();
    start_writer(state);
    match timeout(WRITE_ENDS_WITHIN, answered).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::Internal("a message was dropped".into())),
        Err(_) => Err(no_answer()),
    }
}

fn no_answer() -> Error {
    Error::Unavailable("PostgreSQL does not answer".into())
}

/// Starts a writer if something can be written and not enough are at it.
fn start_writer(state: &AppState) {
    if let Some(place) = Place::take(state) {
        state.spawn_write(write_what_waits(place));
    }
}

async fn write_what_waits(mut place: Place) {
    let state = place.state.clone();
    while let Some(batch) = place.next_batch() {
        let writing = batch::write(&state, batch);
        tokio::pin!(writing);
        if timeout(SLOW, &mut writing).await.is_err() {
            place.leave();
            start_writer(&state);
            writing.await;
            return start_writer(&state);
        }
    }
}

impl Sends {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to be one of the writers, given up when dropped.
struct Place {
    state: AppState,
    is_taken: bool,
}

impl Place {
    fn take(state: &AppState) -> Option<Self> {
        let mut inner = state.sends.inner();
        let is_taken = inner.queue.is_ready() && inner.writers < WRITERS;
        inner.writers += usize::from(is_taken);
        is_taken.then(|| Self { state: state.clone(), is_taken })
    }

    /// What waits. If nothing does, the place is given up in the same moment: whoever comes next starts a writer.
    fn next_batch(&mut self) -> Option<Batch> {
        let mut inner = self.state.sends.inner();
        let batch = inner.queue.take();
        if batch.is_none() {
            self.is_taken = false;
            inner.writers -= 1;
        }
        batch
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.is_taken) {
            self.state.sends.inner().writers -= 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Chats whose messages are on their way; given back when dropped, so that no chat is ever left behind.
struct OnTheirWay {
    state: AppState,
    chats: Vec<ChatId>,
}

impl OnTheirWay {
    fn new(state: &AppState, chats: Vec<ChatId>) -> Self {
        Self { state: state.clone(), chats }
    }

    /// Lets the next messages of these chats go. The caller takes them, or starts a writer.
    fn give_back(&mut self, done: impl Fn(ChatId) -> bool) {
        let mut inner = self.state.sends.inner();
        self.chats.retain(|chat| {
            let is_done = done(*chat);
            if is_done {
                inner.queue.give_back(*chat);
            }
            !is_done
        });
    }
}

impl Drop for OnTheirWay {
    fn drop(&mut self) {
        if !self.chats.is_empty() {
            self.give_back(|_| true);
            start_writer(&self.state);
        }
    }
}
