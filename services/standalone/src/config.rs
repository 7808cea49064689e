//! Settings of a standalone Switchboard: those of its parts, and where it keeps its keys.

use std::path::PathBuf;

use bus::{BrokerConfig, PubSubConfig};
use channel_gateway::ChannelConfig;
use clap::Parser;
use telemetry::TelemetryConfig;

/// Everything in one process, on PostgreSQL alone.
#[derive(Debug, Clone, Parser)]
#[command(name = "standalone", version)]
#[group(skip)]
pub(crate) struct Config {
    /// Where HTTP and WebSockets are served.
    #[arg(long, env = "HTTP__BIND", default_value = "127.0.0.1:8080")]
    pub bind: String,
    /// Where keys are kept that the environment does not set. They are made once, readable by this user alone.
    #[arg(long, env = "DATA_DIR", default_value = ".data/standalone")]
    pub data_dir: PathBuf,
    /// Makes the admin demo@example.com at the first start and prints its login, which is kept in `demo-login` in DATA_DIR.
    #[arg(long, env = "DEMO_OPERATOR", default_value_t = true, action = clap::ArgAction::Set)]
    pub demo_operator: bool,
    /// History and accounts.
    #[command(flatten)]
    pub chat: chat_service::Config,
    /// Connections.
    #[command(flatten)]
    pub channel: ChannelConfig,
    /// From the outbox on.
    #[command(flatten)]
    pub broker: BrokerConfig,
    /// To those who listen.
    #[command(flatten)]
    pub pubsub: PubSubConfig,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}
