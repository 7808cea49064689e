//! TLS to PostgreSQL, Redis and RabbitMQ, whose certificate of "localhost" a CA of the tests has signed.

use crate::config;
use crate::events::{message, next, next_batch, one_way, part, places, restored};
use bus::amqp::{AmqpAddress, AmqpSink, AmqpSource};
use bus::redis::{RedisPubSub, RedisSink};
use bus::{Incoming, LaneMetrics, Outcome, PubSub, PubSubConfig, Sink, Source};
use chat_events::names::Channel;
use chat_events::{ChatId, Lane, LaneCount};
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use telemetry::{Health, Vital};
use test_support::wait::in_time;
use test_support::{TlsServers, fresh_database, fresh_prefix, fresh_vhost, wait_until};

#[derive(diesel::QueryableByName)]
struct Session {
    #[diesel(sql_type = Bool)]
    ssl: bool,
}

/// A connection to the test's database with these options, or why there is none; and whether it is encrypted.
async fn is_encrypted(url: &str, host: &str, options: &str) -> Result<bool, String> {
    let (place, _) = url.split_once('?').unwrap_or((url, ""));
    let url = format!("{}?{options}", place.replace("127.0.0.1", host));
    let mut conn = in_time("a connection", bus::postgres::open(&url.into())).await.map_err(|why| why.to_string())?;
    let question = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let session: Session = diesel::sql_query(question).get_result(&mut conn).await.expect("an answer");
    Ok(session.ssl)
}

#[tokio::test]
async fn postgres_is_encrypted_and_verified_as_its_url_says() {
    let Some(tls) = TlsServers::from_env() else { return };
    let database = fresh_database().await;
    let url = database.url();
    assert_eq!(is_encrypted(url, "localhost", "sslmode=disable").await, Ok(false));
    assert_eq!(is_encrypted(url, "127.0.0.1", "sslmode=require").await, Ok(true));
    let own = format!("sslmode=verify-full&sslrootcert={}", tls.ca.display());
    assert_eq!(is_encrypted(url, "localhost", &own).await, Ok(true));
    let why = is_encrypted(url, "127.0.0.1", &own).await.expect_err("the certificate is of localhost");
    assert!(why.contains("certificate"), "{why}");
    let why = is_encrypted(url, "localhost", "sslmode=verify-full").await.expect_err("the system knows no such CA");
    assert!(why.contains("certificate"), "{why}");
}

#[tokio::test]
async fn the_cause_is_told_where_postgres_refuses() {
    let database = fresh_database().await;
    let wrong = database.url().replacen(':', "\0", 1).replacen(':', ":wrong", 1).replacen('\0', ":", 1);
    let why = bus::postgres::open(&wrong.into()).await.err().expect("a refusal").to_string();
    assert!(why.contains("password authentication failed") && !why.contains("wrong"), "{why}");
    let nobody =
        bus::postgres::open(&"postgres://a:hunter2@127.0.0.1:1/x".into()).await.err().expect("nobody").to_string();
    assert!(nobody.contains("refused") && !nobody.contains("hunter2"), "{nobody}");
}

#[tokio::test]
async fn redis_is_reached_by_tls_with_a_ca_of_its_own() {
    let Some(tls) = TlsServers::from_env() else { return };
    let prefix = fresh_prefix();
    let config = PubSubConfig {
        redis_url: Some(tls.redis_url.clone().into()),
        redis_ca_file: Some(tls.ca.clone()),
        ..config::redis(&prefix)
    };
    let (pubsub, mut incoming) = one_way(RedisPubSub::connect(&config, part(), &Vital::new(), 1).expect("a URL"));
    restored(&mut incoming).await;
    pubsub.subscribe(&[Channel::Chat(ChatId(4))]).await.expect("subscribed");
    let mut sink = RedisSink::new(&config, part()).expect("a URL");
    assert_eq!(sink.publish(&[message(4, 1)]).await, [Outcome::Taken]);
    assert!(matches!(next(&mut incoming).await, Incoming::Event(envelope) if envelope.event.chat_id == ChatId(4)));

    let unknown = PubSubConfig { redis_ca_file: None, ..config.clone() };
    let health = Health::new();
    let _link = one_way(RedisPubSub::connect(&unknown, health.part("pubsub"), &Vital::new(), 1).expect("a URL"));
    wait_until("the certificate to be refused", async || {
        let why = serde_json::to_value(health.readiness()).ok()?["parts"]["pubsub"]["why"].as_str()?.to_lowercase();
        why.contains("certificate").then_some(())
    })
    .await;
    let plain = PubSubConfig { redis_url: Some("redis://localhost".into()), ..config };
    let why = RedisSink::new(&plain, part()).err().expect("a CA without TLS").to_string();
    assert!(why.contains("PUBSUB__REDIS_CA_FILE"), "{why}");
}

#[tokio::test]
async fn rabbitmq_is_reached_by_tls_with_a_ca_of_its_own() {
    let Some(tls) = TlsServers::from_env() else { return };
    let vhost = fresh_vhost().await;
    let url = tls.amqp_url.replace("%2f", vhost.name());
    let address = AmqpAddress::new(url.clone().into(), Some(&tls.ca)).expect("a CA");
    let mut sink = AmqpSink::new(address.clone(), LaneCount::new(2).expect("in range"), part());
    assert_eq!(sink.publish(&[message(4, 1)]).await, [Outcome::Taken]);
    let mut source = AmqpSource::new(address, Lane(0), LaneMetrics::unregistered(), part());
    let batch = in_time("a batch", next_batch(&mut source)).await.expect("a batch");
    assert_eq!(places(&batch), [(4, 1)]);
    source.settle(&batch, &[Outcome::Taken]).await.expect("settled");

    let mut unknown =
        AmqpSink::new(AmqpAddress::new(url.into(), None).expect("a URL"), LaneCount::new(2).expect("in range"), part());
    let outcomes = unknown.publish(&[message(4, 2)]).await;
    assert!(matches!(&outcomes[..], [Outcome::Refused(why)] if why.contains("certificate")), "{outcomes:?}");
    let why = AmqpAddress::new("amqp://localhost".into(), Some(&tls.ca)).expect_err("a CA without TLS").to_string();
    assert!(why.contains("BROKER__AMQP_CA_FILE"), "{why}");
}
