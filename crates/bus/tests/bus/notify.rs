//! LISTEN/NOTIFY as a sink and as a pub/sub, on a real PostgreSQL.

use crate::events::{beat, for_users, message, next, one_way, part, restored};
use bus::notify::{NotifySink, PgPubSub};
use bus::{Envelope, Hint, Incoming, Outcome, PubSub, Sink};
use chat_events::names::Channel;
use chat_events::signal::SignalData;
use chat_events::{ChatId, ChatKind, SenderType, Signal, UserId, Visibility};
use telemetry::Vital;
use test_support::{fresh_database, wait_until};

fn typing(name: &str) -> Signal {
    Signal {
        id: uuid::Uuid::nil(),
        chat_id: ChatId(4),
        chat_kind: ChatKind::Session,
        site_id: None,
        visibility: Visibility::Public,
        origin: None,
        data: SignalData::Typing {
            sender_type: SenderType::Client,
            sender_id: 1,
            sender_name: Some(name.into()),
            is_typing: true,
            visibility: Visibility::Public,
        },
    }
}

#[tokio::test]
async fn hints_of_a_large_batch_arrive_whole_and_in_order() {
    let database = fresh_database().await;
    let (pubsub, mut incoming) = one_way(PgPubSub::connect(database.url().into(), part(), &Vital::new(), 1));
    restored(&mut incoming).await;
    pubsub.subscribe(&[Channel::Chat(ChatId(4))]).await.expect("connected");

    let batch: Vec<Envelope> = (1..=500).map(|seq| message(4, seq)).chain([for_users(5, 1, &[3])]).collect();
    let outcomes = NotifySink::new(database.url().into(), part()).publish(&batch).await;
    assert_eq!(outcomes, vec![Outcome::Taken; 501]);

    let mut heard = Vec::new();
    for _ in &batch {
        match next(&mut incoming).await {
            Incoming::Hint(hint) => heard.push(hint),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, batch.iter().map(Hint::of).collect::<Vec<_>>());
    assert_eq!(heard.last().expect("hints").user_ids, [UserId(3)]);
}

#[tokio::test]
async fn a_gateway_in_the_same_process_gets_whole_events_first() {
    let database = fresh_database().await;
    let (pubsub, mut incoming) = one_way(PgPubSub::connect(database.url().into(), part(), &Vital::new(), 1));
    restored(&mut incoming).await;
    let mut sink = NotifySink::new(database.url().into(), part()).with_local(pubsub.local());
    sink.publish(&[message(4, 1)]).await;
    assert!(matches!(next(&mut incoming).await, Incoming::Event(envelope) if envelope.event.seq.0 == 1));
    assert!(matches!(next(&mut incoming).await, Incoming::Hint(hint) if hint.seq.0 == 1));
}

#[tokio::test]
async fn a_beat_reaches_every_gateway_and_the_one_in_the_same_process_also_in_memory() {
    let database = fresh_database().await;
    let (here, mut heard_here) = one_way(PgPubSub::connect(database.url().into(), part(), &Vital::new(), 1));
    let (_there, mut heard_there) = one_way(PgPubSub::connect(database.url().into(), part(), &Vital::new(), 1));
    restored(&mut heard_here).await;
    restored(&mut heard_there).await;
    let sent = beat();
    let mut sink = NotifySink::new(database.url().into(), part()).with_local(here.local());
    sink.beat(&sent).await.expect("sent");
    for incoming in [&mut heard_here, &mut heard_there] {
        assert!(matches!(next(incoming).await, Incoming::Beat(heard) if heard == sent));
    }
    assert!(matches!(next(&mut heard_here).await, Incoming::Beat(heard) if heard == sent), "by NOTIFY as well");
}

#[tokio::test]
async fn a_link_that_is_renewed_carries_on() {
    let database = fresh_database().await;
    let (pubsub, mut incoming) = one_way(PgPubSub::connect(database.url().into(), part(), &Vital::new(), 1));
    restored(&mut incoming).await;
    // It listens a moment after it has said that the link stands.
    wait_until("the renewal", async || {
        pubsub.renew();
        matches!(incoming.try_recv(), Ok(Incoming::Interrupted)).then_some(())
    })
    .await;
    restored(&mut incoming).await;
    let mut sink = NotifySink::new(database.url().into(), part());
    assert_eq!(sink.publish(&[message(4, 1)]).await, [Outcome::Taken]);
    assert!(matches!(next(&mut incoming).await, Incoming::Hint(hint) if hint.seq.0 == 1));
}

#[tokio::test]
async fn signals_reach_every_gateway_and_one_that_is_too_large_is_counted() {
    let database = fresh_database().await;
    let (here, mut heard_here) = one_way(PgPubSub::connect(database.url().into(), part(), &Vital::new(), 1));
    let (_there, mut heard_there) = one_way(PgPubSub::connect(database.url().into(), part(), &Vital::new(), 1));
    restored(&mut heard_here).await;
    restored(&mut heard_there).await;
    here.signal(typing("Ann"));
    here.signal(typing(&"x".repeat(8000)));
    here.signal(typing("Bob"));
    for incoming in [&mut heard_here, &mut heard_there] {
        for name in ["Ann", "Bob"] {
            assert!(matches!(next(incoming).await, Incoming::Signal(signal) if signal == typing(name)));
        }
    }
    wait_until("the count", async || (here.signals().dropped() == 1).then_some(())).await;
}

#[tokio::test]
async fn a_broken_link_is_told_and_mended() {
    let database = fresh_database().await;
    let (pubsub, mut incoming) = one_way(PgPubSub::connect(database.url().into(), part(), &Vital::new(), 1));
    restored(&mut incoming).await;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut sink = NotifySink::new(database.url().into(), part());
    assert_eq!(sink.publish(&[message(4, 1)]).await, [Outcome::Taken]);
    assert!(matches!(next(&mut incoming).await, Incoming::Hint(_)));

    database.run_sql(kill).await;
    assert!(matches!(next(&mut incoming).await, Incoming::Interrupted));
    restored(&mut incoming).await;
    assert!(pubsub.is_connected());
    // The sink's session died too: it says so once, and then has another.
    assert!(matches!(sink.publish(&[message(4, 2)]).await[..], [Outcome::Refused(_)]));
    assert_eq!(sink.publish(&[message(4, 2)]).await, [Outcome::Taken]);
    assert!(matches!(next(&mut incoming).await, Incoming::Hint(hint) if hint.seq.0 == 2));
}
