//! What outsiders try, one thing after the other, each on a fresh standalone: its memory and descriptors before, meanwhile and
//! after, and what neighbours notice who talk on.
//!
//! - [`subject`]: the process that is attacked, with its limits as they are by default · [`gauge`]: its memory and descriptors
//! - [`neighbours`]: a visitor and an operator, who come from another address
//! - [`attacker`]: what all attacks share · [`requests`], [`sockets`]: the attacks, by HTTP and on WebSockets
//! - [`table`]: what is printed
//!
//! Every attack is bounded in time and in number, and stays on the loopback.

mod attacker;
mod gauge;
mod neighbours;
mod requests;
mod sockets;
mod subject;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use self::attacker::{Answers, Attack, Target};
use self::gauge::{Gauge, Reading};
use self::neighbours::{Heard, Neighbours};
use self::subject::Subject;
use crate::output::Output;
use crate::programs::binary;

/// What is attacked, and for how long.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// The standalone to attack, with `chat-service` beside it; that of this build, if none is named.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Only attacks with this in their name.
    #[arg(long, default_value = "")]
    only: String,
    /// Seconds of each attack.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Seconds after it, in which memory may come back.
    #[arg(long, default_value_t = 5)]
    after: u64,
    /// A second of each: whether they run at all.
    #[arg(long)]
    short: bool,
    #[command(flatten)]
    output: Output,
}

/// What was found of one attack.
struct Found {
    name: &'static str,
    before: Reading,
    peak: Reading,
    after: Reading,
    /// What the neighbours heard before it, meanwhile and after.
    heard: [Heard; 3],
    /// A login from the neighbours' address, right after.
    login: Option<Duration>,
    answers: Answers,
}

/// Runs all attacks and prints the table; the last line is for machines.
pub(crate) async fn run(mut plan: Plan) -> anyhow::Result<()> {
    if plan.short {
        (plan.seconds, plan.after) = (1, 1);
    }
    let program = plan.program.clone().map_or_else(|| binary("standalone"), Ok)?;
    let attacks = requests::ALL.iter().chain(&sockets::ALL).filter(|attack| attack.name.contains(&plan.only));
    println!("{}", table::HEAD);
    let mut all = Vec::new();
    for attack in attacks {
        let subject = Subject::start(&program, attack.environment).await?;
        let found = suffer(&subject, attack, &plan).await?;
        println!("{}", table::row(&found));
        all.push(found);
    }
    plan.output.report("attack", &table::markdown(&all), &table::line(&all))?;
    Ok(())
}

async fn suffer(subject: &Subject, attack: &Attack, plan: &Plan) -> anyhow::Result<Found> {
    let (seconds, after) = (Duration::from_secs(plan.seconds), Duration::from_secs(plan.after));
    let own = subject.attackers_session().await?;
    let neighbours = Neighbours::meet(subject).await?;
    let prepared = (attack.prepare)(Target { until: Instant::now() + Duration::from_secs(10), ..own.clone() }).await;
    let calm = neighbours.now();
    sleep(seconds.min(Duration::from_secs(2))).await;
    let gauge = Gauge::start(subject.process_id());
    let before = gauge.now()?;
    let begun = neighbours.now();
    let mut answers = (attack.run)(Target { until: Instant::now() + seconds, ..own }).await;
    answers.extend(prepared);
    let ended = neighbours.now();
    let login = neighbours.log_in().await;
    sleep(after).await;
    let quiet = neighbours.now();
    neighbours.until_all_is_heard().await;
    Ok(Found {
        name: attack.name,
        before,
        peak: gauge.peak(),
        after: gauge.now()?,
        heard: [calm..begun, begun..ended, ended..quiet].map(|window| neighbours.heard(&window)),
        login,
        answers,
    })
}
