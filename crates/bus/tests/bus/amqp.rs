//! RabbitMQ as a sink and as a source, on a real RabbitMQ.

use std::time::Duration;

use crate::events::{beat, message, next_batch, next_beat, part, places};
use bus::amqp::{AmqpSink, AmqpSource};
use bus::{Batch, Envelope, LaneMetrics, Outcome, Sink, Source};
use chat_events::names::{DEAD_LETTER, EXCHANGE, dispatch_queue};
use chat_events::{Beat, Lane, LaneCount};
use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use test_support::wait::in_time;
use test_support::{Vhost, fresh_vhost, wait_until};

const LANE: Lane = Lane(0);

fn sink(vhost: &Vhost) -> AmqpSink {
    AmqpSink::new(vhost.url().into(), LaneCount::new(2).expect("in range"), part())
}

fn source(vhost: &Vhost) -> AmqpSource {
    AmqpSource::new(vhost.url().into(), LANE, LaneMetrics::unregistered(), part())
}

async fn channel(vhost: &Vhost) -> (Connection, Channel) {
    let connection = Connection::connect(vhost.url(), ConnectionProperties::default()).await.expect("RabbitMQ");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

async fn publish(sink: &mut AmqpSink, batch: &[Envelope]) {
    assert_eq!(sink.publish(batch).await, vec![Outcome::Taken; batch.len()]);
}

/// Reads and takes until all of these have come, in this order.
async fn expect(source: &mut AmqpSource, wanted: &[(i64, i64)]) {
    let mut got = Vec::new();
    while got.len() < wanted.len() {
        let batch = in_time("a batch", next_batch(source)).await.expect("a batch");
        source.settle(&batch, &vec![Outcome::Taken; batch.len()]).await.expect("settled");
        got.extend(places(&batch));
    }
    assert_eq!(got, wanted);
}

/// Publishes as it comes to a pump: an error is only a reason to try again.
async fn publish_until_taken(sink: &mut AmqpSink, envelope: Envelope) {
    wait_until("a publish", async || {
        (sink.publish(std::slice::from_ref(&envelope)).await == [Outcome::Taken]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn events_of_a_lane_come_out_in_order() {
    let vhost = fresh_vhost().await;
    let (mut sink, mut source) = (sink(&vhost), source(&vhost));
    let batch: Vec<Envelope> = (1..=1200).map(|seq| message(seq % 7, seq)).collect();
    publish(&mut sink, &batch).await;
    expect(&mut source, &places(&batch)).await;
}

#[tokio::test]
async fn a_message_carries_its_id_and_its_trace() {
    let vhost = fresh_vhost().await;
    publish(&mut sink(&vhost), &[message(4, 1)]).await;
    let (_connection, channel) = channel(&vhost).await;
    let mut consumer = channel
        .basic_consume(dispatch_queue(LANE).into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await
        .expect("a queue");
    let got = in_time("the message", consumer.next()).await.expect("a consumer").expect("a message");
    assert_eq!(got.routing_key.as_str(), "chat.message.sent.0");
    assert_eq!(got.properties.message_id().as_ref().expect("an id").as_str(), "4-1");
    assert_eq!(*got.properties.delivery_mode(), Some(2));
    let headers = got.properties.headers().clone().expect("headers");
    assert!(headers.contains_key("traceparent"));
}

#[tokio::test]
async fn what_was_refused_comes_again_in_order_and_others_do_not_wait_for_it() {
    let vhost = fresh_vhost().await;
    let (mut sink, mut source) = (sink(&vhost), source(&vhost));
    publish(&mut sink, &[message(4, 1), message(4, 2), message(5, 1)]).await;
    let mut batch = Vec::new();
    while batch.len() < 3 {
        let more = in_time("a batch", next_batch(&mut source)).await.expect("a batch");
        let outcomes: Vec<Outcome> = more
            .iter()
            .map(|envelope| match (envelope.event.chat_id.0, envelope.event.seq.0) {
                (4, 1) => Outcome::Refused("full".into()),
                (4, _) => Outcome::Held,
                _ => Outcome::Taken,
            })
            .collect();
        source.settle(&more, &outcomes).await.expect("settled");
        batch.extend(places(&more));
        batch.sort_unstable();
        batch.dedup();
    }
    publish(&mut sink, &[message(4, 3), message(5, 2)]).await;
    let mut got = Vec::new();
    while got.len() < 4 {
        let batch = in_time("a batch", next_batch(&mut source)).await.expect("a batch");
        source.settle(&batch, &vec![Outcome::Taken; batch.len()]).await.expect("settled");
        got.extend(places(&batch));
    }
    let of_four: Vec<_> = got.iter().filter(|(chat, _)| *chat == 4).copied().collect();
    assert_eq!(of_four, [(4, 1), (4, 2), (4, 3)]);
    assert!(got.contains(&(5, 2)));
    wait_until("all to be acknowledged", async || {
        let queues = vhost.queues().await;
        let lane = queues.iter().find(|queue| queue["name"] == dispatch_queue(LANE).as_str())?;
        (lane["messages"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_goes_to_the_dead_letters_with_its_reason() {
    let vhost = fresh_vhost().await;
    let metrics = LaneMetrics::unregistered();
    let mut source = AmqpSource::new(vhost.url().into(), LANE, metrics.clone(), part());
    let mut sink = sink(&vhost);
    publish(&mut sink, &[message(4, 1)]).await;
    let (_connection, channel) = channel(&vhost).await;
    let key = "chat.message.sent.0";
    channel
        .basic_publish(
            EXCHANGE.into(),
            key.into(),
            BasicPublishOptions::default(),
            b"no event",
            BasicProperties::default(),
        )
        .await
        .expect("published");
    wait_until("it to be queued", async || {
        let queues = vhost.queues().await;
        let lane = queues.iter().find(|queue| queue["name"] == dispatch_queue(LANE).as_str())?;
        (lane["messages"] == 2).then_some(())
    })
    .await;
    publish(&mut sink, &[message(4, 2)]).await;
    expect(&mut source, &[(4, 1), (4, 2)]).await;
    let dead = wait_until("the dead letter", async || {
        // A source buries while it looks for more, over a link that it opens for that.
        let _nothing = tokio::time::timeout(Duration::from_secs(1), source.next()).await;
        channel.basic_get(DEAD_LETTER.into(), BasicGetOptions { no_ack: true }).await.expect("a queue")
    })
    .await;
    assert_eq!(dead.delivery.data, b"no event");
    let headers = dead.properties.headers().clone().expect("headers");
    let reason = headers.inner().get("reason").and_then(|reason| reason.as_long_string()).expect("a reason");
    assert!(reason.to_string().contains("expected"), "{reason}");
    assert_eq!(metrics.unreadable(), 1);
}

#[tokio::test]
async fn a_message_without_a_queue_is_refused_and_the_queue_is_declared_again() {
    let vhost = fresh_vhost().await;
    let mut sink = sink(&vhost);
    publish(&mut sink, &[message(4, 1)]).await;
    let (_connection, channel) = channel(&vhost).await;
    channel.queue_delete(dispatch_queue(LANE).into(), QueueDeleteOptions::default()).await.expect("deleted");
    let outcomes = sink.publish(&[message(4, 2), message(4, 3)]).await;
    assert!(matches!(&outcomes[..], [Outcome::Refused(_), Outcome::Held]), "{outcomes:?}");
    publish(&mut sink, &[message(4, 2), message(4, 3)]).await;
    expect(&mut source(&vhost), &[(4, 2), (4, 3)]).await;
}

#[tokio::test]
async fn closed_connections_are_made_again_and_nothing_is_lost() {
    let vhost = fresh_vhost().await;
    let (mut sink, mut source) = (sink(&vhost), source(&vhost));
    publish(&mut sink, &[message(4, 1), message(4, 2)]).await;
    // One batch is out, not settled, when the connections go.
    let out = in_time("a batch", next_batch(&mut source)).await.expect("a batch");
    let mut closed = 0;
    wait_until("both connections to be closed", async || {
        closed += vhost.close_connections().await;
        (closed >= 2).then_some(())
    })
    .await;
    publish_until_taken(&mut sink, message(4, 3)).await;
    publish_until_taken(&mut sink, message(4, 4)).await;
    let mut seen = std::collections::BTreeSet::from_iter(places(&out));
    let _lost_with_the_link = source.settle(&out, &vec![Outcome::Taken; out.len()]).await;
    while seen.len() < 4 {
        let Ok(batch) = in_time("a batch", next_batch(&mut source)).await else { continue };
        if source.settle(&batch, &vec![Outcome::Taken; batch.len()]).await.is_ok() {
            seen.extend(places(&batch));
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [(4, 1), (4, 2), (4, 3), (4, 4)]);
}

#[tokio::test]
async fn of_two_consumers_of_a_lane_one_is_served_and_the_other_takes_over() {
    let vhost = fresh_vhost().await;
    let (mut sink, mut first, mut second) = (sink(&vhost), source(&vhost), source(&vhost));
    publish(&mut sink, &[message(4, 1)]).await;
    expect(&mut first, &[(4, 1)]).await;
    publish(&mut sink, &[message(4, 2)]).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), second.next()).await.is_err(), "one at a time");
    drop(first);
    expect(&mut second, &[(4, 2)]).await;
}

#[tokio::test]
async fn a_beat_goes_the_way_of_events_and_to_nobody_who_listens_to_events() {
    let vhost = fresh_vhost().await;
    let (mut sink, mut source) = (sink(&vhost), source(&vhost));
    publish(&mut sink, &[message(4, 1)]).await;
    let (_connection, channel) = channel(&vhost).await;
    let own = "everything-of-chats";
    channel.queue_declare(own.into(), QueueDeclareOptions::default(), FieldTable::default()).await.expect("a queue");
    let bound = channel.queue_bind(
        own.into(),
        EXCHANGE.into(),
        "chat.#".into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bound.await.expect("bound");
    expect(&mut source, &[(4, 1)]).await;

    let beat = beat();
    sink.beat(&beat).await.expect("confirmed");
    assert_eq!(next_beat(&mut source).await, beat);
    // Not acknowledged yet, it comes again over the next link; of several the last is enough.
    drop(source);
    let later = Beat { committed_at: beat.committed_at + Duration::from_secs(1), ..beat };
    sink.beat(&later).await.expect("confirmed");
    publish(&mut sink, &[message(4, 2)]).await;
    let mut source = self::source(&vhost);
    let (mut heard, mut events) = (Vec::new(), Vec::new());
    // RabbitMQ may bring the earlier one after the later.
    let serve = async {
        loop {
            match source.next().await.expect("a load") {
                Batch::Events(batch) => {
                    source.settle(&batch, &[Outcome::Taken]).await.expect("settled");
                    events.extend(places(&batch));
                }
                Batch::Beat(beat) => {
                    source.forget_beat().await.expect("acknowledged");
                    heard.push(beat);
                }
            }
        }
    };
    let all_are_acknowledged = wait_until("all to be acknowledged", async || {
        let queues = vhost.queues().await;
        let count = |name: &str, of: &str| queues.iter().find(|queue| queue["name"] == name)?[of].as_i64();
        let counts =
            [count(&dispatch_queue(LANE), "messages")?, count(DEAD_LETTER, "messages")?, count(own, "messages")?];
        let acknowledged =
            queues.iter().find(|queue| queue["name"] == dispatch_queue(LANE))?["message_stats"]["ack"].as_i64();
        (counts == [0, 0, 1] && acknowledged >= Some(4)).then_some(())
    });
    tokio::select! {
        () = serve => {}
        () = all_are_acknowledged => {}
    }
    assert_eq!(events, [(4, 2)]);
    assert!(heard.contains(&later) && heard.iter().all(|heard| [&beat, &later].contains(&heard)), "{heard:?}");
}

#[tokio::test]
async fn a_broker_that_is_away_refuses_and_tells_no_password() {
    let url = "amqp://somebody:hunter2@127.0.0.1:1/%2f";
    let mut sink = AmqpSink::new(url.into(), LaneCount::new(1).expect("in range"), part());
    let outcomes = sink.publish(&[message(4, 1), message(4, 2)]).await;
    assert!(
        matches!(&outcomes[..], [Outcome::Refused(why), Outcome::Held] if !why.contains("hunter2")),
        "{outcomes:?}"
    );
    let mut source = AmqpSource::new(url.into(), LANE, LaneMetrics::unregistered(), part());
    let error = source.next().await.expect_err("nobody listens");
    assert!(!error.to_string().contains("hunter2"));
}
