//! Measures Switchboard from outside, through its public interface only.
//!
//! - [`latency`]: from commit, and from POST, to the socket, at a steady rate over many chats

mod latency;
mod visitor;

use clap::{Parser, Subcommand};

/// Measures a running Switchboard.
#[derive(Parser)]
struct Arguments {
    /// Its address.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    address: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// From commit, and from POST, to the socket.
    Latency(latency::Load),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.what {
        What::Latency(load) => latency::run(&arguments.address, load).await,
    }
}
