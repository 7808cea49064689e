//! How other threads get a poller to look at one of its sockets.

use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

/// The sockets that a poller shall look at. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Attention(Arc<Asked>);

struct Asked {
    waker: Waker,
    keys: Mutex<Vec<usize>>,
}

impl Attention {
    pub(super) fn new(waker: Waker) -> Self {
        Self(Arc::new(Asked { waker, keys: Mutex::default() }))
    }

    /// Asks for a look at this socket: it is closing, or its peer can take messages again.
    pub(crate) fn ask(&self, key: usize) {
        let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.push(key);
        let is_first = keys.len() == 1;
        drop(keys);
        if is_first {
            self.wake();
        }
    }

    pub(super) fn wake(&self) {
        if let Err(error) = self.0.waker.wake() {
            tracing::error!(%error, "a poller cannot be woken");
        }
    }

    pub(super) fn take(&self) -> Vec<usize> {
        std::mem::take(&mut *self.0.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
