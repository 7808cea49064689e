//! Measures Switchboard from outside, through its public interface only. `compare` starts what it measures; the others
//! measure what runs.
//!
//! - [`compare`]: processor time, memory and time of a fan-out, against a floor and against others
//! - [`depth`]: a page, a `sync` and a send with a hundred times the messages
//! - [`latency`]: from commit, and from POST, to the socket, at a steady rate over many chats
//! - [`operators`]: what an event costs where many sessions are open
//! - [`pipeline`]: at which rate the whole begins to lag
//! - [`reconnect`]: thousands lose their gateway and come back with their cursors
//! - [`slow`]: what a client that does not read does to its neighbours
//! - [`send`]: messages stored in a second, beside pgbench with the same statement
//! - `visitor`, `figures`, `percentiles`, `output`, `usage`: what these share

mod compare;
mod depth;
mod figures;
mod latency;
mod operators;
mod output;
mod percentiles;
mod pipeline;
mod reconnect;
mod send;
mod slow;
mod usage;
mod visitor;

use clap::{Parser, Subcommand};

/// Measures Switchboard.
#[derive(Parser)]
struct Arguments {
    /// Its address, where it runs already.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    address: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The gateway against a floor and against other servers: one message to thousands of sockets.
    Fanout(compare::Plan),
    /// Many sockets of one gateway, held for minutes.
    Hold(compare::soak::Hold),
    /// Many connects and disconnects of one gateway: its memory.
    Churn(compare::soak::Churn),
    /// A page, a `sync` and a send in a small database and in a large one.
    Depth(depth::Plan),
    /// From commit, and from POST, to the socket.
    Latency(latency::Load),
    /// A staff feed over many open sessions.
    Operators(operators::Plan),
    /// From POST to socket, at one rate after the other.
    Pipeline(pipeline::Plan),
    /// Thousands lose their gateway and come back to another one.
    Reconnect(reconnect::Plan),
    /// Messages stored in a second, beside pgbench with the same statement.
    Send(send::Load),
    /// A client that reads nothing, among many that do.
    Slow(slow::Load),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.what {
        What::Fanout(plan) => compare::run(plan).await,
        What::Hold(plan) => compare::soak::hold(plan).await,
        What::Churn(plan) => compare::soak::churn(plan).await,
        What::Depth(plan) => Box::pin(depth::run(plan)).await,
        What::Latency(load) => latency::run(&arguments.address, load).await,
        What::Operators(plan) => operators::run(plan).await,
        What::Pipeline(plan) => pipeline::run(plan).await,
        What::Reconnect(plan) => reconnect::run(&arguments.address, plan).await,
        What::Send(load) => send::run(&arguments.address, load).await,
        What::Slow(load) => slow::run(&arguments.address, load).await,
    }
}
