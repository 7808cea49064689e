//! REST calls and their answers.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::Gateway;

/// A chat-service's REST interface.
#[derive(Debug, Clone)]
pub struct Rest {
    http: Client,
    base: String,
}

/// An answer: its status and its JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null when it is empty.
    pub body: Value,
}

impl Rest {
    /// At that address.
    #[must_use]
    pub fn new(base: &str) -> Self {
        // The service closes what is idle for 5 s: none that long is used again, however slow the machine is.
        let http = Client::builder().pool_idle_timeout(Duration::from_secs(2)).build().expect("a client");
        Self { http, base: base.to_owned() }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> Gateway {
        Gateway { authority: self.base.trim_start_matches("http://").to_owned() }
    }

    /// `GET`.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, Some(token), None).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(token), Some(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        self.call(Method::DELETE, path, Some(token), None).await
    }

    /// `POST` by somebody who has no token yet.
    pub async fn post_openly(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, None, Some(body)).await
    }

    /// Any call.
    pub async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = self.request(method, path);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::read(request.send().await.unwrap_or_else(|why| panic!("{path}: {why:?}"))).await
    }

    /// A request to be filled in by hand.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }
}

impl Answer {
    /// Reads a whole answer.
    pub async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let text = response.text().await.expect("a whole answer");
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(json!(text)) };
        Self { status, body }
    }

    /// It must not be refused; what it says does not matter.
    pub fn accepted(self) {
        let _body = self.good();
    }

    /// The body of an answer that must tell of something new.
    #[must_use]
    pub fn created(self) -> Value {
        assert_eq!(self.status, 201, "{}", self.body);
        self.body
    }

    /// The body of an answer that must be good.
    #[must_use]
    pub fn good(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body
    }

    /// The error of an answer that must be a refusal with that status and code, in the one shape of an error.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        let error = self.body["error"].clone();
        assert_eq!(error["code"], code, "{}", self.body);
        assert!(error["message"].is_string() && error["details"].is_object(), "{}", self.body);
        assert_eq!(self.body.as_object().map(serde_json::Map::len), Some(1), "{}", self.body);
        error
    }
}
