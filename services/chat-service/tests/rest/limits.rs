//! How fast one may write.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use test_support::wait_until;
use uuid::Uuid;

use crate::service::{Installation, Service, code, message, messages};

/// Two messages at once, then one in a second.
async fn slow_service() -> Service {
    let installation = Installation::fresh().await;
    let program = installation
        .program()
        .env("LIMITS__SENDS_PER_SECOND", "1")
        .env("LIMITS__SEND_BURST", "2")
        .env("LIMITS__CLIENT_SENDS_PER_SECOND", "1")
        .env("LIMITS__CLIENT_SEND_BURST", "2");
    Service::start_program(installation, program).await
}

#[tokio::test]
async fn who_writes_too_fast_is_told_when_to_come_again_and_then_may() {
    let service = slow_service().await;
    let (visitor, other) = (service.visitor().await, service.visitor().await);
    let send = async || {
        let request = service.request(Method::POST, &messages(visitor.session)).bearer_auth(&visitor.token);
        let request = request.json(&message("x"));
        request.send().await.expect("an answer")
    };
    let mut refused = send().await;
    while refused.status() == StatusCode::CREATED {
        refused = send().await;
    }
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    let body: Value = refused.json().await.expect("JSON");
    let wait = body["error"]["details"]["retry_after_ms"].as_u64().expect("a number");
    assert!(code(&body) == "rate_limited" && (1..=1000).contains(&wait), "{body}");
    assert_eq!(service.say(other.session, &other.token, "x").await.0, StatusCode::CREATED, "others are not kept");
    wait_until("the bucket to fill", async || (send().await.status() == StatusCode::CREATED).then_some(())).await;
}

#[tokio::test]
async fn rest_and_sockets_share_one_bucket() {
    let service = slow_service().await;
    let visitor = service.visitor().await;
    let principal = json!({"type": "client", "session_id": visitor.session});
    let mut by_socket = 0;
    loop {
        let (status, answer) = service.say(visitor.session, &visitor.token, "x").await;
        if status == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        let send =
            json!({"principal": principal, "chat_id": visitor.session, "body": "x", "client_id": Uuid::new_v4()});
        by_socket += u32::from(service.command("message", send).await.0 == StatusCode::OK);
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    assert!(by_socket > 0);
    let (_, operator) = service.operator().await;
    let mut statuses = vec![];
    for _ in 0..10 {
        statuses.push(service.say(visitor.session, &operator, "x").await.0);
    }
    assert_eq!(statuses[..2], [StatusCode::CREATED; 2], "an operator has a bucket of its own");
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS));
}
