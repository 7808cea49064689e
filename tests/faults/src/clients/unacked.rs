//! What was written over a socket and is not acknowledged yet. It is written again, under the same `client_id`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::recorder::Letter;

/// Without an answer it is written again after this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// After a refusal that passes it is written again after this time.
const SOON: Duration = Duration::from_millis(300);

/// A message to be written over a socket.
#[derive(Debug)]
pub struct Saying {
    /// Its place in the record.
    pub letter: Letter,
    /// What its sender calls it.
    pub client_id: Uuid,
    /// The frame.
    pub frame: Value,
    /// Held until it is answered: a sender has only so many under way.
    pub permit: OwnedSemaphorePermit,
}

/// All that is not acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Unacked(BTreeMap<Uuid, (Saying, Instant)>);

impl Unacked {
    pub(crate) fn add(&mut self, saying: Saying) {
        self.0.insert(saying.client_id, (saying, Instant::now()));
    }

    /// An answer came: it need not be written again.
    pub(crate) fn take(&mut self, client_id: Uuid) -> Option<Saying> {
        self.0.remove(&client_id).map(|(saying, _)| saying)
    }

    /// It was refused in a way that passes.
    pub(crate) fn soon_again(&mut self, client_id: Uuid) {
        if let Some((_, due)) = self.0.get_mut(&client_id) {
            *due = Instant::now() + SOON;
        }
    }

    /// Everything is due on a new connection.
    pub(crate) fn all_again(&mut self) {
        let now = Instant::now();
        self.0.values_mut().for_each(|(_, due)| *due = now);
    }

    /// What is to be written now.
    pub(crate) fn due(&mut self) -> Vec<(Letter, Value)> {
        let now = Instant::now();
        let due = self.0.values_mut().filter(|(_, due)| *due <= now);
        due.map(|(saying, due)| {
            *due = now + PATIENCE;
            (saying.letter, saying.frame.clone())
        })
        .collect()
    }
}
