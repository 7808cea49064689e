//! The channel-gateway.

use std::process::ExitCode;

use channel_gateway::Config;
use clap::Parser;

/// Memory that many connections have had goes back to the system, and memory that comes and goes leaves fewer holes
/// between memory that stays than with the allocator of the C library.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::exit::report("channel-gateway", run(Config::parse()).await)
}

async fn run(config: Config) -> anyhow::Result<()> {
    let _telemetry = telemetry::init("channel-gateway", &config.telemetry)?;
    channel_gateway::run(config).await
}
