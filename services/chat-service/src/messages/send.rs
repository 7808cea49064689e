//! Sends, many as one statement: messages that came while PostgreSQL wrote go as the next one. Nothing waits for
//! company.
//!
//! - [`queue`]: the order of turns; without I/O
//! - `batch`: the answers of one batch; [`statement`]: its statement
//! - `alone`: the messages that a batch left out
//!
//! A writer is a task. It takes the waiting messages, writes them, answers, and takes again, until nothing waits. So
//! one message that comes when nothing is going on is written at once, and the more come the more go together.

mod alone;
mod batch;
mod queue;
pub(crate) mod statement;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_events::frame::MAX_FRAME_BYTES;
use chat_events::{ChatId, Message, MessageBody, MessageDraft, Metadata, Visibility};
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use crate::access::{Actor, check_scope};
use crate::changes::ChatChanges;
use crate::db::Database;
use crate::error::Error;
use crate::metrics::ServiceMetrics;
use crate::writes::{WRITE_ENDS_WITHIN, Writes};

use queue::Queue;

/// A message to be written.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    pub(crate) actor: Actor,
    pub(crate) chat: ChatId,
    pub(crate) body: MessageBody,
    pub(crate) client_id: Uuid,
    pub(crate) visibility: Visibility,
    pub(crate) metadata: Option<Metadata>,
    /// W3C trace context of the request.
    pub(crate) traceparent: Option<String>,
}

impl NewMessage {
    /// Of the fields that its sender gave.
    pub(crate) fn of(actor: Actor, chat: ChatId, draft: MessageDraft) -> Self {
        let MessageDraft { body, client_id, visibility, metadata } = draft;
        let visibility = visibility.unwrap_or(Visibility::Public);
        Self {
            actor,
            chat,
            body,
            client_id,
            visibility,
            metadata,
            traceparent: telemetry::trace::current_traceparent(),
        }
    }
}

/// Bytes of a message's text and metadata in a frame, which holds 64 KiB: the rest of it needs less than a kilobyte.
const MOST_IN_A_FRAME: usize = MAX_FRAME_BYTES - 1024;

impl NewMessage {
    /// A text may have so many characters that are escaped that nothing fits in beside it.
    pub(crate) fn fits_in_a_frame(&self) -> Result<(), Error> {
        let Some(metadata) = &self.metadata else { return Ok(()) };
        if serde_json::to_string(&self.body)?.len() + metadata.as_str().len() <= MOST_IN_A_FRAME {
            return Ok(());
        }
        Err(Error::invalid("metadata", "metadata is too long beside this text"))
    }
}

/// A message that is stored.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) message: Message,
    /// False for a repeat.
    pub(crate) is_new: bool,
}

/// How many batches are with PostgreSQL at a time: while one waits for the disk, another is worked on. With 8 senders, 2
/// were slower than each message by itself; with 64, 8 were slower than 4, since they only are smaller.
const WRITERS: usize = 4;

/// A writer whose batch takes longer does not count: PostgreSQL is stuck on this one, or does not answer at all.
const SLOW: Duration = Duration::from_millis(250);

/// The sends of this process. Clones are cheap.
#[derive(Clone)]
pub(crate) struct Sends(Arc<Shared>);

struct Shared {
    database: Database,
    changes: ChatChanges,
    writes: Writes,
    metrics: ServiceMetrics,
    inner: Mutex<Inner>,
}

/// The waiting messages, and how many write.
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

impl Sends {
    pub(crate) fn new(database: Database, changes: ChatChanges, writes: Writes, metrics: ServiceMetrics) -> Self {
        Self(Arc::new(Shared { database, changes, writes, metrics, inner: Mutex::default() }))
    }

    /// Writes a message, once for each `client_id`. It is written also if its sender hangs up.
    pub(crate) async fn send(&self, new: NewMessage) -> Result<Sent, Error> {
        check_scope(new.actor.principal, new.chat)?;
        let (answer, answered) = oneshot::channel();
        let (chat, waiting) = (new.chat, Waiting { new, since: Instant::now(), answer });
        if self.inner().queue.push(chat, waiting).is_err() {
            return Err(Error::Unavailable("too many messages wait to be written".into()));
        }
        self.0.metrics.waits();
        self.start_writer();
        match timeout(WRITE_ENDS_WITHIN, self.patiently(answered)).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::Internal("a message was dropped".into())),
            Err(_) => Err(Error::no_answer()),
        }
    }

    /// Waits for the answer. A sender that has waited long looks whether the writers are slow: a timer of theirs would with
    /// every batch wake the thread that waits for the network.
    async fn patiently<T>(&self, mut answered: oneshot::Receiver<T>) -> Result<T, oneshot::error::RecvError> {
        loop {
            match timeout(SLOW, &mut answered).await {
                Ok(answer) => return answer,
                Err(_) => self.start_writer(),
            }
        }
    }

    /// Starts a writer if something can be written and not enough are at it.
    fn start_writer(&self) {
        if let Some(permit) = WriterPermit::take(self) {
            self.0.writes.spawn(write_what_waits(permit));
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write_what_waits(mut permit: WriterPermit) {
    while let Some(batch) = permit.next_batch() {
        batch::write(&permit.sends, batch).await;
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
    sends: Sends,
    id: WriterId,
}

impl WriterPermit {
    fn take(sends: &Sends) -> Option<Self> {
        let mut inner = sends.inner();
        if !inner.queue.is_ready() || !inner.has_permit(None) {
            return None;
        }
        inner.next_writer += 1;
        let id = inner.next_writer;
        inner.writers.insert(id, Instant::now());
        Some(Self { sends: sends.clone(), id })
    }

    /// The waiting messages. If there are none, or others took the place of a slow writer, it is given up in the same
    /// moment: the next sender starts a writer.
    fn next_batch(&mut self) -> Option<Batch> {
        let mut inner = self.sends.inner();
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
        self.sends.inner().writers.remove(&self.id);
    }
}

/// Chats whose messages are on their way; given back when dropped, so that no chat is ever left behind.
struct OnTheirWay {
    sends: Sends,
    chats: Vec<ChatId>,
}

impl OnTheirWay {
    fn new(sends: &Sends, chats: Vec<ChatId>) -> Self {
        Self { sends: sends.clone(), chats }
    }

    /// Lets the next messages of these chats go. The caller takes them, or starts a writer.
    fn give_back(&mut self, done: impl Fn(ChatId) -> bool) {
        let mut inner = self.sends.inner();
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
            self.sends.start_writer();
        }
    }
}
