//! Wakes a lane's holder after a commit: in memory when it is in this process, else by NOTIFY, coalesced and outside
//! the transaction, since NOTIFY takes a lock on the whole database at commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use chat_events::names::PG_LANE_WAKE;
use chat_events::{Lane, LaneCount};
use diesel_async::AsyncPgConnection;
use secrecy::SecretString;
use tokio::sync::{Notify as Bell, watch};
use tokio_util::sync::CancellationToken;

use crate::BusError;
use crate::backoff::Backoff;
use crate::postgres::{Notify, PING_EVERY, connect, notification, ping};

/// Wakes the holders of lanes. Clones share everything.
#[derive(Debug, Clone)]
pub struct LaneWaker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    count: LaneCount,
    lanes: Box<[LaneState]>,
    nudge: Bell,
    /// Rung when a holder in this process has numbered something.
    numbered: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct LaneState {
    bell: Bell,
    held_here: AtomicBool,
    nudge_due: AtomicBool,
}

impl LaneWaker {
    /// For that many lanes.
    #[must_use]
    pub fn new(lanes: LaneCount) -> Self {
        let states = lanes.lanes().map(|_| LaneState::default()).collect();
        Self(Arc::new(Shared { count: lanes, lanes: states, nudge: Bell::new(), numbered: watch::Sender::new(()) }))
    }

    /// How many lanes it wakes.
    pub(crate) fn lanes(&self) -> LaneCount {
        self.0.count
    }

    /// Says that events of a lane were committed. Cheap, never blocks; call it after each commit.
    pub fn committed(&self, lane: Lane) {
        let Some(state) = self.state(lane) else { return };
        if state.held_here.load(Ordering::Acquire) {
            state.bell.notify_one();
        } else if !state.nudge_due.swap(true, Ordering::AcqRel) {
            self.0.nudge.notify_one();
        }
    }

    /// Says that the change feed has grown.
    pub(crate) fn numbered(&self) {
        self.0.numbered.send_replace(());
    }

    /// Tells when the change feed has grown by changes that this process numbers; not of changes that others number.
    #[must_use]
    pub fn watch_feed(&self) -> watch::Receiver<()> {
        self.0.numbered.subscribe()
    }

    /// Carries nudges between processes, both ways, until shutdown. One task per process, on its own connection. While
    /// PostgreSQL is away nothing is lost: holders poll.
    pub async fn run_link(self, database_url: SecretString, shutdown: CancellationToken) {
        let mut backoff = Backoff::default();
        loop {
            let started = Instant::now();
            let Some(result) = shutdown.run_until_cancelled(self.link(&database_url)).await else { return };
            if let Err(error) = result {
                tracing::debug!(%error, "the link between lane holders broke");
            }
            if started.elapsed() > PING_EVERY {
                backoff.reset();
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(backoff.next_wait())).await.is_none() {
                return;
            }
        }
    }

    async fn link(&self, database_url: &SecretString) -> Result<(), BusError> {
        let listen = format!("SET application_name = 'switchboard lane nudges'; LISTEN {PG_LANE_WAKE}");
        let mut conn = connect(database_url, &listen).await?;
        let mut ticks = tokio::time::interval(PING_EVERY);
        loop {
            self.send_nudges(&mut conn).await?;
            tokio::select! {
                () = self.0.nudge.notified() => {}
                heard = notification(&mut conn) => self.ring(&heard?.payload),
                _ = ticks.tick() => ping(&mut conn).await?,
            }
        }
    }

    /// Wakes that come while one nudge is on its way go with the next.
    async fn send_nudges(&self, conn: &mut AsyncPgConnection) -> Result<(), BusError> {
        let due = |state: &LaneState| state.nudge_due.swap(false, Ordering::AcqRel);
        let payloads: Vec<String> =
            self.0.lanes.iter().enumerate().filter(|(_, state)| due(state)).map(|(lane, _)| lane.to_string()).collect();
        if payloads.is_empty() {
            return Ok(());
        }
        Notify { channel: PG_LANE_WAKE, payloads }.send(conn).await
    }

    fn ring(&self, payload: &str) {
        if let Some(state) = payload.parse().ok().and_then(|lane| self.state(Lane(lane))) {
            state.bell.notify_one();
        }
    }

    /// Says whether this process relays a lane.
    pub(crate) fn set_held(&self, lane: Lane, held: bool) {
        if let Some(state) = self.state(lane) {
            state.held_here.store(held, Ordering::Release);
        }
    }

    /// Waits until something was committed to a lane since the last call. Safe to cancel.
    pub(crate) async fn committed_to(&self, lane: Lane) {
        match self.state(lane) {
            Some(state) => state.bell.notified().await,
            None => std::future::pending().await,
        }
    }

    fn state(&self, lane: Lane) -> Option<&LaneState> {
        self.0.lanes.get(usize::try_from(lane.0).ok()?)
    }
}
