//! Senders that cost little: all on one thread, one connection each, one request at a time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use super::costs::{Clocks, Cost, Processes};
use crate::figures::size;
use crate::http::{Connection, message_head};
use crate::percentiles::Percentiles;
use crate::visitor::Visitor;

/// What each message says.
pub(crate) const BODY: &str = "Good morning! Do you ship to Portugal, and how long does it take to arrive there?";

/// Where to send, as whom.
pub(crate) struct Target {
    host: String,
    chats: Vec<Chat>,
}

struct Chat {
    id: i64,
    /// The request, up to the `client_id`.
    head: String,
}

/// What came after the `client_id`.
const TAIL: &str = "\"}";

/// What the senders did together.
pub(crate) struct Sent {
    pub(crate) per_second: f64,
    /// For each message.
    pub(crate) cost: Cost,
    pub(crate) latency: Percentiles,
}

const WARM_UP: Duration = Duration::from_secs(1);

impl Target {
    pub(crate) fn new(address: &str, visitors: &[Visitor]) -> anyhow::Result<Self> {
        let host = host_and_port(address)?.to_owned();
        let chats = visitors.iter().map(Chat::of).collect();
        Ok(Self { host, chats })
    }

    pub(crate) fn chats(&self) -> Vec<i64> {
        self.chats.iter().map(|chat| chat.id).collect()
    }
}

impl Chat {
    fn of(visitor: &Visitor) -> Self {
        let body = format!("{{\"body\":\"{BODY}\",\"client_id\":\"");
        let length = body.len() + uuid::fmt::Hyphenated::LENGTH + TAIL.len();
        Self { id: visitor.session, head: message_head(visitor, length) + &body }
    }
}

/// What an address such as `http://127.0.0.1:8081` leads to.
fn host_and_port(address: &str) -> anyhow::Result<&str> {
    let rest = address.strip_prefix("http://").context("the address must begin with http://")?;
    Ok(rest.trim_end_matches('/'))
}

/// So many senders, over the first so many chats, for that long after the warm-up.
pub(crate) async fn run(
    target: Arc<Target>,
    senders: usize,
    chats: usize,
    time: Duration,
    processes: Processes,
) -> anyhow::Result<Sent> {
    let running = tokio::task::spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run_all(&target, senders, chats, time, processes))
    });
    running.await?
}

async fn run_all(
    target: &Arc<Target>,
    senders: usize,
    chats: usize,
    time: Duration,
    processes: Processes,
) -> anyhow::Result<Sent> {
    let counts_from = Instant::now() + WARM_UP;
    let until = counts_from + time;
    let mut running = JoinSet::new();
    for _ in 0..senders {
        running.spawn(send_until(target.clone(), chats, counts_from, until));
    }
    tokio::time::sleep_until(counts_from).await;
    let before = Clocks::read(processes)?;
    tokio::time::sleep_until(until).await;
    let after = Clocks::read(processes)?;
    let mut took = Vec::new();
    while let Some(done) = running.join_next().await {
        took.extend(done??);
    }
    let count = size(took.len());
    Ok(Sent {
        per_second: count / time.as_secs_f64(),
        cost: before.until(after, count),
        latency: Percentiles::of(took.into_iter()),
    })
}

/// Sends one message after the other; returns how long each took that was answered in the time that counts.
async fn send_until(
    target: Arc<Target>,
    chats: usize,
    counts_from: Instant,
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(&target.host).await?;
    let (mut took, mut request) = (Vec::new(), Vec::new());
    loop {
        let client_id = Uuid::new_v4();
        let chat = &target.chats[usize::try_from(client_id.as_u128() % u128::try_from(chats)?)?];
        request.clear();
        request.extend_from_slice(chat.head.as_bytes());
        request.extend_from_slice(client_id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
        request.extend_from_slice(TAIL.as_bytes());
        let started = Instant::now();
        connection.post(&request).await?;
        let now = Instant::now();
        if now >= until {
            return Ok(took);
        }
        if now >= counts_from {
            took.push(now - started);
        }
    }
}
