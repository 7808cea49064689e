//! How events travel: a *source* (the outbox, or a RabbitMQ queue) pumped into a *sink* (a RabbitMQ exchange, Redis,
//! or NOTIFY), and at the far end a *pub/sub* that a gateway listens on.
//!
//! - [`pump`](mod@pump): drives one source into one sink, in order per chat
//! - [`order`]: a chat stops at its first refusal, and taken events are forgotten
//! - [`pubsub`]: the pub/sub that a gateway listens on
//! - [`inlets`]: the ways to the tasks of a gateway
//! - [`signals`]: the way of signals to all gateways
//! - [`leases`]: how many connections one owner has, over all gateways
//! - [`config`]: which backends, and where they are
//! - [`metrics`]: the metrics of a pipeline
//! - [`outbox`]: PostgreSQL as a source; lanes, their locks and how their holders are woken (feature `postgres`)
//! - [`notify`]: LISTEN/NOTIFY as a sink and as a pub/sub (feature `postgres`)
//! - [`amqp`]: RabbitMQ as a sink and as a source
//! - [`redis`](mod@redis): Redis as a sink and as a pub/sub, and as the place where connections are counted
//! - `backoff`: how long to wait before the next try
//! - [`postgres`]: the one way to a connection (feature `postgres`)
//!
//! No constructor connects. Connections are made at first use or in the background, made anew by hand after any error,
//! and their state is told through a [`telemetry::health::Part`].

pub mod amqp;
mod backoff;
pub mod config;
pub mod inlets;
pub mod leases;
pub mod metrics;
#[cfg(feature = "postgres")]
pub mod notify;
pub mod order;
#[cfg(feature = "postgres")]
pub mod outbox;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod pubsub;
pub mod pump;
pub mod redis;
pub mod signals;

pub use config::{BrokerBackend, BrokerConfig, PubSubBackend, PubSubConfig};
pub use inlets::{Incomings, Inlets};
pub use leases::{ChangedOwners, Lease, Leaseholder};
pub use metrics::{LaneMetrics, PipelineMetrics, Stage};
pub use pubsub::{Hint, Incoming, PubSub};
pub use pump::{Batch, Envelope, Outcome, Sink, Source};
pub use signals::{SignalMetrics, SignalSink};

/// A part of the bus does not answer. The words never hold credentials.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BusError(pub String);
