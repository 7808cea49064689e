//! Starting, being refused to start, and stopping.

use diesel_async::SimpleAsyncConnection;
use reqwest::{Method, StatusCode};
use serde_json::json;
use test_support::Program;

use crate::service::{Installation, Service, code};

#[tokio::test]
async fn of_many_instances_that_start_at_once_exactly_one_migrates() {
    let installation = Installation::fresh().await;
    installation.database.run_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    let mut services: Vec<_> = (0..4).map(|_| installation.program().start()).collect();
    for service in &mut services {
        let url = format!("http://{}/readyz", service.addr().await);
        test_support::process::wait_until_ready(&url).await;
    }
    let migrated = services.iter().flat_map(test_support::Process::log).filter(|line| line.contains("\"migrated\""));
    assert_eq!(migrated.count(), migrations());
}

fn migrations() -> usize {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/schema");
    std::fs::read_dir(folder)
        .expect("the migrations")
        .filter(|entry| entry.as_ref().is_ok_and(|e| e.path().is_dir()))
        .count()
}

#[tokio::test]
async fn another_number_of_lanes_is_refused_with_a_clear_word() {
    let service = Service::start().await;
    let mut other = service.installation.program().env("OUTBOX__LANES", "5").start();
    assert!(!other.ended().await.success());
    assert!(other.log().iter().any(|line| line.contains("set OUTBOX__LANES=4")), "{:?}", other.log());
}

#[tokio::test]
async fn a_missing_or_short_secret_is_refused() {
    let installation = Installation::fresh().await;
    for (name, value) in [
        ("AUTH__INTERNAL_SECRET", "short"),
        ("AUTH__SESSION_KEYS", "k:short"),
        ("AUTH__JWT_PRIVATE_KEY", "not a key"),
        ("AUTH__SESSION_TTL", "25h"),
    ] {
        let mut refused = installation.program().env(name, value).start();
        assert!(!refused.ended().await.success());
        assert!(refused.log().iter().any(|line| line.contains(name)), "{name}: {:?}", refused.log());
    }
    let mut bare = Program::new("chat-service").env("DATABASE_URL", installation.database.url()).start();
    assert!(!bare.ended().await.success());
}

#[tokio::test]
async fn it_starts_without_postgresql_and_says_so() {
    let installation = Installation::fresh().await;
    let mut process = installation.program().env("DATABASE_URL", "postgres://nobody:hunter2@127.0.0.1:9/none").start();
    let url = format!("http://{}", process.addr().await);
    let ready = reqwest::get(format!("{url}/readyz")).await.expect("an answer");
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reqwest::get(format!("{url}/healthz")).await.expect("an answer").status(), StatusCode::OK);
    let answer = reqwest::Client::new().post(format!("{url}/chat/session")).json(&json!({})).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body = answer.json().await.expect("JSON");
    assert_eq!(code(&body), "unavailable");
    assert!(!body.to_string().contains("127.0.0.1"), "no detail for the caller: {body}");
    assert!(!process.log().join("\n").contains("hunter2"));
}

#[tokio::test]
async fn it_heals_when_its_connections_are_cut() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let mut admin = service.installation.database.connect().await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    admin.batch_execute(cut).await.expect("cut");
    test_support::wait_until("a message to be stored again", async || {
        let (status, answer) = service.say(visitor.session, &visitor.token, "still there?").await;
        assert!(status == StatusCode::CREATED || status == StatusCode::SERVICE_UNAVAILABLE, "{status} {answer}");
        (status == StatusCode::CREATED).then_some(())
    })
    .await;
}

#[tokio::test]
async fn it_stops_when_asked() {
    let mut service = Service::start().await;
    service.visitor().await;
    service.process.terminate();
    assert!(service.process.ended().await.success());
}

#[tokio::test]
async fn what_it_counts_can_be_scraped() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    service.say(visitor.session, &visitor.token, "hello").await;
    service.call(Method::GET, "/chat/sessions?status=open", Some("secret-in-vain"), None).await;
    let text = reqwest::get(format!("{}/metrics", service.url)).await.expect("an answer").text().await.expect("text");
    for line in [
        "messages_sent_total 1",
        "sessions_opened_total 1",
        "http_requests_total{route=\"/chat/session/{id}/messages\",method=\"POST\",status=\"201\"} 1",
        "db_connections ",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("secret-in-vain"));
}
