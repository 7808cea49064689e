//! The REST interface, asked as a patient client asks: again and again, of one chat-service and then of the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use rand::Rng;
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::frame::{Frame, Message};

/// One try takes no longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Both chat-services.
#[derive(Debug, Clone)]
pub struct Rest {
    http: Client,
    bases: Vec<String>,
    next: Arc<AtomicUsize>,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    /// Its HTTP status.
    pub status: u16,
    /// Its JSON; null when there is none.
    pub body: Value,
}

/// What to ask.
#[derive(Debug, Clone)]
pub struct Ask {
    method: Method,
    path: String,
    token: Option<String>,
    body: Option<Value>,
}

/// A part of a chat's history.
#[derive(Debug)]
pub struct History {
    /// What changed after the cursor, in that order.
    pub frames: Vec<Frame>,
    /// The cursor to go on from.
    pub reached: i64,
    /// The chat is not there for who asked.
    pub is_gone: bool,
}

/// Some of a user's chats.
#[derive(Debug, Default, Deserialize)]
pub struct ChatsPage {
    /// Where each stood.
    pub chats: Vec<Listed>,
    /// The cursor for the others.
    #[serde(rename = "next_cursor")]
    pub next: Option<String>,
}

/// A chat, and where it stood.
#[derive(Debug, Deserialize)]
pub struct Listed {
    /// Which.
    pub chat_id: i64,
    /// Its top.
    pub seq: i64,
    /// Of its state.
    pub state_seq: i64,
}

impl ChatsPage {
    /// The page that `connected` holds.
    #[must_use]
    pub fn of_connected(data: &Value) -> Self {
        let chats = serde_json::from_value(data["chats"].clone()).unwrap_or_default();
        Self { chats, next: data["more"].as_str().map(str::to_owned) }
    }
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Message>,
    has_more: bool,
    seq: i64,
}

impl Ask {
    /// A `GET`.
    #[must_use]
    pub fn get(path: &str, token: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), token: Some(token.to_owned()), body: None }
    }

    /// A `POST`; without a token if that is empty.
    #[must_use]
    pub fn post(path: &str, token: &str, body: Value) -> Self {
        let token = (!token.is_empty()).then(|| token.to_owned());
        Self { method: Method::POST, path: path.to_owned(), token, body: Some(body) }
    }

    /// The same with another token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }
}

impl Answer {
    /// Whether it says yes.
    #[must_use]
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether asking again can help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.status == 429 || self.status >= 500
    }

    /// Whether only a fresh token is missing.
    #[must_use]
    pub fn wants_a_fresh_token(&self) -> bool {
        self.status == 401 && self.body["error"]["code"] == "token_expired"
    }
}

impl Rest {
    /// At these addresses.
    #[must_use]
    pub fn new(bases: Vec<String>) -> Self {
        Self { http: Client::new(), bases, next: Arc::default() }
    }

    /// Asks once; none when there was no answer.
    pub async fn ask_once(&self, ask: &Ask) -> Option<Answer> {
        let base = &self.bases[self.next.fetch_add(1, Ordering::Relaxed) % self.bases.len()];
        let mut request = self.http.request(ask.method.clone(), format!("{base}{}", ask.path)).timeout(PATIENCE);
        if let Some(token) = &ask.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        // An answer that broke off is none: what it said is not known.
        let text = response.text().await.ok()?;
        Some(Answer { status, body: serde_json::from_str(&text).unwrap_or_default() })
    }

    /// Asks until there is an answer that stays the same, with growing waits. `before` is told of each try.
    pub async fn ask_until_answered(&self, ask: &Ask, before: impl Fn() + Send) -> Answer {
        let mut wait = Duration::from_millis(50);
        loop {
            before();
            if let Some(answer) = self.ask_once(ask).await.filter(|answer| !answer.is_passing()) {
                return answer;
            }
            tokio::time::sleep(with_jitter(wait)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Asks for what must be given.
    pub async fn good(&self, ask: &Ask) -> anyhow::Result<Value> {
        let answer = self.ask_until_answered(ask, || {}).await;
        if !answer.is_good() {
            bail!("{} {}: {} {}", ask.method, ask.path, answer.status, answer.body);
        }
        Ok(answer.body)
    }

    /// What changed in a chat after a cursor; none when there is no good answer at once. Of a chat that there is not for
    /// this caller the answer is one that [`History::is_gone`].
    pub async fn history(&self, chat_path: &str, token: &str, after: i64) -> Option<History> {
        let (mut frames, mut reached) = (Vec::new(), after);
        loop {
            let path = format!("{chat_path}/messages?limit=200&after_seq={reached}");
            let answer = self.ask_once(&Ask::get(&path, token)).await?;
            if answer.status == 404 {
                return Some(History { frames: Vec::new(), reached: after, is_gone: true });
            }
            let answer = Some(answer).filter(Answer::is_good)?;
            let page: Page = serde_json::from_value(answer.body).ok()?;
            frames.extend(page.messages.into_iter().map(Frame::of_history));
            reached = page.seq;
            if !page.has_more {
                return Some(History { frames, reached, is_gone: false });
            }
        }
    }

    /// The page of a user's chats at a cursor; none when there is no good answer at once.
    pub async fn chats(&self, token: &str, cursor: &str) -> Option<ChatsPage> {
        let path = format!("/chats?limit=200&cursor={cursor}");
        let answer = self.ask_once(&Ask::get(&path, token)).await.filter(Answer::is_good)?;
        serde_json::from_value(answer.body).ok()
    }

    /// All sessions with their states; none when there is no good answer at once.
    pub async fn sessions(&self, token: &str) -> Option<Vec<(i64, i64)>> {
        let (mut sessions, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/chat/sessions?limit=200{cursor}");
            let answer = self.ask_once(&Ask::get(&path, token)).await.filter(Answer::is_good)?;
            let listed = answer.body["sessions"].as_array()?;
            for session in listed {
                sessions.push((session["session_id"].as_i64()?, session["state_seq"].as_i64()?));
            }
            match answer.body["next_cursor"].as_i64() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Some(sessions),
            }
        }
    }

    /// Opens a session; its id and token.
    pub async fn open_session(&self, name: &str, site: &str) -> anyhow::Result<(i64, String)> {
        let opened = self.good(&Ask::post("/chat/session", "", json!({"name": name, "site": site}))).await?;
        let session = opened["session_id"].as_i64().context("no session_id")?;
        Ok((session, opened["token"].as_str().context("no token")?.to_owned()))
    }

    /// Logs in; the access token.
    pub async fn log_in(&self, email: &str, password: &str) -> anyhow::Result<String> {
        let login = self.good(&Ask::post("/auth/login", "", json!({"email": email, "password": password}))).await?;
        Ok(login["access_token"].as_str().context("no access_token")?.to_owned())
    }
}

/// Half to one and a half times as long.
#[must_use]
pub fn with_jitter(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(0.5..1.5))
}
