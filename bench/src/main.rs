//! Measures Switchboard, and what it is compared with.
//!
//! These start what they measure, on the test servers:
//!
//! - [`gateway`]: processor time, memory and time of a fan-out, against a floor and against others; many sockets for long;
//!   a staff feed
//! - [`pipeline`]: at which rate the whole begins to lag
//! - [`attack`]: what outsiders try, and what neighbours notice of it
//! - [`jobs`]: jobs that are enqueued and done in a second
//! - [`feed`]: what numbering costs the relay, and a page of the feed among ten million changes
//! - [`depth`]: a page, a `sync` and a send with a hundred times the messages; chat-service's own functions run in here
//!
//! These measure what runs at an address, as its clients see it:
//!
//! - [`running`]: latency, gateways that are lost, clients that do not read
//! - [`send`]: messages stored in a second, beside pgbench with the same statement
//!
//! What these share:
//!
//! - `programs`: the programs that are started, and with what
//! - `visitor`: a visitor with its session; `http`, `wire`: POST and WebSocket where a client must be light
//! - `usage`: processor time and memory of a process
//! - `figures`, `percentiles`, `output`: from samples to tables

mod attack;
mod depth;
mod feed;
mod figures;
mod gateway;
mod http;
mod jobs;
mod output;
mod percentiles;
mod pipeline;
mod programs;
mod running;
mod send;
mod usage;
mod visitor;
mod wire;

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
    /// What outsiders try, each on a fresh standalone, and what its neighbours notice.
    Attack(attack::Plan),
    /// The gateway against a floor and against other servers: one message to thousands of sockets.
    Fanout(gateway::fanout::Plan),
    /// Many sockets of one gateway, held for minutes.
    Hold(gateway::soak::Hold),
    /// What numbering costs the relay, and a page of the change feed among millions.
    Feed(feed::Plan),
    /// Jobs that are enqueued and done in a second.
    Jobs(jobs::Plan),
    /// Many connects and disconnects of one gateway: its memory.
    Churn(gateway::soak::Churn),
    /// A page, a `sync` and a send in a small database and in a large one.
    Depth(depth::Plan),
    /// From commit, and from POST, to the socket.
    Latency(running::latency::Load),
    /// A chat of thousands beside many of two.
    Neighbours(gateway::neighbours::Plan),
    /// A staff feed over many open sessions.
    Operators(gateway::operators::Plan),
    /// From POST to socket, at one rate after the other.
    Pipeline(pipeline::Plan),
    /// Thousands lose their gateway and come back to another one.
    Reconnect(running::reconnect::Plan),
    /// Messages stored in a second, beside pgbench with the same statement.
    Send(send::Load),
    /// A client that reads nothing, among many that do.
    Slow(running::slow::Load),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.what {
        What::Attack(plan) => Box::pin(attack::run(plan)).await,
        What::Fanout(plan) => gateway::fanout::run(plan).await,
        What::Hold(plan) => gateway::soak::hold(plan).await,
        What::Churn(plan) => gateway::soak::churn(plan).await,
        What::Depth(plan) => Box::pin(depth::run(plan)).await,
        What::Feed(plan) => feed::run(plan).await,
        What::Jobs(plan) => jobs::run(plan).await,
        What::Latency(load) => running::latency::run(&arguments.address, load).await,
        What::Neighbours(plan) => gateway::neighbours::run(plan).await,
        What::Operators(plan) => gateway::operators::run(plan).await,
        What::Pipeline(plan) => pipeline::run(plan).await,
        What::Reconnect(plan) => running::reconnect::run(&arguments.address, plan).await,
        What::Send(load) => send::run(&arguments.address, load).await,
        What::Slow(load) => running::slow::run(&arguments.address, load).await,
    }
}
