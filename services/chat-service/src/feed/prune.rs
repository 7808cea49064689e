//! How long changes are kept.

use std::time::Duration;

use async_trait::async_trait;
use chat_events::LaneCount;
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Double, SmallInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jobs::{Handler, Job, JobError, Next};
use statement::statement;

/// Rows that one statement takes away at most: the relay of the lane waits meanwhile.
const AT_ONCE: i64 = 1000;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(60);

statement! {
    /// Takes away the oldest rows of a lane up to the first that is to be kept, and says how many. The position up to
    /// which it was pruned is written in the same statement: a reader below that is told so.
    PruneLane {
        lane: i16 as SmallInt,
        age: f64 as Double,
        rows: i64 as BigInt,
        count: i64 as BigInt,
    } -> BigInt =
        "WITH oldest AS MATERIALIZED (
            SELECT c.pos, c.at >= now() - make_interval(secs => $age) AND c.pos > t.top - $rows AS is_kept
            FROM lane_tops t JOIN LATERAL (
                SELECT pos, at FROM changes WHERE lane = t.lane AND pos > t.pruned_to ORDER BY pos LIMIT $count
            ) c ON true WHERE t.lane = $lane
        ), cut AS (
            SELECT coalesce((SELECT min(pos) FROM oldest WHERE is_kept) - 1, (SELECT max(pos) FROM oldest)) AS pos
        ), pruned AS (
            DELETE FROM changes c USING oldest, cut
            WHERE c.lane = $lane AND c.pos = oldest.pos AND oldest.pos <= cut.pos RETURNING c.pos
        ) UPDATE lane_tops SET pruned_to = (SELECT max(pos) FROM pruned)
        WHERE lane = $lane AND EXISTS (SELECT FROM pruned) RETURNING (SELECT count(*) FROM pruned)";
}

/// Prunes the feed of a lane, a step in each run: the relay of the lane waits for the end of a step.
pub(crate) struct PruneFeed {
    pub(crate) lanes: LaneCount,
    /// Changes are kept no longer than this.
    pub(crate) age: Duration,
    /// No more of a lane than these are kept.
    pub(crate) rows: i64,
}

#[async_trait]
impl Handler for PruneFeed {
    fn kind(&self) -> &'static str {
        "feed.prune"
    }

    async fn run(&self, conn: &mut AsyncPgConnection, job: &Job) -> Result<Next, JobError> {
        let lane: i16 = job.key.parse().map_err(|_| JobError::Hopeless(format!("{} is no lane", job.key)))?;
        let prune = PruneLane { lane, age: self.age.as_secs_f64(), rows: self.rows, count: AT_ONCE };
        let pruned: Option<i64> = prune.get_result(conn).await.optional()?;
        Ok(Next::Again(if pruned == Some(AT_ONCE) { Duration::ZERO } else { EVERY }))
    }
}
