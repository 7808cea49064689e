//! The whole way, POST to socket, on one machine with everything on it: fixed rates, each for some seconds, and then single
//! messages in an idle system.
//!
//! - [`system`]: the services in either shape
//! - `poster`, `listener`: clients so light that the system is what limits
//! - [`rate`]: one rate, and whether what is on its way grows; [`costs`]: processor time of each part
//! - [`lone`]: single messages; `table`: what is printed

mod costs;
mod listener;
mod lone;
mod poster;
mod rate;
mod system;
mod table;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use listener::Arrivals;
use system::{Shape, System};

use crate::output::Output;
use crate::visitor::Visitor;

/// How fast, how long, and where.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// Shapes: standalone, distributed.
    #[arg(long, value_delimiter = ',', default_value = "standalone,distributed")]
    shapes: Vec<Shape>,
    /// Messages a second, one rate after the other.
    #[arg(long, value_delimiter = ',', default_value = "100,500,1000,2000,5000")]
    rates: Vec<u32>,
    /// Seconds of each rate that count, after two that do not.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Chats, each with a socket that listens.
    #[arg(long, default_value_t = 200)]
    chats: usize,
    /// Connections that post, each one message at a time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Messages to the idle system, one every 200 ms.
    #[arg(long, default_value_t = 100)]
    lone: usize,
    #[command(flatten)]
    output: Output,
}

/// How long the last messages may take to arrive when nothing new comes.
const DRAINED_WITHIN: Duration = Duration::from_secs(60);

/// Runs the rates in each shape, prints the tables; the last line is for machines.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<()> {
    let (mut text, mut line) = (String::new(), Vec::new());
    for shape in plan.shapes.clone() {
        let system = System::start(shape).await?;
        let (rates, lone) = measure(&plan, &system).await?;
        text += &table::markdown(shape, &rates, &lone);
        line.push(table::line(shape, &rates, &lone));
    }
    plan.output.report("pipeline", &text, &line.join(" "))?;
    Ok(())
}

async fn measure(plan: &Plan, system: &System) -> anyhow::Result<(Vec<rate::Found>, Vec<lone::Found>)> {
    let http = reqwest::Client::new();
    let address = format!("http://{}", system.entry);
    let visitors: Arc<[Visitor]> = Visitor::open_many(&http, &address, plan.chats).await?.into();
    let arrivals = Arrivals::new(Instant::now());
    for visitor in &*visitors {
        listener::open(system.gateway, visitor, arrivals.clone()).await?;
    }
    let mut lone = Vec::new();
    for (name, address) in system.entries() {
        lone.push(lone::measure(name, address, &visitors, &arrivals, plan.lone).await?);
    }
    let mut rates = Vec::new();
    for &rate in &plan.rates {
        let load = rate::Load { rate, seconds: plan.seconds, connections: plan.connections };
        let found = rate::measure(load, system, &visitors, &arrivals).await?;
        println!("{}", table::row(&found));
        let is_over = !found.keeps_up();
        rates.push(found);
        arrivals.drained(DRAINED_WITHIN).await?;
        if is_over {
            break;
        }
    }
    Ok((rates, lone))
}
