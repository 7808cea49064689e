//! Whether a page of history, a `sync` and a send cost the same however much lies in the database: the functions that
//! chat-service runs, in a small database and in one of millions, in turn.
//!
//! - [`filling`]: the two databases
//! - [`session`]: a connection that tells the plan of everything that it runs
//! - [`work`]: what is measured; [`sample`]: running it; [`table`]: the ratios

mod filling;
mod sample;
mod session;
mod table;
mod work;

use std::time::Instant;

use clap::Args;
use filling::{Filled, Filling};
use sample::{Place, Samples};
use work::Work;

use crate::output::Output;

/// How much lies in the databases, and how often each thing is done.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// Messages in the small database.
    #[arg(long, default_value_t = 100_000)]
    small_messages: i64,
    /// Chats in it.
    #[arg(long, default_value_t = 1_000)]
    small_chats: i64,
    /// Messages in the large database, without those of its deep chat.
    #[arg(long, default_value_t = 10_000_000)]
    large_messages: i64,
    /// Chats in it.
    #[arg(long, default_value_t = 10_000)]
    large_chats: i64,
    /// Messages in one more chat of the large database.
    #[arg(long, default_value_t = 1_000_000)]
    deep_messages: i64,
    /// How often each thing is done in each place.
    #[arg(long, default_value_t = 400)]
    times: usize,
    #[command(flatten)]
    output: Output,
}

impl Plan {
    fn small(&self) -> Filling {
        Filling { chats: self.small_chats, messages: self.small_messages, deep: 0 }
    }

    fn large(&self) -> Filling {
        Filling { chats: self.large_chats, messages: self.large_messages, deep: self.deep_messages }
    }
}

/// Fills the databases, measures, prints the ratios; the last line is for machines.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<()> {
    let small = fill("small", plan.small()).await?;
    let large = fill("large", plan.large()).await?;
    let mut lines = Vec::new();
    for (number, work) in (0..).zip(Work::ALL) {
        let mut places = [
            Place::active(&small).await?,
            Place::active(&large).await?,
            Place::deep(&large).await?,
            Place::cold(&large, number * plan.times).await?,
        ];
        lines.push((work, sample::measure(work, &mut places, plan.times).await?));
    }
    let table = table::markdown(&lines);
    plan.output.report("depth", &table, &table::line(&lines))?;
    Ok(())
}

async fn fill(name: &str, filling: Filling) -> anyhow::Result<Filled> {
    let begun = Instant::now();
    let filled = filling.fill().await?;
    let (all, size) = (filling.messages + filling.deep, filled.size().await?);
    println!("{name}: {all} messages, {} MiB, filled in {:.0} s", size >> 20, begun.elapsed().as_secs_f64());
    Ok(filled)
}

/// What was found about one thing, by place.
type Line = (Work, [Samples; 4]);
