//! At most one relay at a time reads a lane: an advisory lock on a session of its own.
//!
//! The session is pinged each second, and PostgreSQL ends it when it has been idle for 5 s: a holder that hangs or is
//! cut off loses its lane in that time, and finds its own session dead when it comes back.

use std::sync::Arc;
use std::time::Duration;

use chat_events::Lane;
use chat_events::names::lane_lock;
use diesel::sql_types::Integer;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use secrecy::SecretString;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::rows;
use crate::postgres::{connect, failed, in_time, soon};
use crate::{BusError, LaneMetrics};

/// How often the session shows that it lives, and how often a standby tries for the lock.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(1);

/// Deletes need not wait for the disk: a row that comes back after a crash is only published again. Plans that read
/// the whole table are ruled out: statistics of a table whose rows live for milliseconds are never right.
const SETTINGS: &str = "SET application_name = 'switchboard lane';
    SET idle_session_timeout = '5s'; SET statement_timeout = '10s'; SET synchronous_commit = off; SET TimeZone = 'UTC';
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off";

#[diesel::declare_sql_function]
extern "SQL" {
    fn pg_try_advisory_lock(space: Integer, lane: Integer) -> Bool;
}

/// A session that waits for its lane.
pub(crate) struct Standby {
    conn: AsyncPgConnection,
    lane: Lane,
}

impl Standby {
    pub(crate) async fn connect(database_url: &SecretString, lane: Lane) -> Result<Self, BusError> {
        Ok(Self { conn: connect(database_url, SETTINGS).await?, lane })
    }

    /// Tries once for the lock.
    pub(crate) async fn try_lock(&mut self) -> Result<bool, BusError> {
        let (space, number) = lane_lock(self.lane);
        let lock = diesel::select(pg_try_advisory_lock(space, number)).get_result(&mut self.conn);
        in_time(async { lock.await.map_err(failed) }).await
    }

    /// After the lock was got: keeps the session alive.
    pub(crate) fn hold(self, metrics: LaneMetrics) -> HeldLane {
        let (conn, stop, lost) = (Arc::new(self.conn), CancellationToken::new(), CancellationToken::new());
        let keeper = keep(Arc::clone(&conn), self.lane, metrics, lost.clone());
        tokio::spawn({
            let stop = stop.clone();
            async move { stop.run_until_cancelled(keeper).await }
        });
        HeldLane { conn, lost, _stop: stop.drop_guard() }
    }
}

/// A session that holds its lane. Dropping it gives the lane up.
pub(crate) struct HeldLane {
    conn: Arc<AsyncPgConnection>,
    lost: CancellationToken,
    _stop: DropGuard,
}

impl HeldLane {
    /// Its session: statements on it also end when the lane is lost.
    pub(crate) fn conn(&self) -> &AsyncPgConnection {
        &self.conn
    }

    /// Waits until the lane is lost.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }
}

/// Pings with the question that the metrics want answered anyway.
async fn keep(conn: Arc<AsyncPgConnection>, lane: Lane, metrics: LaneMetrics, lost: CancellationToken) {
    let _cancelled_at_the_end = lost.drop_guard();
    let mut ticks = tokio::time::interval(PING_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match soon(rows::oldest_age(&conn, lane)).await {
            Ok(seconds) => metrics.set_outbox_age(seconds),
            Err(error) => {
                tracing::warn!(%lane, %error, "the lane is lost");
                return;
            }
        }
    }
}
