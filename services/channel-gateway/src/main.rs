//! The channel-gateway.

use std::process::ExitCode;

use channel_gateway::{Config, app};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::exit::report("channel-gateway", run(Config::parse()).await)
}

async fn run(config: Config) -> anyhow::Result<()> {
    let _telemetry = telemetry::init("channel-gateway", &config.telemetry)?;
    app::run(config).await
}
