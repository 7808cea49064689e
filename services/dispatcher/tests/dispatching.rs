//! The dispatcher as a process, between real servers.

use std::sync::Arc;
use std::time::Duration;

use bus::amqp::{AmqpSink, signal_sink};
use bus::notify::PgPubSub;
use bus::redis::RedisPubSub;
use bus::{Envelope, Incoming, Outcome, PubSub, PubSubBackend, PubSubConfig, Sink};
use chat_events::names::{Channel, PG_SIGNALS};
use chat_events::{Beat, ChatId, LaneCount, Signal};
use serde_json::json;
use telemetry::{Health, Vital};
use test_support::process::wait_until_ready;
use test_support::wait::in_time;
use test_support::{
    Database, Process, Program, RedisPrefix, Vhost, fresh_database, fresh_prefix, fresh_vhost, wait_until,
};
use tokio::sync::mpsc;

/// Odd and even chats.
const LANES: i32 = 2;

fn lanes() -> LaneCount {
    LaneCount::new(LANES).expect("in range")
}

fn message(chat: i64, seq: i64) -> Envelope {
    let json = json!({
        "epoch": 1, "kind": "chat.message.sent", "chat_id": chat, "chat_kind": "group", "seq": seq,
        "visibility": "public", "committed_at": "2026-01-01T00:00:00Z", "data": {"body": "hello"},
    })
    .to_string();
    let event = serde_json::from_str(&json).expect("an event");
    Envelope { lane: lanes().lane_of(ChatId(chat)), event, json: json.into() }
}

/// RabbitMQ on one side, Redis on the other.
struct Between {
    vhost: Vhost,
    prefix: RedisPrefix,
    relay: AmqpSink,
    gateway: Arc<RedisPubSub>,
    incoming: mpsc::Receiver<Incoming>,
}

impl Between {
    async fn new() -> Self {
        let (vhost, prefix, health) = (fresh_vhost().await, fresh_prefix(), Health::new());
        let config = PubSubConfig {
            backend: PubSubBackend::Redis,
            redis_url: Some(prefix.url().into()),
            redis_ca_file: None,
            redis_prefix: prefix.prefix().into(),
            stream_length: 1000,
            stream_ttl: Duration::from_secs(60),
        };
        let relay = AmqpSink::new(vhost.url().into(), lanes(), health.part("relay"));
        let (gateway, incoming) =
            one_way(RedisPubSub::connect(&config, health.part("gateway"), &Vital::new(), 1).expect("a URL"));
        Self { vhost, prefix, relay, gateway, incoming }
    }

    fn dispatcher(&self) -> Process {
        Program::new("dispatcher")
            .env("BROKER__BACKEND", "amqp")
            .env("BROKER__AMQP_URL", self.vhost.url())
            .env("OUTBOX__LANES", LANES.to_string())
            .env("PUBSUB__BACKEND", "redis")
            .env("PUBSUB__REDIS_URL", self.prefix.url())
            .env("PUBSUB__REDIS_PREFIX", self.prefix.prefix())
            .start()
    }

    async fn listen(&self, chats: impl Iterator<Item = i64>) {
        let channels: Vec<Channel> = chats.map(|chat| Channel::Chat(ChatId(chat))).collect();
        wait_until("the subscription", async || self.gateway.subscribe(&channels).await.ok()).await;
    }

    async fn publish(&mut self, envelope: Envelope) {
        wait_until("a publish", async || {
            (self.relay.publish(std::slice::from_ref(&envelope)).await == [Outcome::Taken]).then_some(())
        })
        .await;
    }

    /// Until the last of each chat has come: each chat's first copies, in the order in which they came.
    async fn heard(&mut self, chats: i64, last: i64) -> Vec<Vec<i64>> {
        let mut heard = vec![Vec::new(); usize::try_from(chats).expect("a small number")];
        while heard.iter().any(|seqs: &Vec<i64>| seqs.last() != Some(&last)) {
            let incoming = in_time("an event", self.incoming.recv()).await.expect("a link");
            let Incoming::Event(Envelope { event, .. }) = incoming else { continue };
            let seqs = &mut heard[usize::try_from(event.chat_id.0).expect("a small number")];
            if seqs.last().is_none_or(|last| *last < event.seq.0) {
                seqs.push(event.seq.0);
            }
        }
        heard
    }
}

async fn url_of(process: &mut Process, path: &str) -> String {
    format!("http://{}{path}", process.addr().await)
}

async fn ready(process: &mut Process) {
    wait_until_ready(&url_of(process, "/readyz").await).await;
}

#[tokio::test]
async fn events_go_from_rabbitmq_to_redis_and_are_counted() {
    let mut between = Between::new().await;
    let mut dispatcher = between.dispatcher();
    ready(&mut dispatcher).await;
    between.listen(0..4).await;
    for seq in 1..=10 {
        for chat in 0..4 {
            between.publish(message(chat, seq)).await;
        }
    }
    assert_eq!(between.heard(4, 10).await, vec![(1..=10).collect::<Vec<i64>>(); 4]);
    let url = url_of(&mut dispatcher, "/metrics").await;
    let metrics = wait_until("the counters", async || {
        let text = reqwest::get(&url).await.ok()?.text().await.ok()?;
        (text.matches("dispatched_total{lane=").count() == 2 && text.contains(r#"dispatched_total{lane="0"} 20"#))
            .then_some(text)
    })
    .await;
    assert!(metrics.contains("dispatch_errors_total") && metrics.contains("commit_to_dispatch_seconds_bucket"));
}

#[tokio::test]
async fn beats_go_from_rabbitmq_to_redis_and_are_not_counted() {
    let mut between = Between::new().await;
    let mut dispatcher = between.dispatcher();
    ready(&mut dispatcher).await;
    let committed_at = "2026-01-01T00:00:00Z".parse().expect("a time");
    for lane in lanes().lanes() {
        let beat = Beat { lane, lanes: lanes(), committed_at };
        wait_until("a beat to be taken", async || between.relay.beat(&beat).await.ok()).await;
        let heard = async {
            loop {
                if let Incoming::Beat(heard) = between.incoming.recv().await.expect("a link") {
                    return heard;
                }
            }
        };
        assert_eq!(in_time("the beat", heard).await, beat);
    }
    let url = url_of(&mut dispatcher, "/metrics").await;
    let metrics = reqwest::get(&url).await.expect("an answer").text().await.expect("text");
    assert!(metrics.contains(r#"dispatched_total{lane="0"} 0"#), "{metrics}");
}

#[tokio::test]
async fn of_two_dispatchers_either_may_be_killed() {
    let mut between = Between::new().await;
    let (mut first, mut second) = (between.dispatcher(), between.dispatcher());
    ready(&mut first).await;
    ready(&mut second).await;
    between.listen(0..4).await;
    for seq in 1..=60 {
        for chat in 0..4 {
            between.publish(message(chat, seq)).await;
        }
        match seq {
            20 => first.kill(),
            40 => {
                first = between.dispatcher();
                ready(&mut first).await;
                second.kill();
            }
            _ => {}
        }
    }
    assert_eq!(between.heard(4, 60).await, vec![(1..=60).collect::<Vec<i64>>(); 4]);
}

#[tokio::test]
async fn a_stopped_dispatcher_ends_well_and_leaves_nothing_behind() {
    let mut between = Between::new().await;
    let mut dispatcher = between.dispatcher();
    ready(&mut dispatcher).await;
    dispatcher.terminate();
    assert!(dispatcher.ended().await.success());
    between.publish(message(0, 1)).await;
    between.listen(0..1).await;
    let _next = between.dispatcher();
    assert_eq!(between.heard(1, 1).await, [[1]]);
}

fn typing(chat: i64) -> Signal {
    let signal = json!({
        "id": format!("00000000-0000-4000-8000-{chat:012}"), "chat_id": chat, "chat_kind": "group", "visibility": "public",
        "data": {"type": "chat.typing", "sender_type": "user", "sender_id": 1, "sender_name": null, "is_typing": true},
    });
    serde_json::from_value(signal).expect("a signal")
}

/// A gateway with a single task.
fn one_way<P>((pubsub, mut ways): (P, bus::Incomings)) -> (P, mpsc::Receiver<Incoming>) {
    (pubsub, ways.remove(0))
}

/// The next signal; what else comes is passed over.
async fn signal(incoming: &mut mpsc::Receiver<Incoming>) -> Signal {
    let heard = async {
        loop {
            if let Incoming::Signal(signal) = incoming.recv().await.expect("a link") {
                return signal;
            }
        }
    };
    in_time("a signal", heard).await
}

#[tokio::test]
async fn signals_go_from_rabbitmq_to_redis_beside_the_lanes() {
    let mut between = Between::new().await;
    let mut dispatcher = between.dispatcher();
    ready(&mut dispatcher).await;
    between.listen(0..2).await;
    let chat_service = signal_sink(between.vhost.url().into(), &Vital::new());
    for chat in [0, 1, 0] {
        let sent = typing(chat);
        chat_service.send(sent.clone());
        assert_eq!(signal(&mut between.incoming).await, sent);
    }
    between.publish(message(0, 1)).await;
    assert_eq!(between.heard(1, 1).await, [[1]]);
    let url = url_of(&mut dispatcher, "/metrics").await;
    let metrics = reqwest::get(&url).await.expect("an answer").text().await.expect("text");
    for line in ["signals_dispatched_total 3\n", "signals_unreadable_total 0\n", "signals_dropped_total 0\n"] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
}

#[tokio::test]
async fn signals_go_from_rabbitmq_to_notify_where_gateways_listen_to_postgresql() {
    let (between, database) = (Between::new().await, fresh_database().await);
    let (_gateway, mut incoming) = hints(&database).await;
    let mut dispatcher = Program::new("dispatcher")
        .env("BROKER__BACKEND", "amqp")
        .env("BROKER__AMQP_URL", between.vhost.url())
        .env("OUTBOX__LANES", LANES.to_string())
        .env("DATABASE_URL", database.url())
        .start();
    ready(&mut dispatcher).await;
    let sent = typing(4);
    signal_sink(between.vhost.url().into(), &Vital::new()).send(sent.clone());
    assert_eq!(signal(&mut incoming).await, sent);
}

#[tokio::test]
async fn signals_go_from_notify_to_redis_where_there_is_no_rabbitmq() {
    let (mut between, database) = (Between::new().await, fresh_database().await);
    between.listen(0..1).await;
    let mut dispatcher = Program::new("dispatcher")
        .env("DATABASE_URL", database.url())
        .env("PUBSUB__BACKEND", "redis")
        .env("PUBSUB__REDIS_URL", between.prefix.url())
        .env("PUBSUB__REDIS_PREFIX", between.prefix.prefix())
        .start();
    // chat-service comes later.
    database.run_sql("UPDATE installation SET lanes = 2").await;
    ready(&mut dispatcher).await;
    let url = url_of(&mut dispatcher, "/metrics").await;
    wait_until("what cannot be read to be counted", async || {
        for junk in ["no signal", "{}", "[{}]"] {
            database.run_sql(&format!("SELECT pg_notify('{PG_SIGNALS}', '{junk}')")).await;
        }
        let metrics = reqwest::get(&url).await.ok()?.text().await.ok()?;
        (!metrics.contains("signals_unreadable_total 0\n")).then_some(())
    })
    .await;
    let sent = typing(0);
    bus::notify::signal_sink(database.url().into(), &Vital::new()).send(sent.clone());
    assert_eq!(signal(&mut between.incoming).await, sent);
}

/// With no server but PostgreSQL.
fn outbox_dispatcher(database: &Database) -> Process {
    Program::new("dispatcher").env("DATABASE_URL", database.url()).start()
}

#[tokio::test]
async fn a_backend_without_an_address_is_a_clear_error() {
    let mut dispatcher = Program::new("dispatcher").env("BROKER__BACKEND", "amqp").start();
    assert!(!dispatcher.ended().await.success());
    let log = dispatcher.log().join("\n");
    assert!(log.contains("BROKER__AMQP_URL"), "{log}");
}

/// A gateway that hears hints.
async fn hints(database: &Database) -> (Arc<PgPubSub>, mpsc::Receiver<Incoming>) {
    let (gateway, mut incoming) =
        one_way(PgPubSub::connect(database.url().into(), Health::new().part("gateway"), &Vital::new(), 1));
    while !matches!(in_time("the link", incoming.recv()).await, Some(Incoming::Restored)) {}
    (gateway, incoming)
}

/// Word of an event may come again: it is told of before its row is deleted, and its relay may end in between.
async fn expect_hint_perhaps_after(repeated: i64, incoming: &mut mpsc::Receiver<Incoming>, chat: i64, seq: i64) {
    loop {
        match in_time("a hint", incoming.recv()).await {
            Some(Incoming::Hint(hint)) if hint.seq.0 == repeated => {}
            Some(Incoming::Beat(_)) => {}
            Some(Incoming::Hint(hint)) => return assert_eq!((hint.chat_id, hint.seq.0), (ChatId(chat), seq)),
            other => panic!("{other:?}"),
        }
    }
}

async fn expect_hint(incoming: &mut mpsc::Receiver<Incoming>, chat: i64, seq: i64) {
    loop {
        match in_time("a hint", incoming.recv()).await {
            Some(Incoming::Hint(hint)) => return assert_eq!((hint.chat_id, hint.seq.0), (ChatId(chat), seq)),
            Some(Incoming::Beat(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn commit(database: &Database, chat: i64, seqs: std::ops::RangeInclusive<i64>) {
    let (first, last) = seqs.into_inner();
    let rows = format!(
        "INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, data)
         SELECT {chat} % {LANES}, {chat}, seq, 'chat.message.sent', 'group', 'public', '{{}}'
         FROM generate_series({first}, {last}) AS seq"
    );
    database.run_sql(&rows).await;
}

#[tokio::test]
async fn events_go_from_the_outbox_to_notify() {
    let database = fresh_database().await;
    let mut dispatcher = outbox_dispatcher(&database);
    let (_gateway, mut incoming) = hints(&database).await;
    // chat-service comes later.
    database.run_sql("UPDATE installation SET lanes = 2").await;
    commit(&database, 4, 1..=700).await;
    ready(&mut dispatcher).await;
    for seq in 1..=700 {
        expect_hint(&mut incoming, 4, seq).await;
    }
}

#[tokio::test]
async fn a_frozen_dispatcher_loses_its_lanes_and_stands_by_when_it_thaws() {
    let database = fresh_database().await;
    database.run_sql("UPDATE installation SET lanes = 2").await;
    let (_gateway, mut incoming) = hints(&database).await;
    let mut frozen = outbox_dispatcher(&database);
    commit(&database, 4, 1..=1).await;
    expect_hint(&mut incoming, 4, 1).await;

    frozen.freeze();
    let mut other = outbox_dispatcher(&database);
    ready(&mut other).await;
    commit(&database, 4, 2..=2).await;
    expect_hint_perhaps_after(1, &mut incoming, 4, 2).await;

    frozen.thaw();
    ready(&mut frozen).await;
    other.kill();
    commit(&database, 4, 3..=3).await;
    expect_hint_perhaps_after(2, &mut incoming, 4, 3).await;
}
