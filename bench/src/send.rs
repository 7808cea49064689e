//! How many messages are stored in a second, beside what PostgreSQL does when pgbench runs the same statement.
//!
//! Senders wait for each answer before they send again, as pgbench's clients do. Both write to the chats that this made,
//! in turn, so that what else the machine does meets both. pgbench gets the text from chat-service itself.
//!
//! - [`sender`]: the load on the service; [`pgbench`]: the same on PostgreSQL alone; [`costs`]: processor time

mod costs;
mod pgbench;
mod sender;

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use costs::{Cost, Processes};
use pgbench::Pgbench;
use sender::Target;

use crate::figures::{median, median_with_spread};
use crate::output::Output;
use crate::percentiles::Percentiles;
use crate::visitor::Visitor;

/// The load.
#[derive(Debug, Clone, Args)]
pub(crate) struct Load {
    /// How many send at a time, one run for each; the hot chat gets the last of them.
    #[arg(long, value_delimiter = ',', default_value = "1,8,64")]
    senders: Vec<usize>,
    /// Over how many chats, picked at random.
    #[arg(long, default_value_t = 10_000)]
    chats: usize,
    /// Seconds of each run that count, after one that does not.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often each run is made, in turn with pgbench.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// The service's PostgreSQL, for pgbench. Without it only the service is measured.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The program.
    #[arg(long, default_value = "pgbench")]
    pgbench: PathBuf,
    /// The service's process, to tell what a message costs it.
    #[arg(long)]
    service_pid: Option<u32>,
    /// PostgreSQL's first process, likewise.
    #[arg(long)]
    postgres_pid: Option<u32>,
    #[command(flatten)]
    output: Output,
}

/// One row of the report.
struct Cell {
    name: String,
    senders: usize,
    chats: usize,
    service: Vec<f64>,
    pgbench: Vec<f64>,
    costs: Vec<Cost>,
    latency: Vec<Percentiles>,
}

/// Runs the load and prints the figures; the last line is for machines.
pub(crate) async fn run(address: &str, load: Load) -> anyhow::Result<()> {
    ensure!(load.chats > 0 && !load.senders.is_empty(), "there must be chats and senders");
    let http = reqwest::Client::new();
    let mut visitors = Visitor::open_many(&http, address, load.chats).await?;
    visitors.sort_by_key(|visitor| visitor.session);
    let target = Arc::new(Target::new(address, &visitors)?);
    let pgbench = load.database_url.as_ref().map(|url| Pgbench::new(&load.pgbench, url, target.chats())).transpose()?;
    let mut cells = cells(&load);
    for _ in 0..load.rounds {
        for cell in &mut cells {
            measure(cell, &load, &target, pgbench.as_ref()).await?;
        }
    }
    let (table, line) = report(&cells);
    load.output.report("send", &table, &line)?;
    Ok(())
}

fn cells(load: &Load) -> Vec<Cell> {
    let cell = |name: &str, senders, chats| Cell {
        name: format!("{name}, {senders} senders"),
        senders,
        chats,
        service: vec![],
        pgbench: vec![],
        costs: vec![],
        latency: vec![],
    };
    let mut cells: Vec<Cell> = load.senders.iter().map(|n| cell("many chats", *n, load.chats)).collect();
    cells.extend(load.senders.last().map(|n| cell("one chat", *n, 1)));
    cells
}

async fn measure(cell: &mut Cell, load: &Load, target: &Arc<Target>, pgbench: Option<&Pgbench>) -> anyhow::Result<()> {
    let processes = Processes { service: load.service_pid, postgres: load.postgres_pid };
    let time = Duration::from_secs(load.seconds);
    let sent = sender::run(target.clone(), cell.senders, cell.chats, time, processes).await?;
    cell.service.push(sent.per_second);
    cell.costs.push(sent.cost);
    cell.latency.push(sent.latency);
    if let Some(pgbench) = pgbench {
        // Nothing else is to be done meanwhile, on any thread.
        cell.pgbench.push(pgbench.run(cell.senders, cell.chats, time)?);
    }
    Ok(())
}

/// The table, and the line for machines.
fn report(cells: &[Cell]) -> (String, String) {
    let mut table = String::from(
        "| | messages/s | p50 ms | p99 ms | CPU us a message: service | PostgreSQL | load | pgbench/s | ratio |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for cell in cells {
        let of = |value: fn(&Cost) -> f64| median(cell.costs.iter().map(value));
        // Writing to a String does not fail.
        let _ = writeln!(
            table,
            "| {} | {:.0} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} | {:.0} | {} |",
            cell.name,
            median(cell.service.iter().copied()),
            median(cell.latency.iter().map(|latency| latency.p50)),
            median(cell.latency.iter().map(|latency| latency.p99)),
            of(|cost| cost.service),
            of(|cost| cost.postgres),
            of(|cost| cost.load),
            median(cell.pgbench.iter().copied()),
            median_with_spread(cell.ratios(), 3),
        );
    }
    let Some((hot, many)) = cells.split_last() else { return (table, String::new()) };
    let each: String =
        many.iter().map(|cell| format!("send_to_pgbench_{}={:.3} ", cell.senders, cell.ratio())).collect();
    let most = many.last().map(Cell::ratio).unwrap_or_default();
    (table, format!("{each}send_to_pgbench={most:.3} hot_chat_to_pgbench={:.3}", hot.ratio()))
}

impl Cell {
    /// The median over the rounds of what the service did for each of pgbench's transactions.
    fn ratio(&self) -> f64 {
        median(self.ratios())
    }

    fn ratios(&self) -> impl Iterator<Item = f64> {
        self.service.iter().zip(&self.pgbench).map(|(service, pgbench)| service / pgbench)
    }
}
