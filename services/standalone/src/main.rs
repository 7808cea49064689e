//! All of Switchboard in one process.
//!
//! - `config`: settings · `keys`: made once, kept beside the data
//! - `app`: puts the parts together, serves them on one port, brings them down in good order
//! - `in_process`: the gateway asks chat-service without HTTP

mod app;
mod config;
mod demo_operator;
mod in_process;
mod keys;

use std::process::ExitCode;

use chat_service::commands::AdminCommand;
use clap::Parser;

/// Memory that many connections have had goes back to the system, and memory that comes and goes leaves fewer holes
/// between memory that stays than with the allocator of the C library.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Everything in one process, on PostgreSQL alone. Without a command: serves.
#[derive(Debug, Parser)]
#[command(name = "standalone", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<AdminCommand>,
    #[command(flatten)]
    config: config::Config,
}

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::exit::report("switchboard", run(Cli::parse()).await)
}

async fn run(Cli { command, mut config }: Cli) -> anyhow::Result<()> {
    if let Some(command) = command {
        return command.run(&config.chat).await;
    }
    let _telemetry = telemetry::init("switchboard", &config.telemetry)?;
    keys::complete(&mut config.chat.auth, &config.data_dir)?;
    app::run(config).await
}
