//! Rights that are taken away while a write of their owner waits for its turn.

use std::sync::Arc;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use test_support::wait_until;

use crate::service::{Service, message};

/// A write that waits for the lock of its chat.
struct Waiting {
    service: Arc<Service>,
    /// Holds the lock.
    other: AsyncPgConnection,
    write: tokio::task::JoinHandle<(StatusCode, Value)>,
}

impl Waiting {
    async fn begin(service: &Arc<Service>, chat: i64, method: Method, path: String, token: &str, body: Value) -> Self {
        let mut other = service.installation.database.connect().await;
        let lock = format!("BEGIN; SELECT FROM chats WHERE id = {chat} FOR UPDATE");
        other.batch_execute(&lock).await.expect("the lock");
        let (own, token) = (service.clone(), token.to_owned());
        let write = tokio::spawn(async move { own.call(method, &path, Some(&token), Some(body)).await });
        let this = Self { service: service.clone(), other, write };
        wait_until("the write to wait", async || {
            let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
                AND wait_event_type = 'Lock'";
            (!this.service.installation.texts(waiting).await.is_empty()).then_some(())
        })
        .await;
        this
    }

    async fn end(mut self) -> (StatusCode, Value) {
        self.other.batch_execute("COMMIT").await.expect("the end of the lock");
        self.write.await.expect("an answer")
    }
}

#[tokio::test]
async fn an_operator_whose_account_is_closed_while_its_write_waits_does_not_write() {
    let service = Arc::new(Service::start().await);
    let visitor = service.visitor().await;
    let session = format!("/chat/session/{}", visitor.session);
    let tops = format!("SELECT concat_ws(' ', seq, state_seq) FROM chats WHERE id = {}", visitor.session);
    let before = service.installation.texts(&tops).await;
    for (n, (path, body)) in [
        ("assign", json!({"user_id": null, "if_assignee": null})),
        ("status", json!({"status": "closed"})),
        ("ban", json!({})),
        ("messages", message("too late")),
    ]
    .into_iter()
    .enumerate()
    {
        for how in ["disable", "role"] {
            let email = format!("{how}{n}@example.com");
            let (id, token) = service.account(&email, "operator").await;
            let body = if path == "assign" { json!({"user_id": id}) } else { body.clone() };
            let path = format!("{session}/{path}");
            let waiting = Waiting::begin(&service, visitor.session, Method::POST, path.clone(), &token, body).await;
            let accounts = service.installation.accounts();
            match how {
                "role" => accounts.set_role(&email, "user").await,
                _ => accounts.disable(&email).await,
            }
            let (status, answer) = waiting.end().await;
            let expected = if how == "role" { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
            assert_eq!(status, expected, "{path} {how}: {answer}");
            assert_eq!(service.installation.texts(&tops).await, before, "{path} {how}");
        }
    }
}

#[tokio::test]
async fn an_admin_whose_login_ends_while_its_write_waits_does_not_write() {
    let service = Arc::new(Service::start().await);
    let (member, _) = service.account("member@example.com", "user").await;
    let (other, _) = service.account("other@example.com", "user").await;
    let (admin, _) = service.account("admin@example.com", "user").await;
    let chat = service.group(&[admin, member]).await;
    let members = format!(
        "SELECT string_agg(concat_ws(' ', user_id, can_write, is_active), ',' ORDER BY user_id)
        FROM chat_members WHERE chat_id = {chat}"
    );
    let before = service.installation.texts(&members).await;
    for (method, path, body) in [
        (Method::POST, format!("/chats/{chat}/members"), json!({"user_id": other})),
        (Method::PATCH, format!("/chats/{chat}/members/{member}"), json!({"can_write": false})),
        (Method::DELETE, format!("/chats/{chat}/members/{member}"), json!({})),
    ] {
        let (_, login) = service.log_in("admin@example.com", "a good password").await;
        let token = login["access_token"].as_str().expect("a token").to_owned();
        let waiting = Waiting::begin(&service, chat, method, path.clone(), &token, body).await;
        let end = json!({"refresh_token": login["refresh_token"]});
        assert_eq!(service.call(Method::POST, "/auth/logout", None, Some(end)).await.0, StatusCode::NO_CONTENT);
        let (status, answer) = waiting.end().await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}: {answer}");
        assert_eq!(service.installation.texts(&members).await, before, "{path}");
    }
}

#[tokio::test]
async fn a_session_is_not_given_to_an_operator_who_is_none_any_more() {
    let service = Arc::new(Service::start().await);
    let visitor = service.visitor().await;
    let (_, token) = service.operator().await;
    let (otto, _) = service.account("otto@example.com", "operator").await;
    let path = format!("/chat/session/{}/assign", visitor.session);
    let body = json!({"user_id": otto});
    let waiting = Waiting::begin(&service, visitor.session, Method::POST, path, &token, body).await;
    service.installation.accounts().disable("otto@example.com").await;
    let (status, answer) = waiting.end().await;
    assert_eq!((status, &answer["error"]["details"]["field"]), (StatusCode::CONFLICT, &json!("user_id")), "{answer}");
}

#[tokio::test]
async fn a_client_that_is_banned_while_its_message_waits_does_not_write() {
    let service = Arc::new(Service::start().await);
    let visitor = service.visitor().await;
    let path = format!("/chat/session/{}/messages", visitor.session);
    let mut waiting =
        Waiting::begin(&service, visitor.session, Method::POST, path, &visitor.token, message("too late")).await;
    let ban = format!(
        "UPDATE clients SET banned_at = now() WHERE id = (SELECT client_id FROM chat_sessions WHERE chat_id = {0});
         UPDATE chats SET seq = seq + 1, state_seq = seq + 1 WHERE id = {0}",
        visitor.session
    );
    waiting.other.batch_execute(&ban).await.expect("the ban");
    assert_eq!(waiting.end().await.0, StatusCode::FORBIDDEN);
}
