//! Members of chats, over REST.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::service::{Service, code, message};

async fn add(service: &Service, chat: i64, token: &str, user: i64) -> (StatusCode, Value) {
    service.post(&format!("/chats/{chat}/members"), token, json!({"user_id": user})).await
}

async fn remove(service: &Service, chat: i64, token: &str, user: i64) -> (StatusCode, Value) {
    service.call(Method::DELETE, &format!("/chats/{chat}/members/{user}"), Some(token), None).await
}

#[tokio::test]
async fn an_admin_of_a_chat_brings_members_in_and_takes_them_out() {
    let service = Service::start().await;
    let (admin, token) = service.account("admin@example.com", "user").await;
    let (member, member_token) = service.account("member@example.com", "user").await;
    let chat = service.group(&[admin]).await;
    let (status, added) = add(&service, chat, &token, member).await;
    assert_eq!((status, &added["user_id"], &added["is_admin"]), (StatusCode::CREATED, &json!(member), &json!(false)));
    assert_eq!(add(&service, chat, &token, member).await, (StatusCode::OK, added), "it is in already");
    let path = format!("/chats/{chat}/messages");
    assert_eq!(service.post(&path, &member_token, message("hello")).await.0, StatusCode::CREATED);
    assert_eq!(remove(&service, chat, &token, member).await.0, StatusCode::NO_CONTENT);
    assert_eq!(service.post(&path, &member_token, message("hello")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(remove(&service, chat, &token, member).await.0, StatusCode::NOT_FOUND);
    let events = "SELECT concat_ws(' ', seq, kind, user_ids) FROM outbox WHERE kind LIKE 'chat.member.%' ORDER BY seq";
    let expected = [
        format!("1 chat.member.added {{{admin}}}"),
        format!("2 chat.member.added {{{member}}}"),
        format!("4 chat.member.removed {{{member}}}"),
    ];
    assert_eq!(service.installation.texts(events).await, expected);
}

#[tokio::test]
async fn only_admins_of_the_chat_and_of_the_installation_change_its_members() {
    let service = Service::start().await;
    let (admin, _) = service.account("admin@example.com", "user").await;
    let (member, member_token) = service.account("member@example.com", "user").await;
    let (stranger, stranger_token) = service.account("stranger@example.com", "operator").await;
    let (_, root) = service.account("root@example.com", "admin").await;
    let chat = service.group(&[admin, member]).await;
    assert_eq!(code(&add(&service, chat, &member_token, stranger).await.1), "forbidden");
    assert_eq!(code(&remove(&service, chat, &member_token, admin).await.1), "forbidden");
    assert_eq!(code(&add(&service, chat, &stranger_token, stranger).await.1), "not_found", "it may not know of it");
    assert_eq!(code(&add(&service, 999_999, &root, member).await.1), "not_found");
    assert_eq!(add(&service, chat, &root, stranger).await.0, StatusCode::CREATED);
    assert_eq!(remove(&service, chat, &root, admin).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn who_is_not_there_cannot_come_in_and_some_chats_have_fixed_members() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (admin, token) = service.account("admin@example.com", "user").await;
    let (other, _) = service.account("other@example.com", "user").await;
    let (closed, _) = service.account("closed@example.com", "user").await;
    let (_, root) = service.account("root@example.com", "admin").await;
    service.installation.command(&["user", "disable", "--email", "closed@example.com"], "");
    let chat = service.group(&[admin]).await;
    for nobody in [closed, 999_999] {
        let (status, answer) = add(&service, chat, &token, nobody).await;
        assert_eq!((status, &answer["error"]["details"]["field"]), (StatusCode::CONFLICT, &json!("user_id")));
    }
    assert_eq!(code(&add(&service, visitor.session, &root, other).await.1), "not_found", "a session has no members");
    service.installation.database.run_sql(&format!("UPDATE chats SET kind = 'direct' WHERE id = {chat}")).await;
    assert_eq!(code(&add(&service, chat, &token, other).await.1), "conflict");
    assert_eq!(code(&remove(&service, chat, &token, admin).await.1), "conflict");
}
