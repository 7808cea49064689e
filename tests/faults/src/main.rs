//! `make faults`: the proof by breaking things.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use faults::cluster::PubSub;
use faults::faults::{endurance, schedule, short_schedule};
use faults::proxy::plant::Spoil;
use faults::run::{Plan, run};
use tokio::signal::unix::{SignalKind, signal};

/// Of a short run, which is the same every time.
const SHORT_SEED: u64 = 1;
const SHORT_PACE: f64 = 2.0;
const SHORT_OUTAGE: f64 = 1.0;

/// Breaks a running Switchboard in every way that it must survive, and compares what every client saw with PostgreSQL.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often each kind of fault is done.
    #[arg(long, env = "ROUNDS", default_value_t = 1)]
    rounds: u32,
    /// What the faults are drawn from; without it the run makes one up and prints it.
    #[arg(long, env = "SEED")]
    seed: Option<u64>,
    /// What carries events to the gateways.
    #[arg(long, env = "PUBSUB", value_enum, default_value = "redis")]
    pubsub: PubSub,
    /// A fault and its aftermath take at least so long; the fault itself at most half of it.
    #[arg(long, env = "SECONDS_PER_FAULT", default_value_t = 8.0)]
    seconds_per_fault: f64,
    /// Messages a second.
    #[arg(long, env = "RATE", default_value_t = 60.0)]
    rate: f64,
    /// A short run of a fixed seed: every kill -9, and what connections and clients suffer.
    #[arg(long)]
    short: bool,
    /// Instead of the faults: what lasts, for so many seconds each, and what the services use of the machine meanwhile.
    #[arg(long, value_name = "SECONDS")]
    endure: Option<f64>,
    /// How many tabs of real browsers take part. They need Node, Chromium and nginx.
    #[arg(long, env = "BROWSERS", default_value_t = 0)]
    browsers: usize,
    /// Only faults with this in their names.
    #[arg(long)]
    only: Option<String>,
    /// Spoils one message on its way to one client, to see that the run fails.
    #[arg(long, value_enum)]
    plant: Option<Spoil>,
    /// Where the services' binaries are; beside this one if it is not said.
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// Where the logs of all parts go.
    #[arg(long, default_value = ".run/faults/logs")]
    logs: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = tokio::select! {
        done = judge(arguments) => done,
        () = asked_to_end() => {
            eprintln!("faults: ended before the verdict");
            return ExitCode::from(130);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether the run found nothing wrong.
async fn judge(arguments: Arguments) -> anyhow::Result<bool> {
    let plan = arguments.plan()?;
    println!("seed {}, {} faults, pub/sub over {:?}", plan.seed, plan.faults.len(), plan.pubsub);
    let outages: Duration = plan.faults.iter().map(|fault| fault.outage).sum();
    let around = (plan.pace + Duration::from_secs(60)) * u32::try_from(plan.faults.len())?;
    let limit = Duration::from_secs(180) + outages + around;
    let outcome = tokio::time::timeout(limit, run(plan)).await.context("the run does not end")??;
    print!("{}", outcome.text());
    Ok(outcome.is_good())
}

impl Arguments {
    fn plan(self) -> anyhow::Result<Plan> {
        let beside = || Some(std::env::current_exe().ok()?.parent()?.to_owned());
        let binaries = self.binaries.or_else(beside).context("where are the binaries?")?;
        let seed = self.seed.unwrap_or_else(|| if self.short { SHORT_SEED } else { rand::random_range(0..1_000_000) });
        let (pace, longest) = match self.short {
            true => (SHORT_PACE, SHORT_OUTAGE),
            false => (self.seconds_per_fault, self.seconds_per_fault / 2.0),
        };
        let longest = Duration::try_from_secs_f64(longest)?;
        let mut faults = match (self.endure, self.short) {
            (Some(seconds), _) => endurance(seed, Duration::try_from_secs_f64(seconds)?, self.pubsub),
            (None, true) => short_schedule(seed, longest, self.pubsub),
            (None, false) => schedule(seed, self.rounds, longest, self.pubsub),
        };
        if let Some(only) = &self.only {
            faults.retain(|fault| fault.kind.to_string().contains(only));
        }
        Ok(Plan {
            faults,
            seed,
            pace: Duration::try_from_secs_f64(pace)?,
            pubsub: self.pubsub,
            rate: self.rate,
            browsers: self.browsers,
            spoil: self.plant,
            is_endurance: self.endure.is_some(),
            binaries,
            logs: self.logs,
        })
    }
}

/// Ctrl-C, or SIGTERM. What was started ends with this process.
async fn asked_to_end() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
