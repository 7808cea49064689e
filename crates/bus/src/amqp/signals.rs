//! Signals by way of RabbitMQ: any process publishes them, and one dispatcher at a time takes them. Nothing is confirmed,
//! acknowledged or kept: a signal is told at once or not at all.
//!
//! They have links of their own. A broker that is short of memory or of disk space blocks a link by publishes on it,
//! and events wait for theirs.

use std::time::Duration;

use chat_events::Signal;
use chat_events::names::SIGNALS;
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Consumer};
use telemetry::{Part, Vital};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::address::AmqpAddress;
use super::connection::{BLOCKED_AT_MOST, Link, failed, soon};
use super::topology;
use crate::backoff::Backoff;
use crate::signals::WaitingSignals;
use crate::{BusError, SignalMetrics, SignalSink};

/// A link is tried before it is used, if it was not tried for this long: it may be dead and not say so, or the broker may have
/// been emptied.
const TRIED_AFTER: Duration = Duration::from_secs(2);

/// How often a link on which nothing is sent is looked after.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Between tries to connect, at most. Signals of that time are dropped: they would come too late.
const RECONNECT_AT_MOST: Duration = Duration::from_secs(1);

/// AMQP's number for a message that need not survive a restart of the broker.
const TRANSIENT: u8 = 1;

/// Publishes signals on a link that is made at the first.
#[must_use]
pub fn signal_sink(address: AmqpAddress, vital: &Vital) -> SignalSink {
    let (sink, to_send) = SignalSink::new();
    vital.spawn("signals to RabbitMQ", Sender::new(address).run(to_send));
    sink
}

/// The task's state.
struct Sender {
    address: AmqpAddress,
    link: Option<Link>,
    tried: Instant,
    not_before: Instant,
    backoff: Backoff,
}

impl Sender {
    fn new(address: AmqpAddress) -> Self {
        let now = Instant::now();
        Self { address, link: None, tried: now, not_before: now, backoff: Backoff::up_to(RECONNECT_AT_MOST) }
    }

    /// Until nobody can send any more.
    async fn run(mut self, mut to_send: WaitingSignals) {
        loop {
            tokio::select! {
                signals = to_send.next() => {
                    let Some(signals) = signals else { break };
                    if let Err(error) = self.send(&signals).await {
                        tracing::debug!(%error, "signals were dropped");
                        to_send.count_dropped(signals.len());
                    }
                }
                () = tokio::time::sleep(LOOK_EVERY), if self.link.is_some() => self.forget_useless_link(),
            }
        }
        if let Some(link) = self.link {
            link.close_soon();
        }
    }

    async fn send(&mut self, signals: &[Signal]) -> Result<(), BusError> {
        let link = self.take_link().await?;
        let published = soon(link.unless_blocked(publish(&link, signals))).await;
        if published.is_ok() || link.blocked().is_some() {
            self.link = Some(link);
        }
        published
    }

    /// A link that stands, or a new one. A link that the broker blocks is kept, and nothing is written to it.
    async fn take_link(&mut self) -> Result<Link, BusError> {
        self.forget_useless_link();
        if let Some(link) = self.link.take() {
            let works = match link.blocked() {
                Some(blocked) => Err(blocked.error()),
                None if self.tried.elapsed() < TRIED_AFTER => Ok(()),
                None => soon(link.unless_blocked(topology::declare_signals(&link.channel))).await,
            };
            match works {
                Ok(()) => {
                    self.tried = Instant::now();
                    return Ok(link);
                }
                Err(error) if link.blocked().is_some() => {
                    self.link = Some(link);
                    return Err(error);
                }
                // Another one may fare better.
                Err(_) => drop(link),
            }
        }
        self.open().await
    }

    /// Drops a link that has ended, or that has been blocked so long that it piles up heartbeats which it cannot send.
    fn forget_useless_link(&mut self) {
        let is_blocked_long = |link: &Link| link.blocked().is_some_and(|it| it.since.elapsed() >= BLOCKED_AT_MOST);
        self.link = self.link.take().filter(|link| link.is_open() && !is_blocked_long(link));
    }

    async fn open(&mut self) -> Result<Link, BusError> {
        if Instant::now() < self.not_before {
            return Err(BusError("RabbitMQ was away a moment ago".into()));
        }
        let opened = open(&self.address, "switchboard signals").await;
        match &opened {
            Ok(_) => {
                self.tried = Instant::now();
                self.backoff.reset();
            }
            Err(_) => self.not_before = Instant::now() + self.backoff.next_wait(),
        }
        opened
    }
}

/// A link on which signals can be published and taken.
async fn open(address: &AmqpAddress, name: &str) -> Result<Link, BusError> {
    let link = Link::open(address, name).await?;
    soon(topology::declare_signals(&link.channel)).await?;
    Ok(link)
}

/// Returns when all is written to the socket.
async fn publish(link: &Link, signals: &[Signal]) -> Result<(), BusError> {
    let properties =
        BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(TRANSIENT);
    let publish = async |signal: &Signal| {
        let json = serde_json::to_vec(signal).map_err(|_| BusError("a signal is plain data".into()))?;
        let options = BasicPublishOptions::default();
        let published = link.channel.basic_publish(SIGNALS.into(), "".into(), options, &json, properties.clone());
        published.await.map_err(failed)
    };
    try_join_all(signals.iter().map(publish)).await?;
    Ok(())
}

/// Takes signals from RabbitMQ, of all processes that do so one at a time, and passes them on. It never waits for the sink.
pub struct AmqpSignals {
    address: AmqpAddress,
    part: Part,
    sink: SignalSink,
    metrics: SignalMetrics,
}

impl AmqpSignals {
    /// Passes them to that sink.
    #[must_use]
    pub fn new(address: AmqpAddress, part: Part, sink: SignalSink, metrics: SignalMetrics) -> Self {
        Self { address, part, sink, metrics }
    }

    /// Until shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.take()).await;
    }

    async fn take(&self) {
        let mut backoff = Backoff::default();
        loop {
            let error = match self.consume().await {
                Ok((link, consumer)) => {
                    self.part.up();
                    backoff.reset();
                    self.pass_on(&link, consumer).await
                }
                Err(error) => error,
            };
            self.part.down(error.to_string());
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn consume(&self) -> Result<(Link, Consumer), BusError> {
        let link = open(&self.address, "switchboard dispatcher of signals").await?;
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let consume = link.channel.basic_consume(SIGNALS.into(), "".into(), options, FieldTable::default());
        let consumer = soon(async { consume.await.map_err(failed) }).await?;
        Ok((link, consumer))
    }

    /// Until the link breaks.
    async fn pass_on(&self, link: &Link, mut consumer: Consumer) -> BusError {
        loop {
            let step = tokio::select! {
                delivery = consumer.next() => match delivery {
                    Some(Ok(delivery)) => {
                        self.metrics.pass_on(serde_json::from_slice(&delivery.data), &self.sink);
                        Ok(())
                    }
                    Some(Err(error)) => Err(failed(error)),
                    None => Err(BusError("RabbitMQ: the consumer was cancelled".into())),
                },
                () = tokio::time::sleep(TRIED_AFTER) => soon(topology::declare_signals(&link.channel)).await,
            };
            if let Err(error) = step {
                return error;
            }
        }
    }
}
