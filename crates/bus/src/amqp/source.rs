//! Consumes a lane's queue. Nothing is given back to the broker while the link stands: a refused event waits here, in
//! order, so that its chat stays in order.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chat_events::names::{dispatch_queue, is_beat_key};
use chat_events::{Beat, ChatId, Event, Lane};
use futures_util::{FutureExt, StreamExt};
use lapin::Consumer;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use telemetry::Part;
use tokio::time::Instant;

use super::address::AmqpAddress;
use super::connection::{Link, failed, in_time, soon};
use super::graves::Graves;
use super::topology;
use crate::backoff::Backoff;
use crate::{Batch, BusError, Envelope, LaneMetrics, Outcome, Source};

/// How many deliveries the broker gives ahead of their acks. This bounds everything that is kept here.
const PREFETCH: u16 = 500;

/// The largest batch.
const BATCH: usize = 256;

/// A lane beats each second. When nothing has come for this long the link is tried: the lane's holder may be away, or
/// another consumer is served, or the link is dead and does not say so.
const TRIED_AFTER: Duration = Duration::from_secs(2);

/// A refused chat waits at most this long.
const HELD_AT_MOST: Duration = Duration::from_secs(1);

/// A lane's queue. Of all sources of a lane, in whatever process, the broker serves one.
pub struct AmqpSource {
    address: AmqpAddress,
    lane: Lane,
    metrics: LaneMetrics,
    part: Part,
    subscription: Option<Subscription>,
}

impl AmqpSource {
    /// Consumes that lane.
    #[must_use]
    pub fn new(address: AmqpAddress, lane: Lane, metrics: LaneMetrics, part: Part) -> Self {
        Self { address, lane, metrics, part, subscription: None }
    }

    async fn read_on(&mut self) -> Result<Batch, BusError> {
        if self.subscription.is_none() {
            self.subscription = Some(Subscription::open(&self.address, self.lane).await?);
            self.part.up();
        }
        let subscription = self.subscription.as_mut().expect("just opened");
        loop {
            subscription.bury(&self.metrics).await?;
            // Before events, so that it comes through where there is no end of them.
            if let Some(beat) = subscription.latest_beat() {
                return Ok(Batch::Beat(beat));
            }
            let batch = subscription.gather()?;
            if !batch.is_empty() {
                return Ok(Batch::Events(batch));
            }
            if subscription.has_only_silence() {
                subscription.wait().await?;
            }
        }
    }

    /// The broker gives everything unacknowledged to the next link, or to another consumer.
    fn let_go(&mut self, error: &BusError) {
        self.subscription = None;
        self.part.down(error.to_string());
    }
}

#[async_trait]
impl Source for AmqpSource {
    async fn next(&mut self) -> Result<Batch, BusError> {
        let read = self.read_on().await;
        if let Err(error) = &read {
            self.let_go(error);
        }
        read
    }

    async fn settle(&mut self, batch: &[Envelope], outcomes: &[Outcome]) -> Result<(), BusError> {
        let settled = match &mut self.subscription {
            Some(subscription) => subscription.settle(batch, outcomes).await,
            None => Ok(()),
        };
        if let Err(error) = &settled {
            self.let_go(error);
        }
        settled
    }

    async fn forget_beat(&mut self) -> Result<(), BusError> {
        let forgotten = match &mut self.subscription {
            Some(subscription) => subscription.forget_beat().await,
            None => Ok(()),
        };
        if let Err(error) = &forgotten {
            self.let_go(error);
        }
        forgotten
    }
}

/// At the end. A delivery that is not acknowledged goes to another consumer.
impl Drop for AmqpSource {
    fn drop(&mut self) {
        if let Some(subscription) = self.subscription.take() {
            subscription.link.close_soon();
        }
    }
}

/// One link, and the deliveries that came over it and are not acknowledged.
struct Subscription {
    lane: Lane,
    link: Link,
    consumer: Consumer,
    graves: Graves,
    /// Came in, not looked at yet.
    arrived: VecDeque<Delivery>,
    /// Came in, not acknowledged yet. Only the latest of them is of any use; after a break an earlier one may come later.
    beats: Vec<(u64, Beat)>,
    /// Cannot be read, not buried yet.
    unreadable: VecDeque<(Delivery, String)>,
    /// The tags of the batch that is out, in its order.
    in_flight: Vec<u64>,
    /// Chats with a refusal, and all that came in them since.
    held: HashMap<ChatId, Held>,
    /// Every tag that is not acknowledged.
    unacked: BTreeSet<u64>,
}

struct Held {
    waiting: VecDeque<(u64, Envelope)>,
    until: Instant,
    backoff: Backoff,
}

impl Subscription {
    async fn open(address: &AmqpAddress, lane: Lane) -> Result<Self, BusError> {
        let link = Link::open(address, "switchboard dispatcher").await?;
        let consumer = in_time(consume(&link, lane)).await?;
        Ok(Self {
            lane,
            link,
            consumer,
            graves: Graves::new(address),
            arrived: VecDeque::new(),
            beats: Vec::new(),
            unreadable: VecDeque::new(),
            in_flight: Vec::new(),
            held: HashMap::new(),
            unacked: BTreeSet::new(),
        })
    }

    /// Whether neither an event nor anything else that can be done at once was gathered.
    fn has_only_silence(&self) -> bool {
        (self.unreadable.is_empty() || self.graves.is_closed()) && self.beats.is_empty()
    }

    fn latest_beat(&self) -> Option<Beat> {
        self.beats.iter().map(|(_, beat)| *beat).max_by_key(|beat| beat.committed_at)
    }

    /// Chats whose wait is over first, then new deliveries. Does not wait, so that a caller that is cancelled while
    /// waiting loses nothing.
    fn gather(&mut self) -> Result<Vec<Envelope>, BusError> {
        let mut batch = Vec::new();
        self.gather_held(&mut batch);
        while batch.len() < BATCH {
            match self.arrived.pop_front() {
                Some(delivery) => self.sort(delivery, &mut batch),
                None => match self.consumer.next().now_or_never() {
                    Some(delivery) => self.arrived.push_back(received(delivery)?),
                    None => break,
                },
            }
        }
        self.in_flight = batch.iter().map(|(tag, _)| *tag).collect();
        Ok(batch.into_iter().map(|(_, envelope)| envelope).collect())
    }

    fn gather_held(&mut self, batch: &mut Vec<(u64, Envelope)>) {
        let now = Instant::now();
        for held in self.held.values_mut().filter(|held| held.until <= now) {
            let take = held.waiting.len().min(BATCH - batch.len());
            batch.extend(held.waiting.drain(..take));
        }
    }

    fn sort(&mut self, delivery: Delivery, batch: &mut Vec<(u64, Envelope)>) {
        let tag = delivery.delivery_tag;
        self.unacked.insert(tag);
        let sorted = if is_beat_key(delivery.routing_key.as_str()) {
            serde_json::from_slice(&delivery.data).map(|beat| self.beats.push((tag, beat)))
        } else {
            serde_json::from_slice(&delivery.data).map(|event| self.sort_event(tag, event, &delivery.data, batch))
        };
        if let Err(why) = sorted {
            self.unreadable.push_back((delivery, why.to_string()));
        }
    }

    /// An event of a chat that is held goes behind the events that wait there.
    fn sort_event(&mut self, tag: u64, event: Event, json: &[u8], batch: &mut Vec<(u64, Envelope)>) {
        let chat = event.chat_id;
        let envelope = Envelope { lane: self.lane, event, json: Bytes::copy_from_slice(json) };
        match self.held.get_mut(&chat) {
            Some(held) if !held.is_drained() => held.waiting.push_back((tag, envelope)),
            _ => batch.push((tag, envelope)),
        }
    }

    /// Until there may be something to gather. Safe to cancel.
    async fn wait(&mut self) -> Result<(), BusError> {
        let due = self.held.values().filter(|held| !held.waiting.is_empty()).map(|held| held.until).min();
        let next_due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            delivery = self.consumer.next() => self.arrived.push_back(received(delivery)?),
            () = next_due => {}
            () = tokio::time::sleep(TRIED_AFTER) => soon(topology::ask_for_lane(&self.link.channel, self.lane)).await?,
        }
        Ok(())
    }

    async fn forget_beat(&mut self) -> Result<(), BusError> {
        let tags = std::mem::take(&mut self.beats).into_iter().map(|(tag, _)| tag).collect();
        soon(self.ack_all(tags)).await
    }

    /// Publishes unreadable deliveries as dead letters, and acknowledges them once these are confirmed. They wait,
    /// unacknowledged, while the broker takes no publishes; the lane goes on.
    async fn bury(&mut self, metrics: &LaneMetrics) -> Result<(), BusError> {
        while let Some((delivery, why)) = self.unreadable.front() {
            if !self.graves.take(delivery, why).await? {
                return Ok(());
            }
            tracing::error!(lane = %self.lane, %why, "a message could not be read and went to the dead letters");
            let tag = delivery.delivery_tag;
            self.unreadable.pop_front();
            metrics.count_unreadable();
            self.unacked.remove(&tag);
            in_time(self.ack(tag, false)).await?;
        }
        Ok(())
    }

    async fn settle(&mut self, batch: &[Envelope], outcomes: &[Outcome]) -> Result<(), BusError> {
        let tags = std::mem::take(&mut self.in_flight);
        let mut taken = Vec::with_capacity(batch.len());
        let mut kept: HashMap<ChatId, Kept> = HashMap::new();
        for ((tag, envelope), outcome) in tags.into_iter().zip(batch).zip(outcomes) {
            if *outcome == Outcome::Taken {
                taken.push(tag);
            } else {
                let kept = kept.entry(envelope.event.chat_id).or_default();
                kept.refused |= matches!(outcome, Outcome::Refused(_));
                kept.envelopes.push((tag, envelope.clone()));
            }
        }
        self.release(batch, &kept);
        kept.into_iter().for_each(|(chat, kept)| self.hold(chat, kept));
        in_time(self.ack_all(taken)).await
    }

    /// Chats whose part of the batch was taken whole and of which nothing else waits are no longer special.
    fn release(&mut self, batch: &[Envelope], kept: &HashMap<ChatId, Kept>) {
        for chat in batch.iter().map(|envelope| envelope.event.chat_id).filter(|chat| !kept.contains_key(chat)) {
            if self.held.get(&chat).is_some_and(|held| held.waiting.is_empty()) {
                self.held.remove(&chat);
            }
        }
    }

    /// Puts the events that were not taken before the events that came since.
    fn hold(&mut self, chat: ChatId, kept: Kept) {
        let held = self.held.entry(chat).or_insert_with(Held::new);
        for delivery in kept.envelopes.into_iter().rev() {
            held.waiting.push_front(delivery);
        }
        if kept.refused {
            held.until = Instant::now() + held.backoff.next_wait();
        }
    }

    /// One ack up to the first tag that must stay, then one for each later.
    async fn ack_all(&mut self, taken: Vec<u64>) -> Result<(), BusError> {
        for tag in &taken {
            self.unacked.remove(tag);
        }
        let first_kept = self.unacked.first().copied().unwrap_or(u64::MAX);
        let (low, high): (Vec<u64>, Vec<u64>) = taken.into_iter().partition(|tag| *tag < first_kept);
        if let Some(last) = low.into_iter().max() {
            self.ack(last, true).await?;
        }
        for tag in high {
            self.ack(tag, false).await?;
        }
        Ok(())
    }

    async fn ack(&self, tag: u64, multiple: bool) -> Result<(), BusError> {
        self.link.channel.basic_ack(tag, BasicAckOptions { multiple }).await.map_err(failed)
    }
}

/// The events of one chat in a batch that were not taken.
#[derive(Default)]
struct Kept {
    envelopes: Vec<(u64, Envelope)>,
    refused: bool,
}

impl Held {
    fn new() -> Self {
        Self { waiting: VecDeque::new(), until: Instant::now(), backoff: Backoff::up_to(HELD_AT_MOST) }
    }

    /// Whether all of it is in the batch that is being gathered, so that the next event may follow it there.
    fn is_drained(&self) -> bool {
        self.waiting.is_empty()
    }
}

async fn consume(link: &Link, lane: Lane) -> Result<Consumer, BusError> {
    topology::declare_exchanges(&link.channel).await?;
    topology::declare_lane(&link.channel, lane).await?;
    link.channel.basic_qos(PREFETCH, BasicQosOptions::default()).await.map_err(failed)?;
    let queue = dispatch_queue(lane);
    link.channel
        .basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await
        .map_err(failed)
}

fn received(delivery: Option<lapin::Result<Delivery>>) -> Result<Delivery, BusError> {
    match delivery {
        Some(delivery) => delivery.map_err(failed),
        None => Err(BusError("RabbitMQ: the consumer was cancelled".into())),
    }
}
