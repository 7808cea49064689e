//! The metrics of a gateway.

use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use telemetry::Metrics;

use crate::connection::Connection;

/// How often a task had to wait for a lock of the hub: such waits keep its tasks from working at the same time.
pub(crate) static HUB_LOCK_WAITS: LazyLock<Counter> = LazyLock::new(Counter::default);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    role: &'static str,
    transport: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    source: HistorySource,
}

/// Where history was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum HistorySource {
    /// The stream of a chat's last events.
    Stream,
    /// chat-service, and so PostgreSQL.
    Sync,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: Resumed,
}

/// The outcome of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Resumed {
    /// Nothing was missed.
    Level,
    /// The missed changes were sent.
    Replayed,
    /// It cannot be honoured: the client was told to read anew.
    Resync,
}

/// A gateway's metrics. Cloning shares them.
#[derive(Debug, Clone)]
pub struct GatewayMetrics {
    active_connections: Family<Kind, Gauge>,
    connections_closed: Family<Reason, Counter>,
    delivered: Counter,
    commit_to_socket: Histogram,
    ws_ping_latency: Histogram,
    fills: Counter,
    history_reads: Family<Source, Counter>,
    resumes: Family<Outcome, Counter>,
}

/// Bounds in seconds, from half a millisecond to ten seconds.
const LATENCY: [f64; 14] = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

impl GatewayMetrics {
    /// Registers them.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self {
            active_connections: Family::default(),
            connections_closed: Family::default(),
            delivered: Counter::default(),
            commit_to_socket: Histogram::new(LATENCY),
            ws_ping_latency: Histogram::new(LATENCY),
            fills: Counter::default(),
            history_reads: Family::default(),
            resumes: Family::default(),
        };
        let help = "Times that a task of the hub had to wait for a lock which another one had";
        metrics.register("hub_lock_waits", help, HUB_LOCK_WAITS.clone());
        metrics.register("active_connections", "Open connections", own.active_connections.clone());
        metrics.register("connections_closed", "Connections that ended, by reason", own.connections_closed.clone());
        metrics.register("events_delivered", "Events sent out to those who listen", own.delivered.clone());
        let help = "From the commit in PostgreSQL until every listener's socket was written, in seconds";
        metrics.register("commit_to_socket_seconds", help, own.commit_to_socket.clone());
        let help = "From a ping until its pong, in seconds";
        metrics.register("ws_ping_latency", help, own.ws_ping_latency.clone());
        metrics.register("hub_fills", "Pages of history read to fill a jump", own.fills.clone());
        metrics.register("history_reads", "Reads of history, by where it was read", own.history_reads.clone());
        metrics.register("resumes", "Cursors that clients came back with, by what came of them", own.resumes.clone());
        own
    }

    /// A connection stands.
    pub fn opened(&self, connection: &Connection) {
        self.active_connections.get_or_create(&kind(connection)).inc();
    }

    /// A connection ended; it counted as active if it had come so far.
    pub fn closed(&self, connection: &Connection, reason: &str, was_open: bool) {
        if was_open {
            self.active_connections.get_or_create(&kind(connection)).dec();
        }
        self.connections_closed.get_or_create(&Reason { reason: reason.to_owned() }).inc();
    }

    /// An event went out to everybody.
    pub fn delivered(&self, committed_at: DateTime<Utc>) {
        self.delivered.inc();
        let took = (Utc::now() - committed_at).to_std().unwrap_or(Duration::ZERO);
        self.commit_to_socket.observe(took.as_secs_f64());
    }

    /// A ping was answered.
    pub fn pinged(&self, took: Duration) {
        self.ws_ping_latency.observe(took.as_secs_f64());
    }

    /// A page was read to fill a jump.
    pub fn filled(&self) {
        self.fills.inc();
    }

    /// History was read.
    pub fn history_read(&self, source: HistorySource) {
        self.history_reads.get_or_create(&Source { source }).inc();
    }

    /// A client came back with a cursor.
    pub fn resumed(&self, outcome: Resumed) {
        self.resumes.get_or_create(&Outcome { outcome }).inc();
    }
}

fn kind(connection: &Connection) -> Kind {
    use chat_events::gateway_api::Principal;
    let role = match connection.principal() {
        Some(Principal::Client { .. }) => "client",
        Some(Principal::Staff { .. }) => "staff",
        Some(Principal::User { .. }) => "user",
        None => "unknown",
    };
    Kind { role, transport: connection.transport }
}
