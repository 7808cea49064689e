//! The ways of items to a gateway: several, so that as many tasks can take it in. All of a chat goes by one of them.

use std::sync::Arc;

use chat_events::ChatId;
use tokio::sync::mpsc;

use crate::Incoming;

/// How many wait on a way. When it is full the link is given up, and the gateway compares itself with PostgreSQL.
const WAITING: usize = 8192;

/// The ends of all ways.
pub type Incomings = Vec<mpsc::Receiver<Incoming>>;

/// The entrances of the ways. Clones lead to the same tasks.
#[derive(Debug, Clone)]
pub struct Inlets(Arc<[mpsc::Sender<Incoming>]>);

impl Inlets {
    /// That many ways, at least one, and their ends.
    #[must_use]
    pub fn new(ways: usize) -> (Self, Incomings) {
        let (senders, receivers): (Vec<_>, Incomings) = (0..ways.max(1)).map(|_| mpsc::channel(WAITING)).unzip();
        (Self(senders.into()), receivers)
    }

    /// The way of a chat, of so many.
    #[must_use]
    pub fn way_of(chat: ChatId, ways: usize) -> usize {
        // Ids are given out in a row.
        usize::try_from(chat.0.unsigned_abs() % ways.max(1) as u64).unwrap_or_default()
    }

    /// Items of no chat go by the first.
    fn of(&self, incoming: &Incoming) -> &mpsc::Sender<Incoming> {
        let chat = match incoming {
            Incoming::Event(envelope) => envelope.event.chat_id,
            Incoming::Hint(hint) => hint.chat_id,
            Incoming::Signal(signal) => signal.chat_id,
            Incoming::Beat(_) | Incoming::Interrupted | Incoming::Restored => return &self.0[0],
        };
        &self.0[Self::way_of(chat, self.0.len())]
    }

    /// Puts something where there is room; false where there is none, or nobody.
    #[must_use]
    pub fn try_send(&self, incoming: Incoming) -> bool {
        self.of(&incoming).try_send(incoming).is_ok()
    }

    /// Waits for room: the gateway must hear of every break of the link.
    /// False where nobody is left.
    pub(crate) async fn send(&self, incoming: Incoming) -> bool {
        self.of(&incoming).send(incoming).await.is_ok()
    }

    /// Whether a task that takes items in is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.iter().any(mpsc::Sender::is_closed)
    }
}
