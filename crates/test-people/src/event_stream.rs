//! A server-sent event stream, read as the HTML standard says.

use reqwest::{Client, Response};
use serde_json::Value;
use test_support::wait::in_time;

use crate::{Answer, Gateway};

/// An open stream.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    unread: Vec<u8>,
    /// The last `id:`, for `Last-Event-ID`.
    pub last_id: Option<String>,
    /// How long a browser is to wait before it comes back, in milliseconds.
    pub retry: Option<u64>,
}

impl EventStream {
    /// Opens one that must not be refused.
    pub async fn open(gateway: &Gateway, target: &str, last_id: Option<&str>) -> Self {
        let response = request(gateway, target, last_id).await;
        let status = response.status();
        if !status.is_success() {
            panic!("the stream was refused: {status} {}", response.text().await.unwrap_or_default());
        }
        let content_type = response.headers().get("content-type").expect("a content type").to_str().expect("ASCII");
        assert!(content_type.starts_with("text/event-stream"), "{content_type}");
        Self { response, unread: Vec::new(), last_id: None, retry: None }
    }

    /// The answer to a stream that must be refused.
    pub async fn refused(gateway: &Gateway, target: &str) -> Answer {
        Answer::read(request(gateway, target, None).await).await
    }

    /// Waits for the next bytes, whatever they are, and gives back what came.
    pub async fn bytes(&mut self) -> Vec<u8> {
        let chunk = in_time("bytes of a stream", self.response.chunk()).await;
        let chunk = chunk.expect("the stream goes on").expect("the stream goes on");
        self.unread.extend_from_slice(&chunk);
        chunk.to_vec()
    }

    /// A header of its answer.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().expect("ASCII"))
    }

    /// The first frame, which must be `connected`.
    pub async fn connected(&mut self) -> Value {
        let frame = self.next().await;
        assert_eq!(frame["type"], "connected", "{frame}");
        frame
    }

    /// The next frame that is neither a ping nor `workspace.changed` or `operator.state`.
    pub async fn next(&mut self) -> Value {
        loop {
            let block = in_time("an event", self.next_block()).await;
            if let Some(frame) = self.read_block(&block).filter(|frame| !is_passed_over(frame)) {
                return frame;
            }
        }
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

    /// All frames to the end of the stream, however it ends; a `close` event is the last.
    pub async fn until_end(&mut self) -> Vec<Value> {
        let mut frames = Vec::new();
        while let Some(block) = in_time("an event", self.next_block_if_any()).await {
            frames.extend(self.read_block(&block));
        }
        frames
    }

    /// What the event says that ends the stream: `{"code", "reason"}` and more. Others are passed over.
    pub async fn closed(&mut self) -> Value {
        loop {
            let block = in_time("an event", self.next_block()).await;
            let data = self.read_block(&block);
            if block.lines().any(|line| line == "event: close") {
                return data.expect("a close event has data");
            }
        }
    }

    /// Text up to the next empty line.
    async fn next_block(&mut self) -> String {
        self.next_block_if_any().await.expect("the stream goes on")
    }

    /// None at the end of the stream, or when it broke.
    async fn next_block_if_any(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                return Some(String::from_utf8(block).expect("UTF-8"));
            }
            let chunk = self.response.chunk().await.ok()??;
            self.unread.extend_from_slice(&chunk);
        }
    }

    /// Fields of one event; comments keep the connection alive and say nothing.
    fn read_block(&mut self, block: &str) -> Option<Value> {
        let mut data = Vec::new();
        for line in block.lines().filter(|line| !line.starts_with(':')) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "data" => data.push(value),
                "retry" => self.retry = Some(value.parse().expect("milliseconds")),
                "id" => self.last_id = Some(value.to_owned()),
                _ => {}
            }
        }
        let data = data.join("\n");
        (!data.is_empty()).then(|| serde_json::from_str(&data).expect("a frame is JSON"))
    }
}

async fn request(gateway: &Gateway, target: &str, last_id: Option<&str>) -> Response {
    let mut request = Client::new().get(gateway.url(target)).header("accept", "text/event-stream");
    if let Some(id) = last_id {
        request = request.header("last-event-id", id);
    }
    in_time("an answer", request.send()).await.expect("an answer")
}

/// Whether it is a sign of life, or of an account that some other part of the test has made.
fn is_passed_over(frame: &Value) -> bool {
    matches!(frame["type"].as_str(), Some("ping" | "workspace.changed" | "operator.state"))
}
