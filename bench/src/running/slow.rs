//! What a client that does not read does to its neighbours: many sockets of an operator, which all get every message,
//! with and without one among them that reads nothing, in turn.
//!
//! The gateway must allow that many connections: `CHANNEL__OPERATOR_CONNECTIONS`, and `CHANNEL__HANDSHAKES_PER_SECOND=0`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::{all_open, posted, timed};
use crate::figures::median;
use crate::percentiles::Percentiles;
use crate::visitor::{Socket, Visitor};

/// The load.
#[derive(Debug, Clone, Args)]
pub(crate) struct Load {
    /// The operator's address.
    #[arg(long, default_value = "demo@example.com")]
    email: String,
    /// Its password.
    #[arg(long, env = "BENCH_PASSWORD", hide_env_values = true)]
    password: String,
    /// Sockets that read.
    #[arg(long, default_value_t = 1000)]
    sockets: usize,
    /// Messages a second.
    #[arg(long, default_value_t = 10)]
    rate: u32,
    /// Seconds of each half of a round.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Rounds, each once without and once with the slow client.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Characters of a message: enough that who reads nothing is given up in time.
    #[arg(long, default_value_t = 8000)]
    length: usize,
}

/// How long the last messages may take to arrive.
const LAST_WITHIN: Duration = Duration::from_secs(10);

/// Runs the rounds and prints the figures; the last line is for machines.
pub(crate) async fn run(address: &str, load: Load) -> anyhow::Result<()> {
    let http = reqwest::Client::new();
    let url = Arc::new(staff_url(&http, address, &load).await?);
    let visitor = Visitor::open(&http, address).await?;
    let (samples, mut taken) = mpsc::unbounded_channel();
    let started = Instant::now();
    for (socket, _) in all_open((0..load.sockets).map(|_| async { Socket::open(&url).await })).await? {
        tokio::spawn(listen(socket, started, samples.clone()));
    }
    println!("{} sockets read every message, {}/s of {} characters", load.sockets, load.rate, load.length);
    println!(
        "| round | slow client | p50 ms | p90 ms | p99 ms | max ms | closed as slow |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    let mut ratios = Vec::new();
    for round in 1..=load.rounds {
        let without = half(&visitor, &load, started, &mut taken).await?;
        println!("| {round} | no | {without} | |");
        let (slow, closed) = SlowClient::start(url.clone());
        let with = half(&visitor, &load, started, &mut taken).await?;
        slow.abort();
        println!("| {round} | yes | {with} | {} |", closed.load(Ordering::Relaxed));
        ratios.push(with.p99 / without.p99);
    }
    println!("sockets={} rounds={} p99_ratio_median={:.3}", load.sockets, load.rounds, median(ratios));
    Ok(())
}

async fn staff_url(http: &reqwest::Client, address: &str, load: &Load) -> anyhow::Result<String> {
    let login = json!({"email": load.email, "password": load.password});
    let answer = http.post(format!("{address}/auth/login")).json(&login).send().await?.error_for_status()?;
    let answer: Value = answer.json().await?;
    let token = answer["access_token"].as_str().context("no access token")?;
    Ok(format!("{}/channel/ws?type=staff&access_token={token}", address.replacen("http", "ws", 1)))
}

/// Messages at the rate; how long each took to each socket.
async fn half(
    visitor: &Visitor,
    load: &Load,
    started: Instant,
    taken: &mut mpsc::UnboundedReceiver<Duration>,
) -> anyhow::Result<Percentiles> {
    let total = u64::from(load.rate) * load.seconds;
    let mut ticks = interval(Duration::from_secs(1) / load.rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..total {
        ticks.tick().await;
        visitor.send(&timed(started, load.length)).await?;
    }
    let expected = usize::try_from(total)? * load.sockets;
    let mut samples = Vec::with_capacity(expected);
    while samples.len() < expected {
        let sample = timeout(LAST_WITHIN, taken.recv()).await.context("a neighbour did not get a message")?;
        samples.push(sample.context("all sockets closed")?);
    }
    Ok(Percentiles::of(samples.into_iter()))
}

async fn listen(mut socket: Socket, started: Instant, samples: mpsc::UnboundedSender<Duration>) {
    while let Ok(frame) = socket.next_frame().await {
        let elapsed = started.elapsed();
        let Some(posted) = posted(&frame) else { continue };
        if samples.send(elapsed.saturating_sub(posted)).is_err() {
            return;
        }
    }
}

/// Connects, reads nothing until it must have been given up, looks whether it was, and comes again.
struct SlowClient;

impl SlowClient {
    fn start(url: Arc<String>) -> (JoinHandle<()>, Arc<AtomicUsize>) {
        const READS_NOTHING_FOR: Duration = Duration::from_secs(8);
        let closed = Arc::new(AtomicUsize::new(0));
        let counted = closed.clone();
        let client = tokio::spawn(async move {
            loop {
                let Ok((mut socket, _)) = Socket::open(&url).await else { continue };
                sleep(READS_NOTHING_FOR).await;
                // What the kernel held still comes; then the connection ends, if it was given up.
                while let Ok(Ok(_)) = timeout(Duration::from_millis(200), socket.next_frame()).await {}
                let ended = timeout(Duration::from_millis(200), socket.next_frame()).await;
                counted.fetch_add(usize::from(matches!(ended, Ok(Err(_)))), Ordering::Relaxed);
            }
        });
        (client, closed)
    }
}
