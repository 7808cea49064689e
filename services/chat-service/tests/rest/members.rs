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
    service.installation.accounts().disable("closed@example.com").await;
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

async fn alter(service: &Service, chat: i64, token: &str, user: i64, rights: Value) -> (StatusCode, Value) {
    service.call(Method::PATCH, &format!("/chats/{chat}/members/{user}"), Some(token), Some(rights)).await
}

#[tokio::test]
async fn an_admin_of_a_chat_gives_members_other_rights() {
    let service = Service::start().await;
    let (admin, token) = service.account("admin@example.com", "user").await;
    let (member, member_token) = service.account("member@example.com", "user").await;
    let chat = service.group(&[admin, member]).await;
    let path = format!("/chats/{chat}/messages");
    let (status, changed) = alter(&service, chat, &token, member, json!({"can_write": false, "can_pin": true})).await;
    assert_eq!((status, &changed["can_write"], &changed["can_pin"]), (StatusCode::OK, &json!(false), &json!(true)));
    assert_eq!((&changed["can_read"], &changed["is_admin"]), (&json!(true), &json!(false)), "the rest stays");
    assert_eq!(service.post(&path, &member_token, message("hello")).await.0, StatusCode::FORBIDDEN);
    let again = alter(&service, chat, &token, member, json!({"can_write": false})).await;
    assert_eq!(again, (StatusCode::OK, changed), "nothing changes");
    alter(&service, chat, &token, member, json!({"can_read": false, "can_write": true})).await;
    assert_eq!(service.get(&path, &member_token).await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.post(&path, &member_token, message("hello")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(alter(&service, chat, &token, member, json!({"can_read": true})).await.0, StatusCode::OK);
    assert_eq!(service.post(&path, &member_token, message("hello")).await.0, StatusCode::CREATED);
    let events = "SELECT concat_ws(' ', seq, user_ids) FROM outbox WHERE kind = 'chat.member.changed' ORDER BY seq";
    let expected = [3, 4, 5].map(|seq| format!("{seq} {{{member}}}"));
    assert_eq!(service.installation.texts(events).await, expected);
}

#[tokio::test]
async fn other_rights_are_for_admins_to_give_and_for_members_to_have() {
    let service = Service::start().await;
    let (admin, token) = service.account("admin@example.com", "user").await;
    let (member, member_token) = service.account("member@example.com", "user").await;
    let (stranger, _) = service.account("stranger@example.com", "user").await;
    let chat = service.group(&[admin, member]).await;
    let wish = json!({"is_admin": true});
    assert_eq!(code(&alter(&service, chat, &member_token, member, wish.clone()).await.1), "forbidden");
    for nobody in [stranger, 999_999] {
        assert_eq!(code(&alter(&service, chat, &token, nobody, wish.clone()).await.1), "not_found");
    }
    for bad in [json!({"can_fly": true}), json!({"can_read": 1}), json!([])] {
        let (status, answer) = alter(&service, chat, &token, member, bad.clone()).await;
        assert_eq!((status, code(&answer)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{bad}");
    }
    assert_eq!(alter(&service, chat, &token, member, wish).await.0, StatusCode::OK);
    assert_eq!(alter(&service, chat, &member_token, admin, json!({"is_admin": false})).await.0, StatusCode::OK);
    assert_eq!(code(&add(&service, chat, &token, stranger).await.1), "forbidden", "it is no admin any more");
    service.installation.database.run_sql(&format!("UPDATE chats SET kind = 'direct' WHERE id = {chat}")).await;
    assert_eq!(code(&alter(&service, chat, &member_token, admin, json!({"can_write": false})).await.1), "conflict");
}

#[tokio::test]
async fn who_comes_back_has_the_rights_of_a_new_member_and_reads_what_was_written_meanwhile() {
    let service = Service::start().await;
    let (admin, token) = service.account("admin@example.com", "user").await;
    let (member, member_token) = service.account("member@example.com", "user").await;
    let chat = service.group(&[admin, member]).await;
    let path = format!("/chats/{chat}/messages");
    alter(&service, chat, &token, member, json!({"can_write": false, "can_read": false, "is_admin": true})).await;
    remove(&service, chat, &token, member).await;
    service.post(&path, &token, message("meanwhile")).await;
    let (status, added) = add(&service, chat, &token, member).await;
    let rights = ["can_read", "can_write", "is_admin"].map(|right| added[right].as_bool());
    assert_eq!((status, rights), (StatusCode::CREATED, [Some(true), Some(true), Some(false)]), "{added}");
    let (_, page) = service.get(&path, &member_token).await;
    assert_eq!(crate::service::bodies(&page), ["meanwhile"]);
}
