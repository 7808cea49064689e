//! Drives one source into one sink, in order per chat.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use chat_events::{Beat, Event, Lane};
use chrono::Utc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::backoff::Backoff;
use crate::{BusError, LaneMetrics};

/// How often an idle pipeline is checked.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// Refusals are counted one by one, but told to the log at most this often.
const REFUSALS_TOLD_EVERY: Duration = Duration::from_secs(5);

/// An event, read and as it was written, so that nobody encodes it twice.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Its chat's lane.
    pub lane: Lane,
    /// As types.
    pub event: Event,
    /// As JSON.
    pub json: Bytes,
}

/// The next item of a source.
#[derive(Debug, Clone)]
pub enum Batch {
    /// At least one event, each chat's in the order of `seq`.
    Events(Vec<Envelope>),
    /// A sign that the way is open up to here.
    Beat(Beat),
}

/// The outcome of one envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The sink has it for good.
    Taken,
    /// The sink did not take it; the reason is for the log.
    Refused(String),
    /// Not tried, since an earlier one of its chat was refused.
    Held,
}

/// Where events come from.
#[async_trait]
pub trait Source: Send {
    /// The next events, or a beat. Waits until there is something. Safe to cancel.
    async fn next(&mut self) -> Result<Batch, BusError>;

    /// Tells the outcomes of the last batch, in its order: taken events are forgotten, the rest comes again.
    async fn settle(&mut self, batch: &[Envelope], outcomes: &[Outcome]) -> Result<(), BusError>;

    /// The last beat is done with, whether it was passed on or not: beats never wait for a part that is away.
    async fn forget_beat(&mut self) -> Result<(), BusError>;
}

/// Where events go.
#[async_trait]
pub trait Sink: Send {
    /// Publishes a batch; one outcome for each envelope. After the first refusal in a chat, nothing later of that chat
    /// is published; other chats go on.
    async fn publish(&mut self, batch: &[Envelope]) -> Vec<Outcome>;

    /// Passes a beat on. Takes a few seconds at most, also when the next part swallows it without a word.
    async fn beat(&mut self, beat: &Beat) -> Result<(), BusError>;

    /// Finds out whether the next part answers, for this sink's health. Called now and then while there is nothing to
    /// publish, so that an idle pipeline is known to work and a broken one is mended before it is needed.
    async fn check(&mut self);
}

#[async_trait]
impl Source for Box<dyn Source> {
    async fn next(&mut self) -> Result<Batch, BusError> {
        (**self).next().await
    }

    async fn settle(&mut self, batch: &[Envelope], outcomes: &[Outcome]) -> Result<(), BusError> {
        (**self).settle(batch, outcomes).await
    }

    async fn forget_beat(&mut self) -> Result<(), BusError> {
        (**self).forget_beat().await
    }
}

#[async_trait]
impl Sink for Box<dyn Sink> {
    async fn publish(&mut self, batch: &[Envelope]) -> Vec<Outcome> {
        (**self).publish(batch).await
    }

    async fn beat(&mut self, beat: &Beat) -> Result<(), BusError> {
        (**self).beat(beat).await
    }

    async fn check(&mut self) {
        (**self).check().await;
    }
}

/// Pumps until shutdown. The batch in flight is finished first, so that nothing is published twice for a restart; all
/// that the source holds is released when this returns.
pub async fn run(mut source: impl Source, mut sink: impl Sink, metrics: LaneMetrics, shutdown: CancellationToken) {
    let mut retry = Retry::default();
    let mut told = RefusalLog::default();
    loop {
        let next = shutdown.run_until_cancelled(next_load(&mut source, &mut sink)).await;
        let Some(next) = next else { return };
        let done = match next {
            Ok(Batch::Events(batch)) => step(&mut source, &mut sink, &batch, &metrics, &mut told).await,
            Ok(Batch::Beat(beat)) => pass_on(&mut source, &mut sink, &beat).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => retry.succeeded(),
            Err(error) => retry.failed(&error, &metrics, &shutdown).await,
        }
    }
}

/// Waits for something to do, and checks the sink meanwhile.
async fn next_load(source: &mut impl Source, sink: &mut impl Sink) -> Result<Batch, BusError> {
    let mut checks = tokio::time::interval(CHECK_EVERY);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = std::pin::pin!(source.next());
    loop {
        tokio::select! {
            biased;
            load = &mut next => return load,
            _ = checks.tick() => sink.check().await,
        }
    }
}

/// One batch, from the sink's answer to the source's receipt.
async fn step(
    source: &mut impl Source,
    sink: &mut impl Sink,
    batch: &[Envelope],
    metrics: &LaneMetrics,
    told: &mut RefusalLog,
) -> Result<(), BusError> {
    let spans: Vec<Option<Span>> = batch.iter().map(publish_span).collect();
    let outcomes = sink.publish(batch).await;
    drop(spans);
    count(batch, &outcomes, metrics, told);
    source.settle(batch, &outcomes).await
}

/// A beat that is refused is not tried again, since the next comes in a second; the sink's health says why.
async fn pass_on(source: &mut impl Source, sink: &mut impl Sink, beat: &Beat) -> Result<(), BusError> {
    if let Err(error) = sink.beat(beat).await {
        tracing::debug!(lane = %beat.lane, %error, "a beat was not passed on");
    }
    source.forget_beat().await
}

/// The part of an event's trace that is spent here. Events without a trace cost nothing.
fn publish_span(envelope: &Envelope) -> Option<Span> {
    let traceparent = envelope.event.traceparent.as_deref()?;
    let span = tracing::info_span!(
        "publish",
        chat_id = envelope.event.chat_id.0,
        seq = envelope.event.seq.0,
        kind = envelope.event.kind.as_str(),
        lane = envelope.lane.0,
    );
    telemetry::trace::continue_from(&span, Some(traceparent));
    // Entered once, since a span that nobody entered has no start.
    span.in_scope(|| {});
    Some(span)
}

fn count(batch: &[Envelope], outcomes: &[Outcome], metrics: &LaneMetrics, told: &mut RefusalLog) {
    let now = Utc::now();
    for (envelope, outcome) in batch.iter().zip(outcomes) {
        match outcome {
            Outcome::Taken => metrics.count_taken(envelope.event.committed_at, now),
            Outcome::Refused(why) => {
                metrics.count_error();
                told.tell(envelope, why);
            }
            Outcome::Held => {}
        }
    }
}

/// Keeps a dead server from filling the log.
#[derive(Default)]
struct RefusalLog {
    last: Option<Instant>,
    untold: u64,
}

impl RefusalLog {
    fn tell(&mut self, envelope: &Envelope, why: &str) {
        if self.last.is_some_and(|last| last.elapsed() < REFUSALS_TOLD_EVERY) {
            self.untold += 1;
            return;
        }
        let Event { chat_id, seq, .. } = envelope.event;
        tracing::warn!(lane = %envelope.lane, %chat_id, %seq, why, untold = self.untold, "an event was refused and is retried");
        self.last = Some(Instant::now());
        self.untold = 0;
    }
}

/// The steps when the source fails: say it once, wait, say when it works again.
#[derive(Default)]
struct Retry {
    backoff: Backoff,
    failing: bool,
}

impl Retry {
    async fn failed(&mut self, error: &BusError, metrics: &LaneMetrics, shutdown: &CancellationToken) {
        metrics.count_error();
        if !self.failing {
            tracing::warn!(%error, "the source of events fails and is retried");
            self.failing = true;
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(self.backoff.next_wait()) => {}
        }
    }

    fn succeeded(&mut self) {
        if self.failing {
            tracing::info!("the source of events works again");
            self.failing = false;
        }
        self.backoff.reset();
    }
}
