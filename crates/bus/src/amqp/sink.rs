//! Publishes with confirms: a batch goes out whole, then its confirms are awaited. While RabbitMQ is short of memory or of
//! disk space nothing is published, and events wait where they come from.

use std::collections::HashSet;

use async_trait::async_trait;
use chat_events::names::{EXCHANGE, beat_key, routing_key};
use chat_events::{Beat, LaneCount};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Confirmation, PublisherConfirm};
use telemetry::Part;

use super::address::AmqpAddress;
use super::connection::{BLOCKED_AT_MOST, Link, failed, in_time, soon};
use super::topology;
use crate::order::InOrder;
use crate::{BusError, Envelope, Outcome, Sink};

/// Unconfirmed publishes at a time.
const WINDOW: usize = 500;

/// AMQP's number for a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// The exchange of events.
pub struct AmqpSink {
    address: AmqpAddress,
    lanes: LaneCount,
    part: Part,
    link: Option<Link>,
    /// Something was published on the link of which nothing was heard: it is no longer used once the broker reads on.
    is_unsettled: bool,
}

/// The broker's answer to one publish: confirmed, or why not.
type Verdict = Result<(), String>;

impl AmqpSink {
    /// Declares the topology of that many lanes on each connection.
    #[must_use]
    pub fn new(address: AmqpAddress, lanes: LaneCount, part: Part) -> Self {
        Self { address, lanes, part, link: None, is_unsettled: false }
    }

    async fn open(&self) -> Result<Link, BusError> {
        let link = Link::open(&self.address, "switchboard relay").await?;
        in_time(async {
            topology::declare_exchanges(&link.channel).await?;
            for lane in self.lanes.lanes() {
                topology::declare_lane(&link.channel, lane).await?;
            }
            link.channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failed)
        })
        .await?;
        Ok(link)
    }

    /// A link that stands, or a new one. A link that the broker blocks is kept, and nothing more is written to it: a
    /// new one would be blocked by its first publish, and the broker, which does not read it, would not see its end.
    async fn take_link(&mut self) -> Result<Link, BusError> {
        if let Some(link) = self.link.take().filter(Link::is_open) {
            match link.blocked() {
                Some(blocked) if blocked.since.elapsed() < BLOCKED_AT_MOST => {
                    self.link = Some(link);
                    return Err(blocked.error());
                }
                None if self.is_unsettled => link.close().await,
                None => return Ok(link),
                // Its end tells the broker nothing, but it takes no more memory here.
                Some(_) => drop(link),
            }
        }
        self.is_unsettled = false;
        self.open().await
    }

    /// After an error the link is ended at once, unless the broker blocks it.
    fn keep_if_blocked(&mut self, link: Link) {
        self.is_unsettled = link.blocked().is_some();
        self.link = self.is_unsettled.then_some(link);
    }

    /// The broker's word on each envelope. After anything but a confirm the link is dropped: with the next one the
    /// topology is declared again, and no confirm of an older publish can be mistaken for a later one's.
    async fn publish_window(&mut self, batch: &[Envelope]) -> Result<Vec<Verdict>, BusError> {
        let link = self.take_link().await?;
        match in_time(link.unless_blocked(publish_and_confirm(&link, batch))).await {
            Ok(verdicts) => {
                if verdicts.iter().all(Result::is_ok) {
                    self.link = Some(link);
                } else {
                    link.close().await;
                }
                Ok(verdicts)
            }
            Err(error) => {
                self.keep_if_blocked(link);
                Err(error)
            }
        }
    }

    async fn publish_beat(&mut self, beat: &Beat) -> Result<(), BusError> {
        let link = self.take_link().await?;
        let confirmed = soon(link.unless_blocked(confirm_beat(&link, beat))).await;
        match confirmed {
            Ok(()) => self.link = Some(link),
            Err(_) => self.keep_if_blocked(link),
        }
        confirmed
    }
}

/// The last window is settled; only the good-bye is left to say.
impl Drop for AmqpSink {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            link.close_soon();
        }
    }
}

#[async_trait]
impl Sink for AmqpSink {
    async fn publish(&mut self, batch: &[Envelope]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut order = InOrder::default();
        for window in batch.chunks(WINDOW) {
            let verdicts = match self.publish_window(window).await {
                Ok(verdicts) => {
                    self.part.up();
                    verdicts
                }
                Err(error) => {
                    self.part.down(error.to_string());
                    window.iter().map(|_| Err(error.to_string())).collect()
                }
            };
            outcomes.extend(
                window.iter().zip(verdicts).map(|(envelope, verdict)| order.outcome(envelope.event.chat_id, verdict)),
            );
        }
        outcomes
    }

    async fn beat(&mut self, beat: &Beat) -> Result<(), BusError> {
        let published = self.publish_beat(beat).await;
        match &published {
            Ok(()) => self.part.up(),
            Err(error) => self.part.down(error.to_string()),
        }
        published
    }

    async fn check(&mut self) {
        match self.take_link().await {
            Ok(link) => {
                self.link = Some(link);
                self.part.up();
            }
            Err(error) => self.part.down(error.to_string()),
        }
    }
}

async fn publish_and_confirm(link: &Link, batch: &[Envelope]) -> Result<Vec<Verdict>, BusError> {
    let mut confirms = Vec::with_capacity(batch.len());
    for envelope in batch {
        confirms.push(publish(link, envelope).await?);
    }
    let mut confirmations = Vec::with_capacity(batch.len());
    for confirm in confirms {
        confirmations.push(confirm.await.map_err(failed)?);
    }
    Ok(verdicts(batch, confirmations))
}

async fn publish(link: &Link, envelope: &Envelope) -> Result<PublisherConfirm, BusError> {
    let key = routing_key(envelope.event.kind, envelope.lane);
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    link.channel
        .basic_publish(EXCHANGE.into(), key.into(), options, &envelope.json, properties(envelope))
        .await
        .map_err(failed)
}

/// Without a queue it is returned.
async fn confirm_beat(link: &Link, beat: &Beat) -> Result<(), BusError> {
    let json = serde_json::to_vec(beat).map_err(|_| BusError("a beat is plain data".into()))?;
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = BasicProperties::default().with_content_type("application/json".into());
    let publish = link.channel.basic_publish(EXCHANGE.into(), beat_key(beat.lane).into(), options, &json, properties);
    match publish.await.map_err(failed)?.await.map_err(failed)? {
        Confirmation::Ack(None) => Ok(()),
        _ => Err(BusError("RabbitMQ: a beat was not confirmed".into())),
    }
}

fn properties(envelope: &Envelope) -> BasicProperties {
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_type(envelope.event.kind.as_str().into())
        .with_message_id(message_id(envelope));
    let Some(traceparent) = envelope.event.traceparent.as_deref() else { return properties };
    let mut headers = FieldTable::default();
    headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.into()));
    properties.with_headers(headers)
}

fn message_id(envelope: &Envelope) -> ShortString {
    format!("{}-{}", envelope.event.chat_id, envelope.event.seq).into()
}

/// A returned message comes with some confirm of its time, not always its own: it is known by its id.
fn verdicts(batch: &[Envelope], confirmations: Vec<Confirmation>) -> Vec<Verdict> {
    let nacked: Vec<bool> = confirmations.iter().map(Confirmation::is_nack).collect();
    let returned: HashSet<ShortString> = confirmations
        .into_iter()
        .filter_map(Confirmation::take_message)
        .filter_map(|message| message.delivery.properties.message_id().clone())
        .collect();
    let verdict = |(envelope, nacked): (&Envelope, bool)| {
        if returned.contains(&message_id(envelope)) {
            Err("RabbitMQ: no queue for it".into())
        } else if nacked {
            Err("RabbitMQ: not confirmed".into())
        } else {
            Ok(())
        }
    };
    batch.iter().zip(nacked).map(verdict).collect()
}
