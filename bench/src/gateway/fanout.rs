//! The gateway against a floor and against servers that others would build: processor time, memory and time for one
//! message to thousands of sockets. Rounds are interleaved, A B C A B C, and each starts its servers anew.
//!
//! [`round`] is one measurement of one server, `table` is for many of them.

mod round;
mod table;

use anyhow::Context;
use clap::Args;
use round::{Figures, Load};
use table::Rounds;

use super::message::body;
use super::subject::Kind;
use crate::output::Output;

/// What is compared how often.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    load: Load,
    /// How often all are measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Which: floor, switchboard, two-pollers, returning, visitors, ws, socketio, fastapi.
    #[arg(long, value_delimiter = ',', default_value = "floor,switchboard,returning,visitors,ws,socketio,fastapi")]
    servers: Vec<Kind>,
    #[command(flatten)]
    output: Output,
}

/// Runs the rounds, prints each figure as it is there, and then the table; the last line is for machines.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<()> {
    let mut rounds = Rounds { kinds: plan.servers.clone(), figures: Vec::new() };
    for number in 1..=plan.rounds {
        let mut figures = Vec::new();
        for &kind in &plan.servers {
            let found = round::measure(kind, plan.load).await;
            let found = found.with_context(|| format!("{} in round {number}", kind.name()))?;
            println!("round {number}, {}: {}", kind.name(), in_short(kind, &found));
            figures.push(found);
        }
        rounds.figures.push(figures);
    }
    let table = format!(
        "{} sockets, {} messages of {} characters to all of them, {} rounds.\n\n{}",
        plan.load.sockets,
        plan.load.messages,
        body(1).len(),
        plan.rounds,
        rounds.markdown()
    );
    plan.output.report("fanout", &table, &rounds.line())?;
    Ok(())
}

fn in_short(kind: Kind, figures: &Figures) -> String {
    if !kind.has_messages() {
        return format!("{:.2} KiB idle, {:.0} us per connect", figures.idle_kib, figures.connect_us);
    }
    let waits = figures.lock_waits.map(|waits| format!("{waits:.0} waits for a lock of the hub; ")).unwrap_or_default();
    format!(
        "{:.2} us per delivery, all have it after {:.1} ms, {:.2} KiB idle, {:.2} KiB used, {:.0} us per connect; {waits}\
         the load generator {:.2} us per delivery",
        figures.delivery_us,
        figures.whole_ms,
        figures.idle_kib,
        figures.used_kib,
        figures.connect_us,
        figures.client_us
    )
}
