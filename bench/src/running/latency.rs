//! A steady rate of messages over many chats, each with a socket that listens.
//!
//! "From commit" counts from the message's `created_at`, PostgreSQL's clock at the start of the statement, on the same
//! machine: a little more than from the commit itself. Clients, servers and databases share the cores.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::Args;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{posted, timed};
use crate::percentiles::Percentiles;
use crate::visitor::{Socket, Visitor};

/// The load.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Load {
    /// Messages a second, over all chats.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Chats, each with one socket.
    #[arg(long, default_value_t = 50)]
    chats: usize,
    /// Seconds that count, after two that do not.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

const WARM_UP: Duration = Duration::from_secs(2);
/// How long the last messages may take to arrive.
const LAST_WITHIN: Duration = Duration::from_secs(10);

struct Sample {
    from_commit: Duration,
    from_post: Duration,
}

/// Runs the load and prints the figures; the last line is for machines.
pub(crate) async fn run(address: &str, load: Load) -> anyhow::Result<()> {
    let http = reqwest::Client::new();
    let visitors = Visitor::open_many(&http, address, load.chats).await?;
    let (samples, mut taken) = mpsc::unbounded_channel();
    let started = Instant::now();
    for visitor in &visitors {
        let socket = visitor.connect().await?;
        tokio::spawn(listen(socket, started, samples.clone()));
    }
    let sent = send(Arc::new(visitors), load, started).await?;
    let mut measured = Vec::new();
    while measured.len() < sent {
        let sample = timeout(LAST_WITHIN, taken.recv()).await;
        let sample = sample.with_context(|| format!("{} of {sent} messages never arrived", sent - measured.len()))?;
        measured.push(sample.context("all sockets closed")?);
    }
    report(load, &measured[warm_up_count(load).min(measured.len())..]);
    Ok(())
}

fn warm_up_count(load: Load) -> usize {
    usize::try_from(u64::from(load.rate) * WARM_UP.as_secs()).unwrap_or(usize::MAX)
}

async fn send(visitors: Arc<Vec<Visitor>>, load: Load, started: Instant) -> anyhow::Result<usize> {
    let total = warm_up_count(load) + usize::try_from(u64::from(load.rate) * load.seconds)?;
    let mut ticks = interval(Duration::from_secs(1) / load.rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut posts = tokio::task::JoinSet::new();
    for number in 0..total {
        ticks.tick().await;
        let visitors = visitors.clone();
        let body = timed(started, 180);
        posts.spawn(async move { visitors[number % visitors.len()].send(&body).await });
        while let Some(posted) = posts.try_join_next() {
            posted??;
        }
    }
    while let Some(posted) = posts.join_next().await {
        posted??;
    }
    Ok(total)
}

async fn listen(mut socket: Socket, started: Instant, samples: mpsc::UnboundedSender<Sample>) {
    while let Ok(frame) = socket.next_frame().await {
        let (now, elapsed) = (Utc::now(), started.elapsed());
        let created = frame["data"]["created_at"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
        let (Some(posted), Some(created)) = (posted(&frame), created) else { continue };
        let from_commit = (now - created).to_std().unwrap_or_default();
        let from_post = elapsed.saturating_sub(posted);
        if samples.send(Sample { from_commit, from_post }).is_err() {
            return;
        }
    }
}

fn report(load: Load, samples: &[Sample]) {
    let commit = Percentiles::of(samples.iter().map(|sample| sample.from_commit));
    let post = Percentiles::of(samples.iter().map(|sample| sample.from_post));
    println!("{} messages, {}/s over {} chats", samples.len(), load.rate, load.chats);
    println!("| | p50 ms | p90 ms | p99 ms | max ms |\n| --- | --- | --- | --- | --- |");
    println!("| commit to socket | {commit} |\n| POST to socket | {post} |");
    println!(
        "messages={} commit_p50_ms={:.2} commit_p99_ms={:.2} post_p50_ms={:.2} post_p99_ms={:.2}",
        samples.len(),
        commit.p50,
        commit.p99,
        post.p50,
        post.p99
    );
}
