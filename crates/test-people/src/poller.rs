//! A client that polls: it keeps its cursors, and asks again and again.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use reqwest::Client;
use serde_json::{Value, json};
use test_support::wait::in_time;

use crate::{Answer, Gateway};

/// A client that polls.
#[derive(Debug, Clone)]
pub struct Poller {
    http: Client,
    gateway: Gateway,
    query: String,
    /// By chat, the last seq that came; none before the first poll.
    cursors: Option<BTreeMap<i64, i64>>,
    epoch: i64,
    unread: VecDeque<Value>,
    /// The last answer's `close`.
    pub close: Value,
    /// How often it was answered.
    pub answers: usize,
    /// `connected` of later polls says nothing that is waited for.
    has_polled: bool,
    /// Nor does a `resumed` behind the first.
    awaits_resumed: bool,
}

impl Poller {
    /// One that has not polled yet. `proof` is the query that proves who it is.
    #[must_use]
    pub fn new(gateway: &Gateway, proof: &str) -> Self {
        Self {
            http: Client::new(),
            gateway: gateway.clone(),
            query: proof.to_owned(),
            cursors: None,
            epoch: 1,
            unread: VecDeque::new(),
            close: Value::Null,
            answers: 0,
            has_polled: false,
            awaits_resumed: false,
        }
    }

    /// One that goes on from these cursors: what came before and is above them comes again.
    #[must_use]
    pub fn from(mut self, cursors: BTreeMap<i64, i64>, epoch: i64) -> Self {
        self.unread.clear();
        (self.cursors, self.epoch) = (Some(cursors), epoch);
        (self.has_polled, self.awaits_resumed) = (true, true);
        self
    }

    /// The same at another gateway.
    pub fn turn_to(&mut self, gateway: &Gateway) {
        self.gateway = gateway.clone();
    }

    /// Where it would go on from.
    #[must_use]
    pub fn cursors(&self) -> BTreeMap<i64, i64> {
        self.cursors.clone().unwrap_or_default()
    }

    /// One request as it is; the answer.
    pub async fn ask(&self, body: &Value) -> Answer {
        let request = self.http.post(self.gateway.url(&format!("/channel/poll?{}", self.query))).json(body);
        Answer::read(in_time("an answer", request.send()).await.expect("an answer")).await
    }

    /// Polls, and waits so many seconds at most: the frames of the answer. One that tells of nothing but the presence of an operator
    /// is passed over, and the rest of the time waited for the next: any operator that connects makes one at some time.
    pub async fn poll(&mut self, wait: f64) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let left = (wait - began.elapsed().as_secs_f64()).max(0.0);
            let mut frames = self.poll_once(left).await;
            let all = frames.len();
            frames.retain(|frame| frame["type"] != "operator.state");
            let is_beginning = |frame: &Value| matches!(frame["type"].as_str(), Some("connected" | "resumed"));
            let is_idle = self.close.is_null() && frames.iter().all(is_beginning);
            if frames.len() == all || !is_idle || left == 0.0 {
                return frames;
            }
        }
    }

    async fn poll_once(&mut self, wait: f64) -> Vec<Value> {
        let mut body = json!({"wait": wait, "epoch": self.epoch});
        if let Some(cursors) = &self.cursors {
            body["cursors"] = json!(cursors);
        }
        let answer = self.ask(&body).await.good();
        self.close = answer["close"].clone();
        self.answers += 1;
        let frames = answer["frames"].as_array().unwrap_or_else(|| panic!("no frames in {answer}")).clone();
        frames.iter().for_each(|frame| self.take(frame));
        frames
    }

    /// The next frame, by as many polls as it takes.
    pub async fn next(&mut self) -> Value {
        in_time("a frame", async {
            loop {
                if let Some(frame) = self.unread.pop_front() {
                    return frame;
                }
                // What was missed is not waited for.
                let wait = if self.has_polled && !self.awaits_resumed { 25.0 } else { 0.0 };
                for frame in self.poll(wait).await {
                    let is_told = match frame["type"].as_str() {
                        Some("connected") => !std::mem::replace(&mut self.has_polled, true),
                        Some("resumed") => std::mem::take(&mut self.awaits_resumed),
                        kind => !matches!(kind, Some("workspace.changed" | "operator.state")),
                    };
                    self.unread.extend(is_told.then_some(frame));
                }
                assert_eq!(self.close, Value::Null);
            }
        })
        .await
    }

    /// The next frame of that type; others are passed over.
    pub async fn next_of(&mut self, frame_type: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == frame_type {
                return frame;
            }
        }
    }

    /// As docs/protocol.md has it: what came on the stream moves a cursor, and what is listed for the first time begins one.
    fn take(&mut self, frame: &Value) {
        let cursors = self.cursors.get_or_insert_default();
        let chat = frame["session_id"].as_i64().or(frame["chat_id"].as_i64());
        match frame["type"].as_str() {
            Some("connected") => {
                self.epoch = frame["data"]["epoch"].as_i64().expect("an epoch");
                if let (Some(session), Some(seq)) = (chat, frame["seq"].as_i64()) {
                    cursors.insert(session, seq);
                }
                for listed in frame["data"]["chats"].as_array().into_iter().flatten() {
                    let id = listed["chat_id"].as_i64().expect("an id");
                    cursors.entry(id).or_insert_with(|| listed["seq"].as_i64().expect("a seq"));
                }
            }
            Some("resumed") => {
                let reached: BTreeMap<i64, i64> = serde_json::from_value(frame["cursors"].clone()).expect("cursors");
                for (chat, seq) in reached {
                    rise(cursors, chat, seq);
                }
            }
            Some("resync") => {
                let chats: Vec<i64> = serde_json::from_value(frame["chats"].clone()).expect("chats");
                // A client's one cursor is in its `connected`.
                if !self.query.contains("session=") {
                    cursors.retain(|chat, _| !chats.is_empty() && !chats.contains(chat));
                }
            }
            _ => {
                if let (Some(chat), Some(seq)) = (chat, frame["seq"].as_i64()) {
                    rise(cursors, chat, seq);
                }
            }
        }
    }
}

fn rise(cursors: &mut BTreeMap<i64, i64>, chat: i64, seq: i64) {
    let cursor = cursors.entry(chat).or_insert(seq);
    *cursor = seq.max(*cursor);
}
