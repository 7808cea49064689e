//! Metrics of jobs, by kind.

use std::sync::atomic::AtomicU64;

use diesel::sql_types::{BigInt, Double, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use statement::statement;
use telemetry::Metrics;

use crate::handler::JobError;

/// Jobs are counted up to here: the cost of the question must not grow with the backlog.
const COUNTED: i64 = 10_000;

statement! {
    /// How many wait, how many are dead, and for how long the oldest has been due, in seconds.
    Look<'a> { kind: &'a str as Text, count: i64 as BigInt, } -> (BigInt, BigInt, Double) =
        "SELECT
            (SELECT count(*) FROM (
                SELECT FROM jobs WHERE kind = $kind AND dead_at IS NULL AND after_id IS NULL AND due_at <= now() LIMIT $count) AS waiting),
            (SELECT count(*) FROM (
                SELECT FROM jobs WHERE kind = $kind AND dead_at IS NOT NULL LIMIT $count) AS dead),
            (SELECT coalesce(greatest(max(extract(epoch FROM now() - due_at)), 0), 0)::float8
             FROM generate_series(0, 2) AS level (priority) CROSS JOIN LATERAL (
                SELECT due_at FROM jobs
                WHERE kind = $kind AND priority = level.priority AND dead_at IS NULL AND after_id IS NULL
                ORDER BY due_at LIMIT 1) AS oldest)";
}

/// The outcome of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Outcome {
    Done,
    Again,
    Failed,
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    kind: &'static str,
    outcome: Outcome,
}

/// All kinds. Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct JobMetrics {
    tries: Family<OutcomeLabel, Counter>,
    due: Family<KindLabel, Gauge>,
    dead: Family<KindLabel, Gauge>,
    oldest: Family<KindLabel, Gauge<f64, AtomicU64>>,
}

impl JobMetrics {
    /// Registers `job_tries_total`, `jobs_due`, `jobs_dead` and `jobs_oldest_due_seconds`.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register("job_tries", "Tries of jobs, by kind and by what became of them", this.tries.clone());
        metrics.register("jobs_due", "Jobs that are due and not done, counted up to 10,000", this.due.clone());
        metrics.register("jobs_dead", "Jobs that were given up, counted up to 10,000", this.dead.clone());
        let help = "For how long the oldest job that is due has been due, in seconds";
        metrics.register("jobs_oldest_due_seconds", help, this.oldest.clone());
        this
    }

    pub(crate) fn of(&self, kind: &'static str) -> KindMetrics {
        KindMetrics { all: self.clone(), kind }
    }
}

/// The metrics of one kind.
#[derive(Debug, Clone)]
pub(crate) struct KindMetrics {
    all: JobMetrics,
    kind: &'static str,
}

impl KindMetrics {
    pub(crate) fn count(&self, outcome: Outcome) {
        self.all.tries.get_or_create(&OutcomeLabel { kind: self.kind, outcome }).inc();
    }

    /// Asks PostgreSQL.
    pub(crate) async fn look(&self, conn: &mut AsyncPgConnection) -> Result<(), JobError> {
        let look = Look { kind: self.kind, count: COUNTED };
        let (due, dead, oldest): (i64, i64, f64) = look.get_result(conn).await?;
        let label = KindLabel { kind: self.kind };
        self.all.due.get_or_create(&label).set(due);
        self.all.dead.get_or_create(&label).set(dead);
        self.all.oldest.get_or_create(&label).set(oldest);
        Ok(())
    }
}
