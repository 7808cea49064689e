//! The metrics of this service.

use std::time::Duration;

use chat_events::ErrorCode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use telemetry::{Metrics, labels};

use crate::accounts::password::Passwords;
use crate::db::Database;
use crate::error::Error;

/// Seconds.
const BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// Messages.
const BATCH_BUCKETS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoginLabels {
    outcome: LoginOutcome,
}

/// The outcome of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum LoginOutcome {
    Begun,
    /// The address or the password was wrong.
    Refused,
    /// Too many passwords were wrong before.
    Limited,
    /// Too many others were being checked.
    Busy,
    Failed,
}

/// This service's metrics.
#[derive(Debug, Clone)]
pub(crate) struct ServiceMetrics {
    pub(crate) messages_sent: Counter,
    pub(crate) sessions_opened: Counter,
    logins: Family<LoginLabels, Counter>,
    send_batches: Histogram,
    sends_waiting: Gauge,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
}

impl ServiceMetrics {
    pub(crate) fn register(metrics: &Metrics, database: &Database, passwords: &Passwords) -> Self {
        let this = Self {
            messages_sent: Counter::default(),
            sessions_opened: Counter::default(),
            logins: Family::default(),
            send_batches: Histogram::new(BATCH_BUCKETS),
            sends_waiting: Gauge::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        };
        metrics.register("messages_sent", "Messages stored, repeats not counted", this.messages_sent.clone());
        metrics.register("sessions_opened", "Support sessions opened", this.sessions_opened.clone());
        metrics.register("logins", "Logins by what became of them", this.logins.clone());
        let passwords = passwords.clone();
        metrics.register("logins_waiting", "Passwords that wait to be looked at", Asked(move || passwords.waiting()));
        metrics.register("send_batch_messages", "Messages in one statement", this.send_batches.clone());
        metrics.register("sends_waiting", "Messages that wait for their statement", this.sends_waiting.clone());
        metrics.register("http_requests", "Requests answered", this.requests.clone());
        metrics.register("http_request_duration_seconds", "From request to answer", this.durations.clone());
        let (open, free) = (database.clone(), database.clone());
        metrics.register("db_connections", "Connections to PostgreSQL", Asked(move || open.pool_status().0));
        metrics.register("db_connections_free", "Those that wait for work", Asked(move || free.pool_status().1));
        this
    }

    /// Counts a login.
    pub(crate) fn login<T>(&self, login: &Result<T, Error>) {
        let outcome = match login {
            Ok(_) => LoginOutcome::Begun,
            Err(Error::Refused(body)) if body.code == ErrorCode::RateLimited => LoginOutcome::Limited,
            Err(Error::Refused(_)) => LoginOutcome::Refused,
            Err(Error::Busy(_)) => LoginOutcome::Busy,
            Err(_) => LoginOutcome::Failed,
        };
        self.logins.get_or_create(&LoginLabels { outcome }).inc();
    }

    /// Counts a message that waits for its batch.
    pub(crate) fn waits(&self) {
        self.sends_waiting.inc();
    }

    /// Counts a batch that waits no more.
    pub(crate) fn batched(&self, messages: usize) {
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        self.sends_waiting.dec_by(messages.into());
        self.send_batches.observe(messages.into());
    }

    /// Counts one answered request. The route is one of the table, the method a known one.
    pub(crate) fn answered(&self, route: String, method: &str, status: u16, took: Duration) {
        let method = labels::method(method);
        let labels = RouteLabels { route: route.clone(), method };
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { route, method, status }).inc();
    }
}

/// A gauge that is asked when the metrics are read.
struct Asked<F>(F);

impl<F> std::fmt::Debug for Asked<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked")
    }
}

impl<F: Fn() -> usize> EncodeMetric for Asked<F> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.encode_gauge(&i64::try_from((self.0)()).unwrap_or(i64::MAX))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}
