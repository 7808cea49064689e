//! The crowd works on a thread of its own, so that others may be asked things while it listens.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::crowd::seat::{Guest, Wanted};
use super::crowd::{Crowd, Heard};
use super::subject::Subject;

/// Messages that come first and do not count, so that what is made once is there.
pub(crate) const WARM_UP_MESSAGES: u32 = 10;
/// Connections that come and go before it counts, likewise.
const WARM_UP_SOCKETS: usize = 100;
/// After that, what the last step left to do is done.
const SETTLED: Duration = Duration::from_millis(1500);
/// How long a message may take to the last socket.
const ALL_WITHIN: Duration = Duration::from_secs(30);
/// How long the goodbyes of all may take.
const GONE_WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct Crew {
    crowd: Arc<Mutex<Crowd>>,
    /// Of the last message, over all crowds of a process.
    number: u32,
}

/// How a message came to all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    /// From its publication until the last had it.
    pub(crate) whole: Duration,
    /// From the first who had it to the last.
    pub(crate) spread: Duration,
    /// Bytes on the wire, over all.
    pub(crate) bytes: usize,
}

impl Crew {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { crowd: Arc::new(Mutex::new(Crowd::new()?)), number: 0 })
    }

    async fn work<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Crowd) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let crowd = self.crowd.clone();
        tokio::task::spawn_blocking(move || task(&mut crowd.lock().unwrap_or_else(PoisonError::into_inner))).await?
    }

    /// What a server makes once, it makes here: some come, that many messages go to all of them, and they go.
    pub(crate) async fn warm_up(&mut self, subject: &mut Subject, messages: u32) -> anyhow::Result<()> {
        self.seat(subject.guests(0..WARM_UP_SOCKETS)).await?;
        for _ in 0..messages {
            self.deliver(subject).await?;
        }
        self.disperse().await?;
        self.settle().await
    }

    /// Lets these come.
    pub(crate) async fn seat(&self, guests: Vec<Guest>) -> anyhow::Result<()> {
        self.work(move |crowd| crowd.seat(guests)).await
    }

    /// How many are connected.
    pub(crate) async fn size(&self) -> anyhow::Result<usize> {
        self.work(|crowd| Ok(crowd.size())).await
    }

    /// One message to all, in the time from its publication to its last delivery.
    pub(crate) async fn deliver(&mut self, subject: &mut Subject) -> anyhow::Result<Delivery> {
        self.number += 1;
        let wanted = Wanted::numbered(self.number);
        let listening = self.work(move |crowd| crowd.hear(&wanted, ALL_WITHIN));
        let published = Instant::now();
        let (heard, said) = tokio::join!(listening, subject.publish(self.number));
        said?;
        let Heard { first, last, bytes } = heard?;
        Ok(Delivery { whole: last.duration_since(published), spread: last.duration_since(first), bytes })
    }

    /// Nothing but pings.
    pub(crate) async fn stay(&self, time: Duration) -> anyhow::Result<()> {
        self.work(move |crowd| crowd.stay(time)).await
    }

    /// Waits until the servers have done what the last step left to do.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        self.stay(SETTLED).await
    }

    /// All go.
    pub(crate) async fn disperse(&self) -> anyhow::Result<()> {
        self.work(|crowd| crowd.disperse(GONE_WITHIN)).await
    }
}
