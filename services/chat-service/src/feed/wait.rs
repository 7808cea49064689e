//! Readers that wait for the feed to grow: woken by the relay of this process, and looking themselves for changes that
//! others number.

use std::sync::Arc;
use std::time::Duration;

use bus::outbox::LaneWaker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// How many readers there may be at the same time, waiting ones included.
const READERS: usize = 64;

/// How often a reader looks for changes that another process has numbered.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// All readers of this process.
pub(crate) struct Readers {
    room: Arc<Semaphore>,
    waker: LaneWaker,
    ended: CancellationToken,
}

/// One of them.
pub(crate) struct Waiting {
    grows: watch::Receiver<()>,
    ended: CancellationToken,
    _room: OwnedSemaphorePermit,
}

impl Readers {
    /// None yet.
    pub(crate) fn new(waker: LaneWaker) -> Self {
        Self { room: Arc::new(Semaphore::new(READERS)), waker, ended: CancellationToken::new() }
    }

    /// Has nobody wait any more: they get the answer that there is.
    pub(crate) fn end_waits(&self) {
        self.ended.cancel();
    }

    /// An error when there are too many.
    pub(super) fn enter(&self) -> Result<Waiting, Error> {
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| Error::Busy("too many read the change feed; try again"))?;
        Ok(Waiting { grows: self.waker.watch_feed(), ended: self.ended.clone(), _room: room })
    }
}

impl Waiting {
    /// Whether it may have grown since the last call: false when the time is over, or the process ends.
    pub(super) async fn grown(&mut self, until: Instant) -> bool {
        if Instant::now() >= until {
            return false;
        }
        let look = until.min(Instant::now() + LOOK_EVERY);
        tokio::select! {
            () = self.ended.cancelled() => false,
            // The relay lives as long as the process; should it end, the looks are left.
            Ok(()) = self.grows.changed() => true,
            () = tokio::time::sleep_until(look) => true,
        }
    }
}
