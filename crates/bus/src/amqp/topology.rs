//! Exchanges, queues and bindings, declared on each connection: RabbitMQ may have been emptied meanwhile.

use chat_events::Lane;
use chat_events::names::{DEAD_LETTER, EXCHANGE, SIGNALS, dispatch_queue, lane_binding};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use super::connection::failed;
use crate::BusError;

/// RabbitMQ 4 throws a message away after 20 deliveries unless told otherwise; deliveries here end only with
/// connections, which is no fault of the message. Versions before 4 refuse -1, which means no limit since then.
const DELIVERY_LIMIT: i64 = 1_000_000_000;

/// A signal that was not taken for so long is of no use any more. Milliseconds.
const SIGNAL_TTL: i32 = 10_000;

/// So many signals wait for a dispatcher; for one more the oldest goes.
const SIGNALS_AT_MOST: i32 = 10_000;

/// The queue of signals is deleted when it was not used for so long. Milliseconds.
const SIGNALS_UNUSED: i32 = 600_000;

/// The basics that every part needs: the exchange of events and that of dead letters with its queue.
pub(super) async fn declare_exchanges(channel: &Channel) -> Result<(), BusError> {
    declare_exchange(channel, EXCHANGE, ExchangeKind::Topic).await?;
    declare_exchange(channel, DEAD_LETTER, ExchangeKind::Fanout).await?;
    declare_queue(channel, DEAD_LETTER, quorum()).await?;
    bind(channel, DEAD_LETTER, DEAD_LETTER, "").await
}

/// A lane's queue for the dispatchers: one at a time is served, the next takes over when it goes.
pub(super) async fn declare_lane(channel: &Channel, lane: Lane) -> Result<(), BusError> {
    let queue = dispatch_queue(lane);
    let mut arguments = quorum();
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(DEAD_LETTER.into()));
    declare_queue(channel, &queue, arguments).await?;
    bind(channel, &queue, EXCHANGE, &lane_binding(lane)).await
}

/// An error when the broker does not have a lane's queue; the channel is of no more use then.
pub(super) async fn ask_for_lane(channel: &Channel, lane: Lane) -> Result<(), BusError> {
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    channel.queue_declare(dispatch_queue(lane).into(), passive, FieldTable::default()).await.map_err(failed)?;
    Ok(())
}

/// The exchange of signals and its queue. Of several consumers one is served, so that marks come in their order.
///
/// Only the queue is durable, and that says nothing of its messages, which are not: RabbitMQ refuses a queue of several
/// connections that is not, from 4.3 on.
pub(super) async fn declare_signals(channel: &Channel) -> Result<(), BusError> {
    let options = ExchangeDeclareOptions::default();
    channel
        .exchange_declare(SIGNALS.into(), ExchangeKind::Fanout, options, FieldTable::default())
        .await
        .map_err(failed)?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    arguments.insert("x-message-ttl".into(), AMQPValue::LongInt(SIGNAL_TTL));
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(SIGNALS_AT_MOST));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
    arguments.insert("x-expires".into(), AMQPValue::LongInt(SIGNALS_UNUSED));
    declare_queue(channel, SIGNALS, arguments).await?;
    bind(channel, SIGNALS, SIGNALS, "").await
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
    arguments
}

async fn declare_exchange(channel: &Channel, name: &str, kind: ExchangeKind) -> Result<(), BusError> {
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    channel.exchange_declare(name.into(), kind, options, FieldTable::default()).await.map_err(failed)
}

async fn declare_queue(channel: &Channel, name: &str, arguments: FieldTable) -> Result<(), BusError> {
    channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await.map_err(failed)?;
    Ok(())
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<(), BusError> {
    channel
        .queue_bind(queue.into(), exchange.into(), key.into(), QueueBindOptions::default(), FieldTable::default())
        .await
        .map_err(failed)
}
