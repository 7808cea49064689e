//! The long runs on the gateway: many sockets held for minutes, and many that come and go.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;

use super::crew::{Crew, WARM_UP_MESSAGES};
use super::subject::{Kind, Subject};
use crate::figures::{number, size};
use crate::usage;

/// Sockets that are held.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Hold {
    /// How many, in one process.
    #[arg(long, default_value_t = 18_000)]
    sockets: usize,
    /// For how long.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// A message to all every so many seconds.
    #[arg(long, default_value_t = 10)]
    every: u64,
}

/// Sockets that come and go.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Churn {
    /// Connects and disconnects in all.
    #[arg(long, default_value_t = 100_000)]
    connects: usize,
    /// How many are there at a time.
    #[arg(long, default_value_t = 1000)]
    at_once: usize,
    /// Whose they are. Each user's come slower than the gateway's limit.
    #[arg(long, default_value_t = 5000)]
    users: usize,
}

/// Holds them: none may be closed, and every message reaches all.
pub(crate) async fn hold(plan: Hold) -> anyhow::Result<()> {
    let mut subject = Kind::Switchboard.start(plan.sockets).await?;
    let mut crew = Crew::new()?;
    crew.warm_up(&mut subject, WARM_UP_MESSAGES).await?;
    let empty = resident(&subject)?;
    crew.seat(subject.guests(0..plan.sockets)).await?;
    let (begun, mut messages, mut next_line) = (Instant::now(), 0u32, Duration::ZERO);
    println!(
        "| after | sockets | messages to all | resident MiB | KiB per connection |\n| --- | --- | --- | --- | --- |"
    );
    let mut most = 0f64;
    while begun.elapsed() < Duration::from_secs(plan.seconds) {
        crew.stay(Duration::from_secs(plan.every)).await?;
        crew.deliver(&mut subject).await?;
        messages += 1;
        let (now, sockets) = (resident(&subject)?, crew.size().await?);
        let kib = per_socket(now, empty, sockets);
        most = most.max(kib);
        if begun.elapsed() >= next_line {
            next_line += Duration::from_secs(60);
            println!("| {} s | {sockets} | {messages} | {} | {kib:.2} |", begun.elapsed().as_secs(), now / 1024);
        }
    }
    println!("held={} seconds={} messages={messages} kib_per_held_socket={most:.2}", plan.sockets, plan.seconds);
    Ok(())
}

/// Lets them come and go; memory must not grow with their number.
pub(crate) async fn churn(plan: Churn) -> anyhow::Result<()> {
    ensure!(plan.at_once > 0 && plan.at_once <= plan.users, "there must be as many users as sockets at a time");
    let mut subject = Kind::Switchboard.start(plan.users).await?;
    let mut crew = Crew::new()?;
    crew.warm_up(&mut subject, WARM_UP_MESSAGES).await?;
    println!("| connects | resident MiB |\n| --- | --- |");
    let (mut count, mut samples) = (0, vec![(0, resident(&subject)?)]);
    while count < plan.connects {
        crew.seat(subject.guests(count..count + plan.at_once)).await?;
        crew.deliver(&mut subject).await?;
        crew.disperse().await?;
        count += plan.at_once;
        if count.is_multiple_of(plan.connects.div_ceil(10)) {
            crew.stay(Duration::from_secs(2)).await?;
            samples.push((count, resident(&subject)?));
            println!("| {count} | {:.1} |", mib(samples.last().map_or(0, |sample| sample.1)));
        }
    }
    // The first tenth fills caches and pools once.
    let warm = samples.get(1).context("a sample")?.1;
    let last = samples.last().context("a sample")?.1;
    println!("churned={count} resident_mib_after_a_tenth={:.1} resident_mib_at_the_end={:.1}", mib(warm), mib(last));
    Ok(())
}

fn resident(subject: &Subject) -> anyhow::Result<u64> {
    usage::resident(subject.server())
}

fn mib(kib: u64) -> f64 {
    number(kib) / 1024.0
}

fn per_socket(now: u64, empty: u64, sockets: usize) -> f64 {
    (number(now) - number(empty)) / size(sockets)
}
