//! Sends, many as one statement: what came while PostgreSQL wrote goes as the next one. Nothing waits for company.
//!
//! - [`queue`]: whose turn it is; without I/O
//! - `batch`: the statement and the answers of one batch
//!
//! A writer is a task. It takes what waits, writes it, answers, and takes again, until nothing waits. So one message
//! that comes when nothing is going on is written at once, and the more come the more go together.

mod batch;
mod queue;

use std::collections::HashMap;
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

/// How many batches are with PostgreSQL at a time: while one waits for the disk, another is worked on. With 8 senders, 2
/// were slower than each message by itself; with 64, 8 were slower than 4, since they only are smaller.
const WRITERS: usize = 4;

/// A writer whose batch takes longer does not count: PostgreSQL is stuck on this one, or does not answer at all.
const SLOW: Duration = Duration::from_millis(250);

/// What waits, and how many write.
#[derive(Default)]
pub(crate) struct Sends(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    queue: Queue<Waiting>,
    /// Since when each writer has been at its batch.
    writers: HashMap<WriterId, Instant>,
    next_writer: WriterId,
}

type WriterId = u64;

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
    match timeout(WRITE_ENDS_WITHIN, patiently(state, answered)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::Internal("a message was dropped".into())),
        Err(_) => Err(no_answer()),
    }
}

/// Waits for the answer. Who has waited long looks whether the writers are slow: a timer of theirs would with every batch
/// wake the thread that waits for the network.
async fn patiently<T>(state: &AppState, mut answered: oneshot::Receiver<T>) -> Result<T, oneshot::error::RecvError> {
    loop {
        match timeout(SLOW, &mut answered).await {
            Ok(answer) => return answer,
            Err(_) => start_writer(state),
        }
    }
}

fn no_answer() -> Error {
    Error::Unavailable("PostgreSQL does not answer".into())
}

/// Starts a writer if something can be written and not enough are at it.
fn start_writer(state: &AppState) {
    if let Some(permit) = WriterPermit::take(state) {
        state.spawn_write(write_what_waits(permit));
    }
}

async fn write_what_waits(mut permit: WriterPermit) {
    while let Some(batch) = permit.next_batch() {
        batch::write(&permit.state, batch).await;
    }
}

impl Sends {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whether fewer write than may, beside this one.
    fn has_permit(&self, beside: Option<WriterId>) -> bool {
        let others = self.writers.iter().filter(|(id, since)| Some(**id) != beside && since.elapsed() < SLOW);
        others.count() < WRITERS
    }
}

/// The right to be one of the writers, given up when dropped.
struct WriterPermit {
    state: AppState,
    id: WriterId,
}

impl WriterPermit {
    fn take(state: &AppState) -> Option<Self> {
        let mut inner = state.sends.inner();
        if !inner.queue.is_ready() || !inner.has_permit(None) {
            return None;
        }
        inner.next_writer += 1;
        let id = inner.next_writer;
        inner.writers.insert(id, Instant::now());
        Some(Self { state: state.clone(), id })
    }

    /// What waits. If nothing does, or others took the place of a slow writer, it is given up in the same moment: whoever
    /// comes next starts a writer.
    fn next_batch(&mut self) -> Option<Batch> {
        let mut inner = self.state.sends.inner();
        let batch = if inner.has_permit(Some(self.id)) { inner.queue.take() } else { None };
        if batch.is_some() {
            inner.writers.insert(self.id, Instant::now());
        } else {
            inner.writers.remove(&self.id);
        }
        batch
    }
}

impl Drop for WriterPermit {
    fn drop(&mut self) {
        self.state.sends.inner().writers.remove(&self.id);
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
