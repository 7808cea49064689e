//! What gateways hear of rights that were taken away.

use std::collections::BTreeSet;

use chat_events::gateway_api::Revocations;
use chat_events::{ErrorCode, Role};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::service::Service;

const MEMBER: &str = "member@example.com";

/// A visitor in its session, and an operator and a member in a chat: rights that can be taken away.
struct Rights {
    service: Service,
    session: String,
    session_id: i64,
    operator: i64,
    token: String,
    member: i64,
    chat: i64,
    /// How far revocations have been read.
    after: i64,
}

impl Rights {
    async fn given() -> Self {
        let service = Service::start().await;
        let session_id = service.visitor().await.session;
        let (operator, token) = service.operator().await;
        let (member, _) = service.account(MEMBER, "user").await;
        let chat = service.group(&[operator, member]).await;
        let after = revocations(&service, None).await.counter;
        let session = format!("/chat/session/{session_id}");
        Self { service, session, session_id, operator, token, member, chat, after }
    }

    async fn news(&mut self) -> Revocations {
        news(&self.service, &mut self.after).await
    }

    /// As the operator, who must be obeyed.
    async fn call(&self, method: Method, path: &str) {
        let (status, answer) = self.service.call(method, path, Some(&self.token), None).await;
        assert!(status.is_success(), "{status} {answer}");
    }
}

async fn revocations(service: &Service, after: Option<i64>) -> Revocations {
    let (status, answer) = service.ask("revocations", json!({"after": after})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    serde_json::from_value(answer).expect("revocations")
}

/// What is new after a counter, with nothing left.
async fn news(service: &Service, after: &mut i64) -> Revocations {
    let told = revocations(service, Some(*after)).await;
    assert!(!told.has_more && told.counter >= *after);
    *after = told.counter;
    told
}

fn is_empty(told: &Revocations) -> bool {
    told.users.is_empty() && told.chats.is_empty() && told.sessions.is_empty() && told.logins.is_empty()
}

#[tokio::test]
async fn each_right_that_is_taken_is_told_once() {
    let mut rights = Rights::given().await;
    assert!(is_empty(&rights.news().await), "nothing was taken yet");

    rights.service.installation.accounts().disable(MEMBER).await;
    let told = rights.news().await;
    let user = told.users.iter().find(|user| user.user_id.0 == rights.member).expect("the user");
    assert!(!user.is_active && user.not_before > 0 && told.logins.len() == 1, "{told:?}");

    rights.call(Method::DELETE, &format!("/chats/{}/members/{}", rights.chat, rights.member)).await;
    let told = rights.news().await;
    let chats: Vec<_> = told.chats.iter().map(|chat| (chat.chat_id.0, chat.user_ids[0].0)).collect();
    assert_eq!((chats, told.users.len()), (vec![(rights.chat, rights.member)], 0));

    rights.call(Method::POST, &format!("{}/ban", rights.session)).await;
    let told = rights.news().await;
    assert_eq!(told.sessions.iter().map(|id| id.0).collect::<Vec<_>>(), [rights.session_id]);

    let sql = "UPDATE users SET role = 'user' WHERE role = 'operator'";
    rights.service.installation.database.run_sql(sql).await;
    let told = rights.news().await;
    let user = &told.users[0];
    assert_eq!((user.user_id.0, user.role, user.is_active), (rights.operator, Role::User, true));
    assert!(is_empty(&rights.news().await), "each was told");
}

#[tokio::test]
async fn a_logout_names_the_login_that_its_access_tokens_carry() {
    let service = Service::start().await;
    service.account(MEMBER, "user").await;
    let (_, login) = service.log_in(MEMBER, "a good password").await;
    let mut after = revocations(&service, None).await.counter;
    let out = json!({"refresh_token": login["refresh_token"]});
    service.call(Method::POST, "/auth/logout", None, Some(out)).await;
    let told = news(&service, &mut after).await;
    let access = login["access_token"].as_str().expect("a token");
    let claims = jsonwebtoken::dangerous::insecure_decode::<channel_auth::AccessClaims>(access).expect("claims").claims;
    assert_eq!(told.logins.iter().map(ToString::to_string).collect::<Vec<_>>(), [claims.sid.expect("a login")]);
    assert!(told.users.is_empty(), "its other logins go on");
    let token = json!({"issued_at": claims.iat, "login": told.logins[0]});
    let connect =
        json!({"principal": {"type": "user", "user_id": claims.sub.parse::<i64>().expect("an id")}, "token": token});
    assert_eq!(service.admission(connect).await.err(), Some(ErrorCode::Forbidden));
}

#[tokio::test]
async fn what_was_given_back_is_told_as_it_is_now() {
    let mut rights = Rights::given().await;
    for what in ["ban", "unban"] {
        rights.call(Method::POST, &format!("{}/{what}", rights.session)).await;
    }
    let members = format!("/chats/{}/members", rights.chat);
    rights.call(Method::DELETE, &format!("{members}/{}", rights.member)).await;
    rights.service.post(&members, &rights.token, json!({"user_id": rights.member})).await;
    rights.service.installation.accounts().disable(MEMBER).await;
    rights.service.installation.accounts().enable(MEMBER).await;
    let told = rights.news().await;
    assert!(told.sessions.is_empty() && told.chats.is_empty(), "{told:?}");
    assert!(told.users[0].is_active && told.users[0].not_before > 0, "its old tokens stay dead: {told:?}");
}

#[tokio::test]
async fn a_change_that_commits_late_is_not_passed_over() {
    let service = Service::start().await;
    let database = &service.installation.database;
    let sql = "INSERT INTO users (email, name, role, password_hash)
               SELECT n || '@x', 'x', 'user', 'x' FROM generate_series(1, 20) n";
    database.run_sql(sql).await;
    let mut after = revocations(&service, None).await.counter;
    let connections = join_all((0..20).map(|_| database.connect())).await;
    let closing = join_all(connections.into_iter().zip(1..).map(|(conn, id)| close_slowly(conn, id)));
    tokio::pin!(closing);
    let (mut seen, mut is_over) = (BTreeSet::new(), false);
    while !is_over {
        is_over = futures_util::poll!(&mut closing).is_ready();
        seen.extend(news(&service, &mut after).await.users.iter().map(|user| user.user_id.0));
    }
    assert_eq!(seen, (1..=20).collect());
}

/// Closes an account and commits a little later, some sooner than others.
async fn close_slowly(mut conn: AsyncPgConnection, id: i64) {
    let wait = format!("SELECT pg_sleep({})", 0.03 * f64::from(i32::try_from(4 - id % 5).expect("small")));
    let sql = format!("BEGIN; UPDATE users SET is_active = false WHERE id = {id}; {wait}; COMMIT");
    conn.batch_execute(&sql).await.expect("closed");
}

#[tokio::test]
async fn many_changes_come_in_pages() {
    let service = Service::start().await;
    let after = revocations(&service, None).await.counter;
    let sql = "INSERT INTO users (email, name, role, password_hash) SELECT n || '@x', 'x', 'user', 'x' FROM generate_series(1, 1500) n";
    service.installation.database.run_sql(sql).await;
    service.installation.database.run_sql("UPDATE users SET is_active = false").await;
    let first = revocations(&service, Some(after)).await;
    assert_eq!((first.users.len(), first.has_more), (1000, true));
    let rest = revocations(&service, Some(first.counter)).await;
    assert_eq!((rest.users.len(), rest.has_more), (500, false));
    let all: BTreeSet<_> = first.users.iter().chain(&rest.users).map(|user| user.user_id.0).collect();
    assert_eq!(all.len(), 1500);
    assert_eq!(revocations(&service, Some(rest.counter)).await.counter, rest.counter);
    assert_eq!(revocations(&service, None).await.counter, rest.counter);
}
