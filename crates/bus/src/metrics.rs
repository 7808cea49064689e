//! The metrics of a pipeline, per lane.

use std::sync::atomic::AtomicU64;

use chat_events::Lane;
use chrono::{DateTime, Utc};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use telemetry::Metrics;

/// Seconds; a commit reaches the next part in about a millisecond when all is well.
const LATENCY_BUCKETS: [f64; 14] =
    [0.000_5, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0];

/// Which pipeline it is: the names of its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// From the outbox to RabbitMQ.
    Relay,
    /// To the gateways' pub/sub.
    Dispatch,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneLabel {
    lane: i16,
}

/// The metrics of all lanes of one pipeline.
#[derive(Debug, Clone)]
pub struct PipelineMetrics {
    taken: Family<LaneLabel, Counter>,
    errors: Family<LaneLabel, Counter>,
    unreadable: Family<LaneLabel, Counter>,
    latency: Family<LaneLabel, Histogram>,
    outbox_age: Family<LaneLabel, Gauge<f64, AtomicU64>>,
}

impl PipelineMetrics {
    /// Registers `dispatched_total`, `dispatch_errors_total`, `dispatch_unreadable_total` and
    /// `commit_to_dispatch_seconds`, or `relayed_total` and so on; and `outbox_age_seconds`.
    #[must_use]
    pub fn register(metrics: &Metrics, stage: Stage) -> Self {
        let this = Self {
            taken: Family::default(),
            errors: Family::default(),
            unreadable: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS)),
            outbox_age: Family::default(),
        };
        let (taken, errors, unreadable, latency) = match stage {
            Stage::Relay => ("relayed", "relay_errors", "relay_unreadable", "commit_to_relay_seconds"),
            Stage::Dispatch => ("dispatched", "dispatch_errors", "dispatch_unreadable", "commit_to_dispatch_seconds"),
        };
        metrics.register(taken, "Events that the next part has confirmed", this.taken.clone());
        metrics.register(
            errors,
            "Refusals by the next part and failures of the source; each is retried",
            this.errors.clone(),
        );
        metrics.register(unreadable, "Events that could not be read and were set aside", this.unreadable.clone());
        metrics.register(latency, "From commit to confirmation by the next part", this.latency.clone());
        metrics.register(
            "outbox_age_seconds",
            "Age of the oldest event that waits in the outbox",
            this.outbox_age.clone(),
        );
        this
    }

    /// The metrics of one lane.
    #[must_use]
    pub fn lane(&self, lane: Lane) -> LaneMetrics {
        let label = LaneLabel { lane: lane.0 };
        LaneMetrics {
            taken: self.taken.get_or_create_owned(&label),
            errors: self.errors.get_or_create_owned(&label),
            unreadable: self.unreadable.get_or_create_owned(&label),
            latency: self.latency.get_or_create_owned(&label),
            outbox_age: self.outbox_age.get_or_create_owned(&label),
        }
    }
}

/// The metrics of one lane.
#[derive(Debug, Clone)]
pub struct LaneMetrics {
    taken: Counter,
    errors: Counter,
    unreadable: Counter,
    latency: Histogram,
    outbox_age: Gauge<f64, AtomicU64>,
}

impl LaneMetrics {
    /// Registered nowhere: for tests.
    #[must_use]
    pub fn unregistered() -> Self {
        Self {
            taken: Counter::default(),
            errors: Counter::default(),
            unreadable: Counter::default(),
            latency: Histogram::new(LATENCY_BUCKETS),
            outbox_age: Gauge::default(),
        }
    }

    pub(crate) fn count_taken(&self, committed_at: DateTime<Utc>, now: DateTime<Utc>) {
        self.taken.inc();
        // A clock that is behind the database's must not make time negative.
        let seconds = (now - committed_at).as_seconds_f64().max(0.0);
        self.latency.observe(seconds);
    }

    pub(crate) fn count_error(&self) {
        self.errors.inc();
    }

    pub(crate) fn count_unreadable(&self) {
        self.unreadable.inc();
    }

    /// Seconds; 0 when nothing waits, and where the lane is not held.
    pub fn set_outbox_age(&self, seconds: f64) {
        self.outbox_age.set(seconds);
    }

    /// How many events were set aside as unreadable.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable.get()
    }
}
