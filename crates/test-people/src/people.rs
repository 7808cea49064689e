//! Visitors, operators and users.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Account, Answer, EventStream, Gateway, PASSWORD, Rest, Socket};

/// A visitor of a web site, with its session.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Its session.
    pub session: i64,
    /// Its channel token.
    pub token: String,
    /// What proves it after a return.
    pub secret: String,
    /// The signed link to its events: path and query.
    pub stream_url: String,
    rest: Rest,
}

/// An operator, logged in.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Its user id.
    pub id: i64,
    /// Its access token.
    pub token: String,
    account: Account,
    refresh_token: String,
    rest: Rest,
}

/// A user, logged in.
#[derive(Debug, Clone)]
pub struct User {
    /// Its user id.
    pub id: i64,
    /// Its access token.
    pub token: String,
    rest: Rest,
}

/// Somebody who connects, whatever it may see.
pub trait Person {
    /// What proves it, as the query of an address.
    fn proof(&self) -> String;
    /// What proves it to REST.
    fn token(&self) -> &str;
    /// Where its messages of a chat are.
    fn messages_path(&self, chat: i64) -> String;
    /// The REST interface that it uses.
    fn rest(&self) -> &Rest;
}

impl Person for Visitor {
    fn proof(&self) -> String {
        format!("session={}&token={}", self.session, self.token)
    }
    fn token(&self) -> &str {
        &self.token
    }
    fn messages_path(&self, chat: i64) -> String {
        format!("/chat/session/{chat}/messages")
    }
    fn rest(&self) -> &Rest {
        &self.rest
    }
}

impl Person for Operator {
    fn proof(&self) -> String {
        format!("type=staff&access_token={}", self.token)
    }
    fn token(&self) -> &str {
        &self.token
    }
    fn messages_path(&self, chat: i64) -> String {
        format!("/chat/session/{chat}/messages")
    }
    fn rest(&self) -> &Rest {
        &self.rest
    }
}

impl Person for User {
    fn proof(&self) -> String {
        format!("token={}", self.token)
    }
    fn token(&self) -> &str {
        &self.token
    }
    fn messages_path(&self, chat: i64) -> String {
        format!("/chats/{chat}/messages")
    }
    fn rest(&self) -> &Rest {
        &self.rest
    }
}

impl Visitor {
    /// Opens a session.
    pub async fn open(rest: &Rest, name: &str) -> Self {
        Self::open_with(rest, json!({"name": name})).await
    }

    /// Opens a session in the site of that key.
    pub async fn open_in(rest: &Rest, name: &str, site: &str) -> Self {
        Self::open_with(rest, json!({"name": name, "site": site})).await
    }

    async fn open_with(rest: &Rest, body: Value) -> Self {
        let opened = rest.post_openly("/chat/session", body).await.created();
        let text = |field: &str| opened[field].as_str().unwrap_or_else(|| panic!("{field} in {opened}")).to_owned();
        Self {
            session: opened["session_id"].as_i64().expect("a session id"),
            token: text("token"),
            secret: text("visitor_secret"),
            stream_url: path_and_query(&text("stream_url")),
            rest: rest.clone(),
        }
    }

    /// Writes a message; the message.
    pub async fn send(&self, body: &str) -> Value {
        self.send_as(body, Uuid::new_v4()).await.good()
    }

    /// Another channel token.
    pub async fn fresh_token(&self) -> String {
        let path = format!("/chat/session/{}/channel-token", self.session);
        let answer = self.rest.get(&path, &self.secret).await.good();
        answer["token"].as_str().expect("a token").to_owned()
    }

    /// The same visitor in another visit, with another channel token.
    pub async fn come_again(&self) -> Self {
        Self { token: self.fresh_token().await, ..self.clone() }
    }

    /// Writes a message under that client id.
    pub async fn send_as(&self, body: &str, client_id: Uuid) -> Answer {
        let path = format!("/chat/session/{}/messages", self.session);
        self.rest.post(&path, &self.token, json!({"body": body, "client_id": client_id})).await
    }

    /// Writes a message as part of that trace (W3C `traceparent`); the message.
    pub async fn send_traced(&self, body: &str, traceparent: &str) -> Value {
        let path = format!("/chat/session/{}/messages", self.session);
        let message = json!({"body": body, "client_id": Uuid::new_v4()});
        let request = self.rest.request(Method::POST, &path).bearer_auth(&self.token).json(&message);
        Answer::read(request.header("traceparent", traceparent).send().await.expect("an answer")).await.good()
    }

    /// What it may read of its session, from the start.
    pub async fn messages(&self) -> Vec<Value> {
        let path = format!("/chat/session/{}/messages?limit=200", self.session);
        list(&self.rest.get(&path, &self.token).await.good()["messages"])
    }

    /// Where its socket is opened.
    #[must_use]
    pub fn socket_target(&self) -> String {
        format!("/channel/ws?session={}&token={}", self.session, self.token)
    }

    /// A socket that is told only what is new.
    pub async fn socket(&self, gateway: &Gateway) -> Socket {
        Socket::open(gateway, &self.socket_target()).await
    }

    /// A socket that is first told what changed after that seq.
    pub async fn socket_after(&self, gateway: &Gateway, after: i64) -> Socket {
        Socket::open(gateway, &format!("{}&after={after}", self.socket_target())).await
    }

    /// A stream that is told only what is new.
    pub async fn stream(&self, gateway: &Gateway) -> EventStream {
        let target = format!("/channel/sse?session={}&token={}", self.session, self.token);
        EventStream::open(gateway, &target, None).await
    }
}

impl Operator {
    /// Logs in.
    pub async fn log_in(rest: &Rest, account: Account) -> Self {
        let (token, refresh_token) = log_in(rest, &account).await;
        Self { id: account.id, token, account, refresh_token, rest: rest.clone() }
    }

    /// Its address.
    #[must_use]
    pub fn email(&self) -> String {
        self.account.email.clone()
    }

    /// The same account, by another login.
    pub async fn log_in_again(&self) -> Self {
        Self::log_in(&self.rest, self.account.clone()).await
    }

    /// Ends this login.
    pub async fn log_out(&self) {
        self.rest.post_openly("/auth/logout", json!({"refresh_token": self.refresh_token})).await.accepted();
    }

    /// Answers in a session; the message.
    pub async fn send(&self, session: i64, body: &str) -> Value {
        self.write(session, json!({"body": body, "client_id": Uuid::new_v4()})).await
    }

    /// Writes a note, which only operators see.
    pub async fn note(&self, session: i64, body: &str) -> Value {
        self.write(session, json!({"body": body, "client_id": Uuid::new_v4(), "visibility": "staff"})).await
    }

    async fn write(&self, session: i64, body: Value) -> Value {
        self.rest.post(&format!("/chat/session/{session}/messages"), &self.token, body).await.good()
    }

    /// All messages of a session, notes included.
    pub async fn messages(&self, session: i64) -> Vec<Value> {
        let path = format!("/chat/session/{session}/messages?limit=200");
        list(&self.rest.get(&path, &self.token).await.good()["messages"])
    }

    /// Gives a session to an operator, or to nobody.
    pub async fn assign(&self, session: i64, user: Option<i64>) -> Value {
        let path = format!("/chat/session/{session}/assign");
        self.rest.post(&path, &self.token, json!({"user_id": user})).await.good()
    }

    /// Says where a session stands: `open`, `pending` or `closed`.
    pub async fn set_status(&self, session: i64, status: &str) -> Value {
        let path = format!("/chat/session/{session}/status");
        self.rest.post(&path, &self.token, json!({"status": status})).await.good()
    }

    /// A socket that sees all sessions.
    pub async fn socket(&self, gateway: &Gateway) -> Socket {
        Socket::open(gateway, &format!("/channel/ws?type=staff&access_token={}", self.token)).await
    }

    /// A stream that sees all sessions.
    pub async fn stream(&self, gateway: &Gateway) -> EventStream {
        EventStream::open(gateway, &format!("/channel/sse?type=staff&access_token={}", self.token), None).await
    }
}

impl User {
    /// Logs in.
    pub async fn log_in(rest: &Rest, account: &Account) -> Self {
        let (token, _) = log_in(rest, account).await;
        Self { id: account.id, token, rest: rest.clone() }
    }

    /// Writes into a chat.
    pub async fn send(&self, chat: i64, body: &str) -> Answer {
        let message = json!({"body": body, "client_id": Uuid::new_v4()});
        self.rest.post(&format!("/chats/{chat}/messages"), &self.token, message).await
    }

    /// A socket in all its chats, opened with the token in a header.
    pub async fn socket(&self, gateway: &Gateway) -> Socket {
        Socket::open_with(gateway, "/channel/ws", Some(&self.token)).await
    }
}

/// The access token and the refresh token.
async fn log_in(rest: &Rest, account: &Account) -> (String, String) {
    let login = rest.post_openly("/auth/login", json!({"email": account.email, "password": PASSWORD})).await.good();
    let text = |field: &str| login[field].as_str().unwrap_or_else(|| panic!("{field} in {login}")).to_owned();
    (text("access_token"), text("refresh_token"))
}

fn path_and_query(url: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme[after_scheme.find('/').unwrap_or_default()..].to_owned()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}")).clone()
}
