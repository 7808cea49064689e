//! Measures Switchboard from outside, through its public interface only.
//!
//! - [`latency`]: from commit, and from POST, to the socket, at a steady rate over many chats
//! - [`reconnect`]: thousands lose their gateway and come back with their cursors
//! - [`slow`]: what a client that does not read does to its neighbours
//! - `visitor`, `percentiles`: what these share

mod latency;
mod percentiles;
mod reconnect;
mod slow;
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
    /// Thousands lose their gateway and come back to another one.
    Reconnect(reconnect::Plan),
    /// A client that reads nothing, among many that do.
    Slow(slow::Load),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.what {
        What::Latency(load) => latency::run(&arguments.address, load).await,
        What::Reconnect(plan) => reconnect::run(&arguments.address, plan).await,
        What::Slow(load) => slow::run(&arguments.address, load).await,
    }
}
