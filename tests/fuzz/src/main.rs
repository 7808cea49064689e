//! `make fuzz`: every reader in a tight loop, for so many seconds each. Ends badly if one of them was found wanting.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use clap::Parser;
use fuzz::mutate;
use fuzz::targets::{ALL, Target};
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// Inputs between two looks at the clock.
const AT_ONCE: u64 = 1000;
/// Findings of one reader that are shown.
const SHOWN: u64 = 5;

#[derive(Parser)]
struct Options {
    /// For each reader.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only readers with this in their name.
    #[arg(long, default_value = "")]
    only: String,
    /// The same seed, the same inputs.
    #[arg(long, default_value_t = rand::random())]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let Options { seconds, only, seed } = Options::parse();
    println!("seed {seed}");
    // A finding is told in one line.
    std::panic::set_hook(Box::new(|_| {}));
    let targets = ALL.into_iter().filter(|target| target.name.contains(&only));
    let ran: Vec<(u64, u64)> = targets.map(|target| run(&target, Duration::from_secs(seconds), seed)).collect();
    let executions: u64 = ran.iter().map(|(executions, _)| executions).sum();
    let findings: u64 = ran.iter().map(|(_, findings)| findings).sum();
    println!("all: {executions} executions, {findings} findings");
    anyhow::ensure!(findings == 0, "there are findings");
    Ok(())
}

fn run(target: &Target, time: Duration, seed: u64) -> (u64, u64) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let good = (target.good)();
    let (mut executions, mut findings) = (0, 0);
    let start = Instant::now();
    while start.elapsed() < time {
        for _ in 0..AT_ONCE {
            let input = mutate::input(&mut rng, &good);
            let found = catch_unwind(AssertUnwindSafe(|| (target.check)(&input)));
            if let Err(why) = found.unwrap_or_else(|_| Err("it panics".into())) {
                findings += 1;
                if findings <= SHOWN {
                    println!("{}: {why}: {:?}", target.name, String::from_utf8_lossy(&input));
                }
            }
        }
        executions += AT_ONCE;
    }
    let rate = executions as f64 / start.elapsed().as_secs_f64();
    println!("{}: {executions} executions, {rate:.0} a second, {findings} findings", target.name);
    (executions, findings)
}
