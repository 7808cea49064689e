//! How much one may ask for before it is told to wait: logins, sessions, requests.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use test_support::wait_until;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::service::{Installation, Service, code, message, messages};

const EMAIL: &str = "operator@example.com";
const PASSWORD: &str = "a good password";

/// With these limits; behind one proxy, so that a request may say where it comes from.
async fn limited(limits: &[(&str, &str)]) -> Service {
    let installation = Installation::fresh().await;
    let program = installation.program().env("HTTP__TRUSTED_PROXIES", "1");
    let program = limits.iter().fold(program, |program, (name, value)| program.env(name, *value));
    Service::start_program(installation, program).await
}

async fn post_from(service: &Service, address: &str, path: &str, body: Value) -> Response {
    let request = service.request(Method::POST, path).header("x-forwarded-for", address);
    request.json(&body).send().await.expect("an answer")
}

async fn log_in_from(service: &Service, address: &str, email: &str, password: &str) -> Response {
    post_from(service, address, "/auth/login", json!({"email": email, "password": password})).await
}

async fn says_when_to_come_again(refused: Response) {
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let header: u64 = refused.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
    let body: Value = refused.json().await.expect("JSON");
    assert_eq!((code(&body), body["error"]["details"]["retry_after"].as_u64()), ("rate_limited", Some(header)));
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|other| **other == status).count()
}

/// An account whose password may be guessed three times from one address and ten times from anywhere.
async fn guarded() -> Service {
    let service = limited(&[
        ("LIMITS__WRONG_PASSWORDS_PER_MINUTE", "1"),
        ("LIMITS__WRONG_PASSWORD_BURST", "3"),
        ("LIMITS__ACCOUNT_WRONG_PASSWORDS_PER_MINUTE", "1"),
        ("LIMITS__ACCOUNT_WRONG_PASSWORD_BURST", "10"),
        ("LIMITS__ADDRESS_WRONG_PASSWORDS_PER_MINUTE", "1"),
        ("LIMITS__ADDRESS_WRONG_PASSWORD_BURST", "5"),
    ])
    .await;
    service.operator().await;
    service
}

#[tokio::test]
async fn of_many_wrong_passwords_at_once_a_few_are_looked_at() {
    let service = guarded().await;
    for (email, address, expected) in [(EMAIL, "192.0.2.1", 3), ("nobody@example.com", "192.0.2.2", 3)] {
        let guesses = (0..40).map(|_| log_in_from(&service, address, email, "a wrong one"));
        let statuses: Vec<u16> = join_all(guesses).await.iter().map(|answer| answer.status().as_u16()).collect();
        assert_eq!((count(&statuses, 401), count(&statuses, 429)), (expected, 40 - expected), "{email}");
    }
    says_when_to_come_again(log_in_from(&service, "192.0.2.1", EMAIL, PASSWORD).await).await;
    // Of the address's own five, over all accounts, two are left.
    let others = (0..10).map(async |n| log_in_from(&service, "192.0.2.1", &format!("{n}@example.com"), "x").await);
    let statuses: Vec<u16> = join_all(others).await.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (2, 8));
}

#[tokio::test]
async fn who_guesses_from_everywhere_does_not_lock_the_owner_out() {
    let service = guarded().await;
    assert_eq!(log_in_from(&service, "192.0.2.1", EMAIL, PASSWORD).await.status(), StatusCode::OK);
    let guesses = (0..40).map(async |n| log_in_from(&service, &format!("198.51.100.{n}"), EMAIL, "wrong").await);
    let statuses: Vec<u16> = join_all(guesses).await.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (10, 30));
    for _ in 0..5 {
        let owner = log_in_from(&service, "192.0.2.1", EMAIL, PASSWORD).await;
        assert_eq!(owner.status(), StatusCode::OK, "from where it has logged in before");
    }
    assert_eq!(log_in_from(&service, "2001:db8::1", EMAIL, PASSWORD).await.status(), 429, "elsewhere it waits");
}

#[tokio::test]
async fn right_passwords_do_not_count() {
    let service = guarded().await;
    for _ in 0..8 {
        assert_eq!(service.log_in(EMAIL, PASSWORD).await.0, StatusCode::OK, "loopback is an address as any other");
    }
}

/// Bytes, as the process says at `/metrics`.
async fn resident(service: &Service) -> u64 {
    let text = reqwest::get(format!("{}/metrics", service.url)).await.expect("an answer").text().await.expect("text");
    let bytes = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    bytes.expect("a number").parse().expect("a number")
}

#[tokio::test]
async fn many_logins_leave_no_memory_behind() {
    let service = Service::start().await;
    service.operator().await;
    let before = resident(&service).await;
    // More than may hold a token of the address at a time: the right ones wait for one another.
    let logins = join_all((0..50).map(|_| service.log_in(EMAIL, PASSWORD))).await;
    assert!(logins.iter().all(|(status, _)| *status == StatusCode::OK), "{logins:?}");
    let grown = resident(&service).await.saturating_sub(before);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8) as u64;
    // 19 MiB for each that is hashed at a time.
    assert!(grown < (cores * 20 + 30) * 1024 * 1024, "{} MB for 50 logins", grown / 1_000_000);
}

#[tokio::test]
async fn logins_that_nobody_waits_for_any_more_keep_nobody_waiting() {
    let service = Service::start().await;
    service.operator().await;
    let authority = service.url.trim_start_matches("http://").to_owned();
    let body = json!({"email": EMAIL, "password": "a wrong one"}).to_string();
    let request = format!(
        "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let abandoned = (0..500).map(async |_| {
        let mut connection = TcpStream::connect(&authority).await.expect("a connection");
        connection.write_all(request.as_bytes()).await.expect("sent");
        // Closed by being dropped.
    });
    let good = async || (service.log_in(EMAIL, PASSWORD).await.0 == StatusCode::OK).then_some(());
    let started = Instant::now();
    wait_until("a login", good).await;
    let alone = started.elapsed();
    join_all(abandoned).await;
    let started = Instant::now();
    wait_until("a good login", good).await;
    // On two cores, 500 that are all looked at take the time of 250.
    assert!(started.elapsed() < alone * 80 + Duration::from_secs(1), "{:?}, alone {alone:?}", started.elapsed());
}

#[tokio::test]
async fn more_logins_than_can_be_checked_are_told_to_come_again() {
    let service = Service::start().await;
    service.operator().await;
    // One client for all: to make 400 takes longer than a server waits for a request.
    let (client, url) = (Client::new(), format!("{}/auth/login", service.url));
    let log_in = || client.post(&url).json(&json!({"email": EMAIL, "password": PASSWORD})).send();
    let mut busy = 0;
    for answer in join_all((0..400).map(|_| log_in())).await {
        let answer = answer.expect("an answer");
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(answer.headers()["retry-after"], "1");
            assert_eq!(code(&answer.json().await.expect("JSON")), "unavailable");
            busy += 1;
        } else {
            assert_eq!(answer.status(), StatusCode::OK);
        }
    }
    assert!(busy > 0, "400 at once were all taken in");
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.0, StatusCode::OK);
}

#[tokio::test]
async fn sessions_are_opened_so_fast_and_no_faster() {
    let service = limited(&[
        ("LIMITS__SESSIONS_PER_SECOND", "1"),
        ("LIMITS__SESSION_BURST", "3"),
        ("LIMITS__ALL_SESSIONS_PER_SECOND", "1"),
        ("LIMITS__ALL_SESSION_BURST", "5"),
    ])
    .await;
    let open = async |address: &str| post_from(&service, address, "/chat/session", json!({})).await;
    let mut opened = 0;
    let refused = loop {
        let answer = open("2001:db8::1").await;
        if answer.status() != StatusCode::CREATED {
            break answer;
        }
        opened += 1;
    };
    assert!(opened >= 3, "{opened}");
    says_when_to_come_again(refused).await;
    assert_eq!(open("2001:db8::2").await.status(), StatusCode::TOO_MANY_REQUESTS, "the same /64");
    let others = join_all((0..40).map(async |n| open(&format!("192.0.2.{n}")).await)).await;
    let statuses: Vec<u16> = others.iter().map(|answer| answer.status().as_u16()).collect();
    assert!(count(&statuses, 201) > 0 && count(&statuses, 429) > 20, "{statuses:?}");
    wait_until("the buckets to fill", async || (open("192.0.2.99").await.status() == 201).then_some(())).await;
}

#[tokio::test]
async fn many_fresh_sessions_write_no_faster_than_their_address_may() {
    let limits = [("LIMITS__FRESH_SENDS_PER_SECOND", "1"), ("LIMITS__FRESH_SEND_BURST", "5")];
    let service = limited(&limits).await;
    let visitors = join_all((0..20).map(|_| service.visitor())).await;
    let say = async |index: usize, address: &str| {
        let visitor = &visitors[index];
        let request = service.request(Method::POST, &messages(visitor.session)).bearer_auth(&visitor.token);
        let request = request.header("x-forwarded-for", address);
        request.json(&message("x")).send().await.expect("an answer")
    };
    let said = join_all((0..20).map(async |index| say(index, "192.0.2.1").await)).await;
    let statuses: Vec<u16> = said.iter().map(|answer| answer.status().as_u16()).collect();
    assert!((5..15).contains(&count(&statuses, 201)) && count(&statuses, 429) > 5, "{statuses:?}");
    assert_eq!(say(0, "192.0.2.2").await.status(), StatusCode::CREATED, "another address has another bucket");
    let by_socket = async |age: i64| {
        let visitor = &visitors[0];
        let from = json!({"address": "192.0.2.1", "token_made_at": chrono::Utc::now().timestamp() - age});
        let send = json!({"principal": {"type": "client", "session_id": visitor.session}, "chat_id": visitor.session,
                          "body": "x", "client_id": uuid::Uuid::new_v4(), "from": from});
        service.command("message", send).await.0
    };
    let mut by_sockets = Vec::new();
    for _ in 0..10 {
        by_sockets.push(by_socket(0).await.as_u16());
    }
    assert!(count(&by_sockets, 429) > 0, "sockets have the same bucket: {by_sockets:?}");
    assert_eq!(by_socket(3600).await, StatusCode::OK, "who is known for longer is not concerned");
}

#[tokio::test]
async fn reading_has_limits_too() {
    let service = limited(&[
        ("LIMITS__REQUESTS_PER_SECOND", "1"),
        ("LIMITS__REQUEST_BURST", "5"),
        ("LIMITS__ADDRESS_REQUESTS_PER_SECOND", "1"),
        ("LIMITS__ADDRESS_REQUEST_BURST", "20"),
    ])
    .await;
    let (one, other) = (service.visitor().await, service.visitor().await);
    let get = async |token: &str, path: &str, address: &str| {
        let request = service.request(Method::GET, path).bearer_auth(token);
        request.header("x-forwarded-for", address).send().await.expect("an answer")
    };
    let path = format!("/chat/session/{}", one.session);
    let mut statuses = Vec::new();
    for n in 0..12 {
        statuses.push(get(&one.token, &path, &format!("192.0.2.{n}")).await.status().as_u16());
    }
    assert!(count(&statuses, 200) >= 5 && count(&statuses, 429) > 0, "wherever it comes from: {statuses:?}");
    let own = format!("/chat/session/{}", other.session);
    assert_eq!(get(&other.token, &own, "192.0.2.1").await.status(), StatusCode::OK, "others are not kept");
    let keys = join_all((0..60).map(async |_| get("no token", "/.well-known/jwks.json", "192.0.2.200").await)).await;
    let refused = keys.into_iter().find(|answer| answer.status() == 429).expect("one is refused");
    says_when_to_come_again(refused).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(get("no token", path, "192.0.2.200").await.status(), StatusCode::OK, "{path}");
    }
    let tops = join_all((0..60).map(|_| service.ask("tops", json!({})))).await;
    assert!(tops.iter().all(|(status, _)| *status == StatusCode::OK), "gateways ask for many");
}

#[tokio::test]
async fn long_pages_count_for_as_many_requests_and_one_caller_reads_a_few_at_a_time() {
    let service = limited(&[("LIMITS__REQUESTS_PER_SECOND", "1"), ("LIMITS__REQUEST_BURST", "300")]).await;
    let (one, other) = (service.visitor().await, service.visitor().await);
    let text = "x".repeat(10_000);
    for _ in 0..150 {
        let said = service.say(one.session, &one.token, &text).await;
        assert_eq!(said.0, StatusCode::CREATED, "{}", said.1);
    }
    // 1.5 MB: as 22 requests more, of about 150 that are left.
    let path = format!("/chat/session/{}/messages?limit=200", one.session);
    let pages = join_all((0..20).map(|_| service.get(&path, &one.token))).await;
    let statuses: Vec<u16> = pages.iter().map(|(status, _)| status.as_u16()).collect();
    let read = count(&statuses, 200);
    assert!((4..=10).contains(&read) && read + count(&statuses, 429) == 20, "{statuses:?}");
    let (_, refused) =
        pages.iter().find(|(status, _)| *status == StatusCode::TOO_MANY_REQUESTS).expect("one is refused");
    assert_eq!(code(refused), "rate_limited");
    let own = format!("/chat/session/{}/messages", other.session);
    assert_eq!(service.get(&own, &other.token).await.0, StatusCode::OK, "others are not kept");
}
