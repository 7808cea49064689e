//! Clients that are banned.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::service::{Service, Visitor, code, message, messages};

/// What a client does, over REST and by way of a gateway: the status of each.
async fn tries(service: &Service, visitor: &Visitor) -> Vec<StatusCode> {
    let session = format!("/chat/session/{}", visitor.session);
    let principal = json!({"type": "client", "session_id": visitor.session});
    let send = json!({"principal": principal, "chat_id": visitor.session, "body": "x", "client_id": Uuid::new_v4()});
    let sync = json!({"principal": principal, "chat_id": visitor.session, "after": 0, "limit": 10});
    let changes = json!({"cursors": {}});
    let answers = [
        service.get(&session, &visitor.token).await,
        service.get(&messages(visitor.session), &visitor.token).await,
        service.post(&messages(visitor.session), &visitor.token, message("x")).await,
        service.get(&format!("{session}/channel-token"), &visitor.secret).await,
        service.post("/chats/changes", &visitor.token, changes).await,
        service.ask("send", send).await,
        service.ask("sync", sync).await,
    ];
    answers.into_iter().map(|(status, _)| status).collect()
}

async fn set(service: &Service, session: i64, what: &str, token: &str) -> (StatusCode, Value) {
    service.call(Method::POST, &format!("/chat/session/{session}/{what}"), Some(token), None).await
}

#[tokio::test]
async fn a_banned_client_is_refused_everywhere_until_it_is_let_in_again() {
    let service = Service::start().await;
    let (visitor, other) = (service.visitor().await, service.visitor().await);
    let (_, operator) = service.operator().await;
    let (status, session) = set(&service, visitor.session, "ban", &operator).await;
    assert_eq!((status, &session["is_banned"]), (StatusCode::OK, &json!(true)), "{session}");
    assert_eq!(tries(&service, &visitor).await, [StatusCode::FORBIDDEN; 7]);
    assert!(tries(&service, &other).await.iter().all(StatusCode::is_success), "nobody else is");
    let both = json!({"session_ids": [visitor.session, other.session]});
    let (_, answer) = service.ask("clients", both).await;
    let mut told: Vec<_> = answer["clients"]
        .as_array()
        .expect("clients")
        .iter()
        .map(|c| (c["chat"]["chat_id"].as_i64(), c["is_banned"].as_bool()))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [(Some(visitor.session), Some(true)), (Some(other.session), Some(false))]);
    let (_, session) = set(&service, visitor.session, "unban", &operator).await;
    assert_eq!(session["is_banned"], false);
    assert!(tries(&service, &visitor).await.iter().all(StatusCode::is_success));
}

#[tokio::test]
async fn a_ban_keeps_a_client_from_opening_its_closed_session_again() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    service.set_status(visitor.session, &operator, "closed").await;
    set(&service, visitor.session, "ban", &operator).await;
    assert_eq!(service.say(visitor.session, &visitor.token, "let me in").await.0, StatusCode::FORBIDDEN);
    let (_, session) = service.get(&format!("/chat/session/{}", visitor.session), &operator).await;
    assert_eq!(session["status"], "closed");
    assert_eq!(service.say(visitor.session, &operator, "no").await.0, StatusCode::CREATED, "operators go on");
}

#[tokio::test]
async fn only_operators_ban() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    let (_, user) = service.account("user@example.com", "user").await;
    for token in [&visitor.token, &user] {
        assert_eq!(set(&service, visitor.session, "ban", token).await.0, StatusCode::FORBIDDEN);
    }
    assert_eq!(code(&set(&service, 999_999, "ban", &operator).await.1), "not_found");
    assert!(tries(&service, &visitor).await.iter().all(StatusCode::is_success));
}
