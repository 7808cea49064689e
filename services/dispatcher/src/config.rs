//! The dispatcher's settings.

use bus::{BrokerConfig, BusError, PubSubConfig};
use chat_events::LaneCount;
use clap::{Args, Parser};
use secrecy::SecretString;
use telemetry::TelemetryConfig;

/// Passes events on to those who listen: RabbitMQ or the outbox in, Redis or NOTIFY out.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Config {
    /// Where `/healthz`, `/readyz` and `/metrics` are served.
    #[arg(long, env = "HTTP__BIND", default_value = "127.0.0.1:8083")]
    pub http_bind: String,

    /// Where events come from and go to.
    #[command(flatten)]
    pub pipeline: PipelineConfig,

    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

/// Where events come from and go to.
#[derive(Debug, Clone, Args)]
pub struct PipelineConfig {
    /// From where.
    #[command(flatten)]
    pub broker: BrokerConfig,

    /// To where.
    #[command(flatten)]
    pub pubsub: PubSubConfig,

    /// Where PostgreSQL is: `postgres://user:password@host/database`. Needed when either backend is `pg`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<SecretString>,

    /// The number of lanes, as chat-service has it. Only read with `BROKER__BACKEND=amqp`: else the database says it.
    #[arg(long, env = "OUTBOX__LANES", default_value = "4")]
    pub outbox_lanes: LaneCount,
}

impl PipelineConfig {
    /// PostgreSQL's address, or the setting that is missing.
    pub fn database_url(&self) -> Result<SecretString, BusError> {
        self.database_url.clone().ok_or_else(|| BusError("a backend is pg, which needs DATABASE_URL".into()))
    }
}
