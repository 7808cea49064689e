//! Redis as a sink and as a pub/sub, on a real Redis.

use crate::config;
use crate::events::{beat, deletion, for_users, message, next, one_way, part, places, restored};
use bus::redis::{RedisPubSub, RedisSink};
use bus::{Envelope, Incoming, Outcome, PubSub, PubSubConfig, Sink};
use chat_events::event::EventPointer;
use chat_events::names::{Channel, chat_stream, last_beat};
use chat_events::signal::SignalData;
use chat_events::{
    ChatId, ChatKind, Epoch, EventKind, Lane, Mark, MarkKind, Reader, SenderType, Seq, Signal, SiteId, UserId,
    Visibility,
};
use chrono::{DateTime, Utc};
use redis::aio::MultiplexedConnection;
use telemetry::Vital;
use test_support::{RedisPrefix, fresh_prefix};
use tokio::sync::mpsc;

fn sink(prefix: &RedisPrefix) -> RedisSink {
    RedisSink::new(&config::redis(prefix), part()).expect("a URL")
}

async fn listener(prefix: &RedisPrefix) -> (std::sync::Arc<RedisPubSub>, mpsc::Receiver<Incoming>) {
    let (pubsub, mut incoming) =
        one_way(RedisPubSub::connect(&config::redis(prefix), part(), &Vital::new(), 1).expect("a URL"));
    restored(&mut incoming).await;
    (pubsub, incoming)
}

fn stream(prefix: &RedisPrefix, chat: i64) -> String {
    format!("{}{}", prefix.prefix(), chat_stream(Epoch(1), ChatId(chat)))
}

/// The ids in a stream.
async fn ids(conn: &mut MultiplexedConnection, stream: &str) -> Vec<String> {
    let entries: redis::streams::StreamRangeReply =
        redis::cmd("XRANGE").arg(stream).arg("-").arg("+").query_async(conn).await.expect("a stream");
    entries.ids.into_iter().map(|entry| entry.id).collect()
}

async fn event(incoming: &mut mpsc::Receiver<Incoming>) -> Envelope {
    match next(incoming).await {
        Incoming::Event(envelope) => envelope,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn events_are_kept_by_seq_and_a_repeat_changes_nothing() {
    let prefix = fresh_prefix();
    let (mut conn, mut sink) = (prefix.connect().await, sink(&prefix));
    let batch = [message(4, 1), message(5, 1), message(4, 2)];
    for _ in 0..2 {
        assert_eq!(sink.publish(&batch).await, vec![Outcome::Taken; 3]);
        assert_eq!(ids(&mut conn, &stream(&prefix, 4)).await, ["1-0", "2-0"]);
        assert_eq!(ids(&mut conn, &stream(&prefix, 5)).await, ["1-0"]);
    }
    let entry: redis::streams::StreamRangeReply =
        redis::cmd("XRANGE").arg(stream(&prefix, 4)).arg("2").arg("2").query_async(&mut conn).await.expect("a stream");
    assert_eq!(entry.ids[0].get::<Vec<u8>>("e").expect("the event"), batch[2].json);
    let ttl: i64 = redis::cmd("PTTL").arg(stream(&prefix, 4)).query_async(&mut conn).await.expect("a time");
    assert!(ttl > 3_500_000 && ttl <= 3_600_000, "{ttl}");
}

#[tokio::test]
async fn a_deletion_empties_the_stream_and_a_repeated_message_does_not_come_back() {
    let prefix = fresh_prefix();
    let (mut conn, mut sink) = (prefix.connect().await, sink(&prefix));
    sink.publish(&[message(4, 1), message(4, 2), deletion(4, 3), message(4, 4)]).await;
    assert_eq!(ids(&mut conn, &stream(&prefix, 4)).await, ["3-0", "4-0"]);
    sink.publish(&[message(4, 1), message(4, 2), deletion(4, 3)]).await;
    assert!(ids(&mut conn, &stream(&prefix, 4)).await.is_empty());
    sink.publish(&[message(4, 5)]).await;
    assert_eq!(ids(&mut conn, &stream(&prefix, 4)).await, ["5-0"]);
}

#[tokio::test]
async fn staff_and_users_have_streams_of_their_own() {
    let prefix = fresh_prefix();
    let (mut conn, mut sink) = (prefix.connect().await, sink(&prefix));
    sink.publish(&[message(4, 1), for_users(5, 1, &[7, 8]), message(4, 2)]).await;
    for (channel, entries) in [(Channel::Staff, 2), (Channel::User(UserId(7)), 1), (Channel::User(UserId(8)), 1)] {
        let key = format!("{}{channel}", prefix.prefix());
        assert_eq!(ids(&mut conn, &key).await.len(), entries, "{channel}");
    }
}

#[tokio::test]
async fn the_stream_of_staff_holds_no_texts_and_a_site_has_none() {
    let prefix = fresh_prefix();
    let (mut conn, mut sink) = (prefix.connect().await, sink(&prefix));
    let (pubsub, mut incoming) = listener(&prefix).await;
    pubsub.subscribe(&[Channel::Site(SiteId(3))]).await.expect("in force");
    let in_site = |chat, seq, site| {
        let mut event = message(chat, seq).event;
        event.site_id = Some(SiteId(site));
        let json = serde_json::to_vec(&event).expect("an event").into();
        Envelope { lane: Lane(0), event, json }
    };
    sink.publish(&[in_site(4, 1, 3), in_site(5, 1, 2), in_site(4, 2, 3)]).await;
    for seq in [1, 2] {
        let event = event(&mut incoming).await.event;
        assert_eq!((event.chat_id, event.seq, event.site_id), (ChatId(4), Seq(seq), Some(SiteId(3))));
    }
    let stream = format!("{}{}", prefix.prefix(), Channel::Staff);
    let kept: Vec<(String, Vec<(String, String)>)> =
        redis::cmd("XRANGE").arg(&stream).arg("-").arg("+").query_async(&mut conn).await.expect("a stream");
    let pointers: Vec<&(String, String)> = kept.iter().flat_map(|(_, fields)| fields).collect();
    assert_eq!(pointers.len(), 3, "{pointers:?}");
    assert_eq!(pointers[0].0, "p");
    let pointer: EventPointer = serde_json::from_str(&pointers[0].1).expect("a pointer");
    assert_eq!((pointer.chat_id, pointer.seq, pointer.kind), (ChatId(4), Seq(1), EventKind::MessageSent));
    assert!(!pointers[0].1.contains("data"), "{pointers:?}");
    let site = format!("{}{}", prefix.prefix(), Channel::Site(SiteId(3)));
    let exists: bool = redis::cmd("EXISTS").arg(&site).query_async(&mut conn).await.expect("an answer");
    assert!(!exists, "what a site is told is in no stream");
}

#[tokio::test]
async fn a_chat_stops_at_its_first_refusal_and_others_go_on() {
    let prefix = fresh_prefix();
    let (mut conn, mut sink) = (prefix.connect().await, sink(&prefix));
    let () = redis::cmd("SET").arg(stream(&prefix, 4)).arg("in the way").query_async(&mut conn).await.expect("set");
    let outcomes = sink.publish(&[message(4, 1), message(5, 1), message(4, 2)]).await;
    assert!(
        matches!(&outcomes[..], [Outcome::Refused(why), Outcome::Taken, Outcome::Held] if why.contains("WRONGTYPE"))
    );
    let () = redis::cmd("DEL").arg(stream(&prefix, 4)).query_async(&mut conn).await.expect("deleted");
    assert_eq!(sink.publish(&[message(4, 1), message(4, 2)]).await, [Outcome::Taken, Outcome::Taken]);
}

#[tokio::test]
async fn a_flushed_script_is_loaded_again() {
    let prefix = fresh_prefix();
    let (mut conn, mut sink) = (prefix.connect().await, sink(&prefix));
    assert_eq!(sink.publish(&[message(4, 1)]).await, [Outcome::Taken]);
    let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut conn).await.expect("flushed");
    assert_eq!(sink.publish(&[message(4, 2), message(5, 1)]).await, [Outcome::Taken, Outcome::Taken]);
}

#[tokio::test]
async fn a_redis_that_is_away_refuses_and_tells_no_password() {
    let prefix = fresh_prefix();
    let config = PubSubConfig { redis_url: Some("redis://:hunter2@127.0.0.1:1/".into()), ..config::redis(&prefix) };
    let mut sink = RedisSink::new(&config, part()).expect("a URL");
    let outcomes = sink.publish(&[message(4, 1), message(4, 2)]).await;
    assert!(
        matches!(&outcomes[..], [Outcome::Refused(why), Outcome::Held] if !why.contains("hunter2")),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn a_subscriber_gets_each_event_once_and_in_order() {
    let prefix = fresh_prefix();
    let (pubsub, mut incoming) = listener(&prefix).await;
    let channels = [Channel::Chat(ChatId(4)), Channel::Staff, Channel::User(UserId(7)), Channel::User(UserId(8))];
    pubsub.subscribe(&channels).await.expect("in force");
    let mut sink = sink(&prefix);
    let batch = [message(4, 1), message(5, 1), for_users(6, 1, &[7, 8]), message(4, 2)];
    sink.publish(&batch).await;
    let mut got = Vec::new();
    for _ in 0..4 {
        got.push(event(&mut incoming).await);
    }
    let mut got = places(&got);
    got.sort_unstable();
    assert_eq!(got, [(4, 1), (4, 2), (5, 1), (6, 1)]);

    pubsub.unsubscribe(&[Channel::Staff]).await.expect("taken note of");
    pubsub.subscribe(&[Channel::Chat(ChatId(9))]).await.expect("in force");
    sink.publish(&[message(5, 2), message(9, 1)]).await;
    assert_eq!(places(&[event(&mut incoming).await]), [(9, 1)], "staff's channel is no longer heard");
}

#[tokio::test]
async fn a_signal_comes_once_though_it_goes_to_two_channels() {
    let prefix = fresh_prefix();
    let (pubsub, mut incoming) = listener(&prefix).await;
    pubsub.subscribe(&[Channel::Staff, Channel::Chat(ChatId(4))]).await.expect("in force");
    let typing = |is_typing| Signal {
        id: uuid::Uuid::nil(),
        chat_id: ChatId(4),
        chat_kind: ChatKind::Session,
        site_id: None,
        visibility: Visibility::Public,
        origin: Some("connection 1".into()),
        data: SignalData::Typing {
            sender_type: SenderType::Client,
            sender_id: 1,
            sender_name: None,
            is_typing,
            visibility: Visibility::Public,
        },
    };
    for is_typing in [true, false] {
        pubsub.signal(typing(is_typing));
    }
    for is_typing in [true, false] {
        assert!(matches!(next(&mut incoming).await, Incoming::Signal(signal) if signal == typing(is_typing)));
    }
}

#[tokio::test]
async fn a_mark_tells_when_its_reader_was_last_seen() {
    let prefix = fresh_prefix();
    let (pubsub, mut incoming) = listener(&prefix).await;
    pubsub.subscribe(&[Channel::Chat(ChatId(4))]).await.expect("in force");
    // As PostgreSQL has it.
    let updated_at = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).expect("a time");
    let mark = Mark { reader: Reader::Client(9), delivered_seq: Seq(3), read_seq: Seq(0), updated_at };
    let signal = Signal {
        id: uuid::Uuid::nil(),
        chat_id: ChatId(4),
        chat_kind: ChatKind::Group,
        site_id: None,
        visibility: Visibility::Public,
        origin: None,
        data: SignalData::Mark { kind: MarkKind::Delivered, mark },
    };
    pubsub.signal(signal.clone());
    assert!(matches!(next(&mut incoming).await, Incoming::Signal(heard) if heard == signal));
    let (mut conn, key) = (prefix.connect().await, format!("{}last_seen:4", prefix.prefix()));
    let seen: String = redis::cmd("HGET").arg(&key).arg("client:9").query_async(&mut conn).await.expect("a time");
    assert_eq!(seen.parse::<DateTime<Utc>>().expect("RFC 3339"), updated_at);
    let ttl: i64 = redis::cmd("TTL").arg(&key).query_async(&mut conn).await.expect("a time to live");
    assert!(ttl > 0);
}

/// Kills this test's connections: those that are subscribed to its channels. The server is shared with other tests.
async fn kill_subscribers(prefix: &RedisPrefix) {
    let mut conn = prefix.connect().await;
    let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut conn).await.expect("clients");
    let name = |line: &str| line.split(' ').find_map(|field| field.strip_prefix("name=").map(str::to_owned));
    let wanted = prefix.prefix().trim_end_matches(':');
    for line in clients
        .lines()
        .filter(|line| name(line).is_some_and(|name| name.starts_with("switchboard-gateway") && name.contains(wanted)))
    {
        let id = line.split(' ').find_map(|field| field.strip_prefix("id=")).expect("an id");
        let () = redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query_async(&mut conn).await.expect("killed");
    }
}

#[tokio::test]
async fn a_killed_connection_is_told_and_all_subscriptions_come_back() {
    let prefix = fresh_prefix();
    let (pubsub, mut incoming) = listener(&prefix).await;
    let many: Vec<Channel> = (1..=2500).map(|id| Channel::Chat(ChatId(id))).collect();
    pubsub.subscribe(&many).await.expect("in force");
    kill_subscribers(&prefix).await;
    assert!(matches!(next(&mut incoming).await, Incoming::Interrupted));
    // Wished for while the link is down or coming up: in force when this returns.
    pubsub.subscribe(&[Channel::User(UserId(7))]).await.expect("in force again");
    restored(&mut incoming).await;
    sink(&prefix).publish(&[message(2500, 1), for_users(3000, 1, &[7])]).await;
    let mut got = places(&[event(&mut incoming).await, event(&mut incoming).await]);
    got.sort_unstable();
    assert_eq!(got, [(2500, 1), (3000, 1)]);
}

#[tokio::test]
async fn a_gateway_that_does_not_keep_up_is_interrupted_instead_of_growing() {
    let prefix = fresh_prefix();
    let (pubsub, mut incoming) = listener(&prefix).await;
    pubsub.subscribe(&[Channel::Chat(ChatId(4))]).await.expect("in force");
    let mut sink = sink(&prefix);
    // More than the queue takes.
    for start in (1..=10_000).step_by(500) {
        let batch: Vec<Envelope> = (start..start + 500).map(|seq| message(4, seq)).collect();
        assert!(sink.publish(&batch).await.iter().all(|outcome| *outcome == Outcome::Taken));
    }
    let mut last = 0;
    loop {
        match next(&mut incoming).await {
            Incoming::Event(envelope) => {
                assert_eq!(envelope.event.seq.0, last + 1, "nothing is passed over before the interruption");
                last += 1;
            }
            Incoming::Interrupted => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(last < 10_000);
    restored(&mut incoming).await;
}

#[tokio::test]
async fn a_beat_is_heard_by_every_gateway_and_leaves_no_stream() {
    let prefix = fresh_prefix();
    let (_pubsub, mut incoming) = listener(&prefix).await;
    let sent = beat();
    sink(&prefix).beat(&sent).await.expect("published");
    assert!(matches!(next(&mut incoming).await, Incoming::Beat(heard) if heard == sent));
    let mut conn = prefix.connect().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg(format!("{}*", prefix.prefix())).query_async(&mut conn).await.expect("keys");
    assert_eq!(keys, [format!("{}{}", prefix.prefix(), last_beat(sent.lane))]);
    let ttl: i64 = redis::cmd("PTTL").arg(&keys[0]).query_async(&mut conn).await.expect("a time");
    assert!(ttl > 0, "{ttl}");
}

#[tokio::test]
async fn a_link_that_is_renewed_has_all_its_subscriptions_again() {
    let prefix = fresh_prefix();
    let (pubsub, mut incoming) = listener(&prefix).await;
    pubsub.subscribe(&[Channel::Chat(ChatId(4))]).await.expect("in force");
    pubsub.renew();
    assert!(matches!(next(&mut incoming).await, Incoming::Interrupted));
    restored(&mut incoming).await;
    assert!(pubsub.is_connected());
    let mut sink = sink(&prefix);
    assert_eq!(sink.publish(&[message(4, 1)]).await, [Outcome::Taken]);
    assert_eq!(places(&[event(&mut incoming).await]), [(4, 1)]);
    sink.beat(&beat()).await.expect("published");
    assert!(matches!(next(&mut incoming).await, Incoming::Beat(_)));
}

#[tokio::test]
async fn a_redis_that_takes_no_writes_refuses_a_beat() {
    let prefix = fresh_prefix();
    let mut conn = prefix.connect().await;
    // What a full one or a replica refuses, this user may not do.
    let mut forbid = redis::cmd("ACL");
    let user = format!("reads-{}", prefix.prefix().trim_end_matches(':'));
    forbid.arg("SETUSER").arg(&user).arg("on").arg(">secret").arg("~*").arg("&*").arg("+@all").arg("-@write");
    forbid.exec_async(&mut conn).await.expect("a user");
    let (_, host) = prefix.url().rsplit_once('@').expect("a URL with a password");
    let url = format!("redis://{user}:secret@{host}");
    let config = PubSubConfig { redis_url: Some(url.into()), ..config::redis(&prefix) };
    let mut sink = RedisSink::new(&config, part()).expect("a URL");
    let refused = sink.beat(&beat()).await;
    redis::cmd("ACL").arg("DELUSER").arg(&user).exec_async(&mut conn).await.expect("no user");
    assert!(refused.is_err(), "a PUBLISH alone would have passed");
}
