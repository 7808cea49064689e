//! Wakes the workers of this process after a commit. The workers of other processes find due jobs by looking.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct JobWaker(Arc<Mutex<HashMap<&'static str, Arc<Notify>>>>);

impl JobWaker {
    /// Says that a job was enqueued. Cheap, never blocks; call it after the commit.
    pub fn enqueued(&self, kind: &str) {
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(kind) {
            bell.notify_one();
        }
    }

    pub(crate) fn bell(&self, kind: &'static str) -> Arc<Notify> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default().clone()
    }
}
