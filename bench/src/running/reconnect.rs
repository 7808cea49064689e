//! Thousands of visitors lose their gateway at one moment and come back to another one with their cursors, while
//! messages are written for all of them.
//!
//! Between the loss and the first try each waits a random time, as docs/protocol.md asks of clients. What counts is how
//! soon each is live again and has all that it missed, and what that cost in reads of history.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::all_open;
use crate::percentiles::Percentiles;
use crate::visitor::{Socket, Visitor};

/// The load.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// The gateway that is killed, as `http://host:port`.
    #[arg(long)]
    lost: String,
    /// Its process id.
    #[arg(long)]
    kill: u32,
    /// The gateway that they come back to.
    #[arg(long)]
    other: String,
    /// Visitors.
    #[arg(long, default_value_t = 5000)]
    visitors: usize,
    /// The first try comes within this many milliseconds of the loss, at random.
    #[arg(long, default_value_t = 3000)]
    spread_ms: u64,
    /// One visitor in so many gets a message while it is away.
    #[arg(long, default_value_t = 10)]
    written_to: usize,
}

/// Nobody may take longer.
const BACK_WITHIN: Duration = Duration::from_secs(60);

struct Back {
    after: Duration,
    missed: usize,
}

/// Runs it and prints the figures; the last line is for machines.
pub(crate) async fn run(address: &str, plan: Plan) -> anyhow::Result<()> {
    let http = reqwest::Client::new();
    let visitors = Visitor::open_many(&http, address, plan.visitors).await?;
    let connected = all_open(visitors.into_iter().map(|visitor| connected_to(visitor, plan.lost.clone()))).await?;
    println!("{} visitors are connected to one gateway", connected.len());

    let reads_before = reads(&http, &plan.other).await?;
    let (lose, lost_at) = watch::channel(None::<Instant>);
    let mut clients = JoinSet::new();
    let mut written_to = Vec::new();
    for (number, (visitor, socket, cursor)) in connected.into_iter().enumerate() {
        let expects_message = number % plan.written_to == 0;
        written_to.extend(expects_message.then(|| visitor.clone()));
        clients.spawn(come_back(visitor, socket, cursor, expects_message, plan.clone(), lost_at.clone()));
    }
    let killed = Command::new("kill").arg("-9").arg(plan.kill.to_string()).status()?;
    ensure!(killed.success(), "the gateway could not be killed");
    lose.send_replace(Some(Instant::now()));
    let writing = stream::iter(written_to).map(|visitor| async move { visitor.send("missed").await });
    writing.buffer_unordered(8).try_collect::<()>().await?;
    let mut back = Vec::new();
    while let Some(one) = clients.join_next().await {
        back.push(one??);
    }
    report(&plan, &back, &reads_before, &reads(&http, &plan.other).await?);
    Ok(())
}

/// A visitor with one message, connected to that gateway, and its cursor.
async fn connected_to(visitor: Visitor, gateway: String) -> anyhow::Result<(Visitor, Socket, i64)> {
    visitor.send("before").await?;
    let (mut socket, connected) = visitor.connect_at(&gateway, Some(0)).await?;
    let cursor = socket.level(&connected, 0).await?.0;
    Ok((visitor, socket, cursor))
}

async fn come_back(
    visitor: Visitor,
    mut socket: Socket,
    mut cursor: i64,
    expects_message: bool,
    plan: Plan,
    mut lost_at: watch::Receiver<Option<Instant>>,
) -> anyhow::Result<Back> {
    // What is on its way still comes; then the socket ends.
    while let Ok(frame) = socket.next_frame().await {
        cursor = frame["seq"].as_i64().unwrap_or(cursor).max(cursor);
    }
    let lost = lost_at.wait_for(Option::is_some).await?.context("lost")?;
    let mut wait = Duration::from_millis(random_below(plan.spread_ms));
    let returning = async {
        loop {
            sleep(wait).await;
            if let Ok((mut socket, connected)) = visitor.connect_at(&plan.other, Some(cursor)).await
                && let Ok((_, missed)) = socket.level(&connected, cursor).await
            {
                return (socket, missed);
            }
            wait = Duration::from_millis(500 + random_below(1000));
        }
    };
    let (mut socket, missed) = timeout(BACK_WITHIN, returning).await.context("a visitor did not come back")?;
    let after = lost.elapsed();
    if expects_message && missed == 0 {
        let coming = async {
            while !is_message(&socket.next_frame().await?, "missed") {}
            anyhow::Ok(())
        };
        timeout(BACK_WITHIN, coming).await.context("a message was lost")??;
    }
    Ok(Back { after, missed })
}

fn random_below(limit: u64) -> u64 {
    u64::try_from(uuid::Uuid::new_v4().as_u128() % u128::from(limit.max(1))).unwrap_or_default()
}

/// Counters of a gateway's metrics that tell what coming back cost.
async fn reads(http: &reqwest::Client, gateway: &str) -> anyhow::Result<BTreeMap<String, f64>> {
    let text = http.get(format!("{gateway}/metrics")).send().await?.error_for_status()?.text().await?;
    let wanted = ["history_reads_total", "resumes_total", "hub_fills_total", "chat_service_calls_total"];
    let lines = text.lines().filter(|line| wanted.iter().any(|name| line.starts_with(name)));
    Ok(lines
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect())
}

fn report(plan: &Plan, back: &[Back], before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) {
    let live = Percentiles::of(back.iter().map(|one| one.after));
    let missed: usize = back.iter().map(|one| one.missed).sum();
    println!("| | p50 ms | p90 ms | p99 ms | max ms |\n| --- | --- | --- | --- | --- |");
    println!("| from the loss until live | {live} |");
    println!("missed messages that came with the return: {missed}");
    for (name, value) in after {
        println!("{name} +{}", value - before.get(name).copied().unwrap_or_default());
    }
    println!(
        "visitors={} spread_ms={} live_p50_ms={:.0} live_p99_ms={:.0} live_max_ms={:.0}",
        back.len(),
        plan.spread_ms,
        live.p50,
        live.p99,
        live.max
    );
}

/// Whether a frame is a message with this text.
fn is_message(frame: &Value, body: &str) -> bool {
    frame["type"] == "chat.message" && frame["data"]["body"] == body
}
