//! Signals by way of RabbitMQ into Redis, on real servers.

use std::sync::Arc;

use crate::config;
use crate::events::{mark, message, next, one_way, part, restored};
use bus::amqp::{AmqpSignals, AmqpSink, signal_sink};
use bus::redis::RedisPubSub;
use bus::{Incoming, Outcome, PubSub, SignalMetrics, SignalSink, Sink};
use chat_events::names::{Channel, SIGNALS};
use chat_events::signal::SignalData;
use chat_events::{ChatId, LaneCount, Signal};
use chrono::{DateTime, Utc};
use lapin::options::{BasicPublishOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use telemetry::Vital;
use test_support::{RedisPrefix, Vhost, fresh_prefix, fresh_vhost, wait_until};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A dispatcher's part of it, until it is dropped.
struct Taker {
    metrics: SignalMetrics,
    part: telemetry::Part,
    _stop: DropGuard,
}

impl Taker {
    fn start(vhost: &Vhost, prefix: &RedisPrefix) -> Self {
        let (metrics, part, stop) = (SignalMetrics::default(), part(), CancellationToken::new());
        let to_redis = bus::redis::signal_sink(&config::redis(prefix), &Vital::new()).expect("a URL");
        let signals = AmqpSignals::new(vhost.url().into(), part.clone(), to_redis, metrics.clone());
        tokio::spawn(signals.run(stop.clone()));
        Self { metrics, part, _stop: stop.drop_guard() }
    }

    async fn is_up(&self) {
        wait_until("the consumer", async || self.part.is_up().then_some(())).await;
    }
}

/// A gateway that listens to the chat.
async fn listener(prefix: &RedisPrefix) -> (Arc<RedisPubSub>, mpsc::Receiver<Incoming>) {
    let (pubsub, mut incoming) =
        one_way(RedisPubSub::connect(&config::redis(prefix), part(), &Vital::new(), 1).expect("a URL"));
    restored(&mut incoming).await;
    pubsub.subscribe(&[Channel::Staff, Channel::Chat(ChatId(4))]).await.expect("in force");
    (pubsub, incoming)
}

fn sink(vhost: &Vhost) -> SignalSink {
    signal_sink(vhost.url().into(), &Vital::new())
}

async fn heard(incoming: &mut mpsc::Receiver<Incoming>) -> Signal {
    match next(incoming).await {
        Incoming::Signal(signal) => signal,
        other => panic!("{other:?}"),
    }
}

/// Sends signals until one has come; it.
async fn until_one_comes(sink: &SignalSink, incoming: &mut mpsc::Receiver<Incoming>) -> Signal {
    wait_until("a signal", async || {
        sink.send(mark(1));
        loop {
            match incoming.try_recv() {
                Ok(Incoming::Signal(signal)) => return Some(signal),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    })
    .await
}

async fn channel(vhost: &Vhost) -> (Connection, lapin::Channel) {
    let connection = Connection::connect(vhost.url(), ConnectionProperties::default()).await.expect("RabbitMQ");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

#[tokio::test]
async fn signals_come_once_and_in_order_and_tell_when_a_reader_was_last_seen() {
    let (vhost, prefix) = (fresh_vhost().await, fresh_prefix());
    let taker = Taker::start(&vhost, &prefix);
    let (_gateway, mut incoming) = listener(&prefix).await;
    let sink = sink(&vhost);
    let sent: Vec<Signal> = (1..=500).map(mark).collect();
    sent.iter().for_each(|signal| sink.send(signal.clone()));
    for signal in &sent {
        assert_eq!(heard(&mut incoming).await, *signal);
    }
    assert_eq!((taker.metrics.taken(), sink.dropped()), (500, 0));
    let (mut conn, key) = (prefix.connect().await, format!("{}last_seen:4", prefix.prefix()));
    let seen: String = redis::cmd("HGET").arg(&key).arg("client:9").query_async(&mut conn).await.expect("a time");
    let SignalData::Mark { mark, .. } = &sent[499].data else { panic!("a mark") };
    assert_eq!(seen.parse::<DateTime<Utc>>().expect("RFC 3339"), mark.updated_at);
}

#[tokio::test]
async fn what_is_sent_before_a_dispatcher_is_there_waits_for_it_a_while() {
    let (vhost, prefix) = (fresh_vhost().await, fresh_prefix());
    let (_gateway, mut incoming) = listener(&prefix).await;
    let (sink, signal) = (sink(&vhost), mark(1));
    sink.send(signal.clone());
    wait_until("it to be queued", async || {
        // A channel is of no more use once it has asked for a queue that there is not.
        let (_connection, channel) = channel(&vhost).await;
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = channel.queue_declare(SIGNALS.into(), passive, FieldTable::default()).await.ok()?;
        (queue.message_count() == 1).then_some(())
    })
    .await;
    let _taker = Taker::start(&vhost, &prefix);
    assert_eq!(heard(&mut incoming).await, signal);
}

#[tokio::test]
async fn of_two_dispatchers_one_takes_each_signal_and_the_other_takes_over() {
    let (vhost, prefix) = (fresh_vhost().await, fresh_prefix());
    let (_gateway, mut incoming) = listener(&prefix).await;
    let sink = sink(&vhost);
    let first = Taker::start(&vhost, &prefix);
    first.is_up().await;
    let second = Taker::start(&vhost, &prefix);
    second.is_up().await;
    for seq in 1..=100 {
        sink.send(mark(seq));
        heard(&mut incoming).await;
    }
    assert_eq!((first.metrics.taken(), second.metrics.taken()), (100, 0));
    drop(first);
    until_one_comes(&sink, &mut incoming).await;
    assert!(second.metrics.taken() > 0);
}

#[tokio::test]
async fn a_signal_that_cannot_be_read_is_dropped_and_counted() {
    let (vhost, prefix) = (fresh_vhost().await, fresh_prefix());
    let taker = Taker::start(&vhost, &prefix);
    let (_gateway, mut incoming) = listener(&prefix).await;
    taker.is_up().await;
    let (_connection, channel) = channel(&vhost).await;
    for junk in [&b"no signal"[..], b"{}", br#"{"signal": {}}"#, b""] {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        channel.basic_publish(SIGNALS.into(), "".into(), options, junk, properties).await.expect("published");
    }
    wait_until("the count", async || (taker.metrics.unreadable() == 4).then_some(())).await;
    let signal = mark(1);
    sink(&vhost).send(signal.clone());
    assert_eq!(heard(&mut incoming).await, signal);
    assert!(taker.part.is_up());
}

#[tokio::test]
async fn a_rabbitmq_that_was_emptied_has_everything_declared_again() {
    let (vhost, prefix) = (fresh_vhost().await, fresh_prefix());
    let _taker = Taker::start(&vhost, &prefix);
    let (_gateway, mut incoming) = listener(&prefix).await;
    let sink = sink(&vhost);
    until_one_comes(&sink, &mut incoming).await;
    let (_connection, channel) = channel(&vhost).await;
    channel.queue_delete(SIGNALS.into(), QueueDeleteOptions::default()).await.expect("deleted");
    until_one_comes(&sink, &mut incoming).await;
    channel.exchange_delete(SIGNALS.into(), ExchangeDeleteOptions::default()).await.expect("deleted");
    until_one_comes(&sink, &mut incoming).await;
}

#[tokio::test]
async fn closed_connections_are_made_again() {
    let (vhost, prefix) = (fresh_vhost().await, fresh_prefix());
    let _taker = Taker::start(&vhost, &prefix);
    let (_gateway, mut incoming) = listener(&prefix).await;
    let sink = sink(&vhost);
    until_one_comes(&sink, &mut incoming).await;
    let mut closed = 0;
    wait_until("both connections to be closed", async || {
        closed += vhost.close_connections().await;
        (closed >= 2).then_some(())
    })
    .await;
    until_one_comes(&sink, &mut incoming).await;
}

#[tokio::test]
async fn a_broker_that_is_away_costs_the_signals_and_nothing_else() {
    let sink = signal_sink("amqp://somebody:hunter2@127.0.0.1:1/%2f".into(), &Vital::new());
    wait_until("all to be dropped", async || {
        (0..5000).for_each(|seq| sink.send(mark(seq)));
        (sink.dropped() >= 5000).then_some(())
    })
    .await;
}

/// They have links of their own, and their exchange is none of the events'.
#[tokio::test]
async fn events_go_their_own_way_beside_signals() {
    let (vhost, prefix) = (fresh_vhost().await, fresh_prefix());
    let taker = Taker::start(&vhost, &prefix);
    let (_gateway, mut incoming) = listener(&prefix).await;
    let sink = sink(&vhost);
    let mut events = AmqpSink::new(vhost.url().into(), LaneCount::new(1).expect("in range"), part());
    assert_eq!(events.publish(&[message(4, 1)]).await, [Outcome::Taken]);
    until_one_comes(&sink, &mut incoming).await;
    assert_eq!(taker.metrics.unreadable(), 0, "no event comes as a signal");
    let queues = vhost.queues().await;
    assert!(queues.iter().any(|queue| queue["name"] == "chat.dispatch.0"));
    assert!(queues.iter().any(|queue| queue["name"] == SIGNALS && queue["type"] == "classic"));
}
