//! A visitor's socket that looks at the times in what comes, and at nothing else.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::visitor::Visitor;
use crate::wire::{self, Incoming};

/// How one message came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) from_commit: Duration,
    pub(crate) from_post: Duration,
}

/// What came to all sockets so far.
#[derive(Clone)]
pub(crate) struct Arrivals(Arc<Shared>);

struct Shared {
    started: Instant,
    /// Messages that were stored.
    stored: AtomicU64,
    /// Messages that came.
    arrived: AtomicU64,
    samples: Mutex<Vec<Sample>>,
}

impl Arrivals {
    pub(crate) fn new(started: Instant) -> Self {
        let (stored, arrived) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Shared { started, stored, arrived, samples: Mutex::default() }))
    }

    /// Times in messages count from here.
    pub(crate) fn started(&self) -> Instant {
        self.0.started
    }

    /// A message was stored: it has to arrive.
    pub(crate) fn stored(&self) {
        self.0.stored.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages that came so far.
    pub(crate) fn count(&self) -> u64 {
        self.0.arrived.load(Ordering::Relaxed)
    }

    /// Stored, and not at its socket. A message may come before its sender is told that it is stored.
    pub(crate) fn on_their_way(&self) -> u64 {
        self.0.stored.load(Ordering::Relaxed).saturating_sub(self.count())
    }

    /// What came since the last call.
    pub(crate) fn take(&self) -> Vec<Sample> {
        std::mem::take(&mut self.0.samples.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until nothing is on its way.
    pub(crate) async fn drained(&self, within: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        while self.on_their_way() > 0 {
            ensure!(Instant::now() < deadline, "{} messages did not arrive", self.on_their_way());
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    fn heard(&self, text: &str) {
        let (now, elapsed) = (Utc::now(), self.0.started.elapsed());
        let Some(sample) = sample(text, now, elapsed) else { return };
        self.0.arrived.fetch_add(1, Ordering::Relaxed);
        self.0.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
    }
}

/// Nothing of a frame that is no message.
fn sample(text: &str, now: DateTime<Utc>, elapsed: Duration) -> Option<Sample> {
    if !text.starts_with(r#"{"type":"chat.message","#) {
        return None;
    }
    let posted = text.split_once(r#""body":""#)?.1.split(' ').next()?.parse().ok()?;
    let created: DateTime<Utc> = text.split_once(r#""created_at":""#)?.1.split('"').next()?.parse().ok()?;
    let from_commit = (now - created).to_std().unwrap_or_default();
    Some(Sample { from_commit, from_post: elapsed.saturating_sub(Duration::from_micros(posted)) })
}

/// Connects a visitor and listens from then on.
pub(crate) async fn open(gateway: SocketAddr, visitor: &Visitor, arrivals: Arrivals) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(gateway).await?;
    stream.set_nodelay(true)?;
    let target = format!("/channel/ws?session={}&token={}", visitor.session, visitor.token);
    stream.write_all(wire::handshake(&target, gateway).as_bytes()).await?;
    let mut reader = Reader { stream, bytes: Vec::with_capacity(8192) };
    reader.upgraded().await?;
    let connected = reader.next_text().await?;
    ensure!(connected.contains(r#""type":"connected""#), "the first frame is {connected}");
    tokio::spawn(async move {
        // A socket that ends has lost its messages, which is found when they do not arrive.
        while let Ok(text) = reader.next_text().await {
            arrivals.heard(&text);
        }
    });
    Ok(())
}

struct Reader {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Reader {
    async fn more(&mut self) -> anyhow::Result<()> {
        ensure!(self.stream.read_buf(&mut self.bytes).await? > 0, "the socket was closed");
        Ok(())
    }

    async fn upgraded(&mut self) -> anyhow::Result<()> {
        loop {
            self.more().await?;
            if let Some(length) = wire::upgrade_length(&self.bytes)? {
                self.bytes.drain(..length);
                return Ok(());
            }
        }
    }

    async fn next_text(&mut self) -> anyhow::Result<String> {
        loop {
            let Some((incoming, length)) = wire::first_frame(&self.bytes) else {
                self.more().await?;
                continue;
            };
            let (text, answer) = match incoming {
                Incoming::Text(text) => (Some(String::from_utf8(text.to_vec()).context("text")?), None),
                Incoming::Ping(payload) => (None, Some(wire::pong(payload))),
                Incoming::Close | Incoming::Other => (None, None),
            };
            self.bytes.drain(..length);
            if let Some(answer) = answer {
                self.stream.write_all(&answer).await?;
            }
            if let Some(text) = text {
                return Ok(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_how_long_it_took() {
        let text =
            r#"{"type":"chat.message","chat_id":1,"data":{"body":"2000 x","created_at":"2026-11-21T10:00:00Z"}}"#;
        let now = "2026-11-21T10:00:00.004Z".parse().expect("a time");
        let found = sample(text, now, Duration::from_millis(5)).expect("a sample");
        assert_eq!((found.from_commit, found.from_post), (Duration::from_millis(4), Duration::from_millis(3)));
        assert!(sample(r#"{"type":"chat.read"}"#, now, Duration::ZERO).is_none());
    }
}
