//! The channel-gateway.

use channel_gateway::{Config, app};
use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    let _telemetry = telemetry::init("channel-gateway", &config.telemetry)?;
    app::run(config).await
}
