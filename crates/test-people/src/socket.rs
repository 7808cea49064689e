//! A WebSocket of the channel protocol.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use test_support::wait::in_time;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, ORIGIN};
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use uuid::Uuid;

use crate::{Answer, Gateway};

/// An open socket. It answers pings by itself, and passes over `workspace.changed` and `operator.state` unless they are asked for: any
/// test makes accounts, and operators that connect, and each makes one of these frames at some time.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Came while an answer was awaited.
    unread: VecDeque<Value>,
    hears_of_workspace: bool,
    hears_of_operators: bool,
}

/// How a socket was closed.
#[derive(Debug, Clone)]
pub struct Closed {
    /// The code.
    pub code: u16,
    /// In words.
    pub reason: String,
}

impl Socket {
    /// Opens one that must not be refused.
    pub async fn open(gateway: &Gateway, target: &str) -> Self {
        Self::open_with(gateway, target, None).await
    }

    /// Opens one with a token in the `Authorization` header.
    pub async fn open_with(gateway: &Gateway, target: &str, bearer: Option<&str>) -> Self {
        let bearer = bearer.map(|token| (AUTHORIZATION, format!("Bearer {token}")));
        Self::open_with_header(gateway, target, bearer).await
    }

    /// Opens one as the script of a page of that origin does.
    pub async fn open_from(gateway: &Gateway, target: &str, origin: &str) -> Self {
        Self::open_with_header(gateway, target, Some((ORIGIN, origin.to_owned()))).await
    }

    async fn open_with_header(gateway: &Gateway, target: &str, header: Option<(HeaderName, String)>) -> Self {
        let url = format!("ws://{}{target}", gateway.authority);
        let mut request = url.into_client_request().expect("a request");
        if let Some((name, value)) = header {
            request.headers_mut().insert(name, HeaderValue::from_str(&value).expect("a header"));
        }
        let tcp = TcpStream::connect(&gateway.authority).await.expect("the gateway listens");
        let small = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
        let opened = in_time("a handshake", client_async_with_config(request, tcp, Some(small))).await;
        let (stream, _) = opened.unwrap_or_else(|why| panic!("the handshake failed: {why}"));
        Self { stream, unread: VecDeque::new(), hears_of_workspace: false, hears_of_operators: false }
    }

    /// The answer to a handshake that must be refused.
    pub async fn refused(gateway: &Gateway, target: &str, bearer: Option<&str>) -> Answer {
        let request = reqwest::Client::new().get(gateway.url(target));
        Self::answer_to(if let Some(token) = bearer { request.bearer_auth(token) } else { request }).await
    }

    /// The same for the script of a page of that origin.
    pub async fn refused_from(gateway: &Gateway, target: &str, origin: &str) -> Answer {
        Self::answer_to(reqwest::Client::new().get(gateway.url(target)).header("origin", origin)).await
    }

    async fn answer_to(mut request: reqwest::RequestBuilder) -> Answer {
        for (name, value) in [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            request = request.header(name, value);
        }
        Answer::read(request.send().await.expect("an answer")).await
    }

    /// The first frame, which must be `connected`.
    pub async fn connected(&mut self) -> Value {
        let frame = self.next().await;
        assert_eq!(frame["type"], "connected", "{frame}");
        frame
    }

    /// The next frame that is not a ping.
    pub async fn next(&mut self) -> Value {
        if let Some(frame) = self.unread.pop_front() {
            return frame;
        }
        self.next_on_the_wire().await
    }

    /// Whether nothing came that was not taken yet, of what had been sent when [`Self::until_read`] was called.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.unread.is_empty()
    }

    async fn next_on_the_wire(&mut self) -> Value {
        match self.receive().await {
            Ok(frame) => frame,
            Err(closed) => panic!("the socket was closed with {closed:?}"),
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

    /// The next `workspace.changed`; other frames are passed over.
    pub async fn workspace_changed(&mut self) -> Value {
        self.hears_of_workspace = true;
        let frame = self.next_of("workspace.changed").await;
        self.hears_of_workspace = false;
        frame
    }

    /// The next `operator.state`; other frames are passed over.
    pub async fn operator_state(&mut self) -> Value {
        self.hears_of_operators = true;
        let frame = self.next_of("operator.state").await;
        self.hears_of_operators = false;
        frame
    }

    /// So many frames of that type; others are passed over.
    pub async fn take_of(&mut self, frame_type: &str, count: usize) -> Vec<Value> {
        let mut frames = Vec::with_capacity(count);
        while frames.len() < count {
            frames.push(self.next_of(frame_type).await);
        }
        frames
    }

    /// Everything up to the answer of a ping: what is not here by then was not sent before.
    pub async fn until_pong(&mut self) -> Vec<Value> {
        self.send(json!({"type": "ping"})).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["type"] == "pong" {
                return frames;
            }
            frames.push(frame);
        }
    }

    /// The next frame that is not a ping, or how it was closed.
    pub async fn next_or_closed(&mut self) -> Result<Value, Closed> {
        match self.unread.pop_front() {
            Some(frame) => Ok(frame),
            None => self.receive().await,
        }
    }

    /// The code that it is closed with; frames before that are passed over.
    pub async fn close_code(&mut self) -> u16 {
        self.closed().await.code
    }

    /// The code and the reason that it is closed with; frames before that are passed over.
    pub async fn closed(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.receive().await {
                return closed;
            }
        }
    }

    /// Waits until the gateway has read all that was sent here.
    pub async fn until_read(&mut self) {
        self.send_raw(Message::Ping("read?".into())).await;
        loop {
            match in_time("a pong", self.stream.next()).await {
                Some(Ok(Message::Pong(_))) => return,
                Some(Ok(Message::Text(text))) => {
                    self.unread.push_back(serde_json::from_str(&text).expect("a frame is JSON"));
                }
                Some(Ok(_)) => {}
                end => panic!("the socket ended: {end:?}"),
            }
        }
    }

    /// Closes it, and waits until the gateway has seen that.
    pub async fn close(&mut self) {
        in_time("a close", self.stream.close(None)).await.expect("an open socket");
        while let Some(Ok(_)) = in_time("the end of the socket", self.stream.next()).await {}
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("an open socket");
    }

    /// Sends any WebSocket message.
    pub async fn send_raw(&mut self, message: Message) {
        self.stream.send(message).await.expect("an open socket");
    }

    /// Writes bytes past all framing, as far as the gateway takes them.
    pub async fn write_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes).await
    }

    /// Writes a message and waits for its `ack`; the stored message.
    pub async fn say(&mut self, chat: Option<i64>, body: &str) -> Value {
        let client_id = Uuid::new_v4();
        let mut frame = json!({"type": "message", "body": body, "client_id": client_id});
        if let Some(chat) = chat {
            frame["chat_id"] = chat.into();
        }
        self.send(frame).await;
        self.stored(client_id).await
    }

    /// The message in the `ack` of what was sent under that client id. What comes meanwhile is kept: the live frame of the
    /// message may be quicker than the answer.
    pub async fn stored(&mut self, client_id: Uuid) -> Value {
        loop {
            let frame = self.next_on_the_wire().await;
            assert_ne!(frame["type"], "error", "{frame}");
            if frame["type"] == "ack" && frame["client_id"] == client_id.to_string() {
                return frame["data"].clone();
            }
            self.unread.push_back(frame);
        }
    }

    /// A frame, or how it was closed.
    async fn receive(&mut self) -> Result<Value, Closed> {
        loop {
            let message = match in_time("a frame", self.stream.next()).await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(Some(close)))) => {
                    return Err(Closed { code: close.code.into(), reason: close.reason.to_string() });
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(other)) => panic!("not a frame of the protocol: {other:?}"),
                // 1006 is what a browser reports when no close frame came.
                None | Some(Err(Error::ConnectionClosed | Error::Protocol(_) | Error::Io(_))) => {
                    return Err(Closed { code: 1006, reason: String::new() });
                }
                Some(Err(why)) => panic!("the socket failed: {why}"),
            };
            let frame: Value = serde_json::from_str(&message).expect("a frame is JSON");
            match frame["type"].as_str() {
                Some("ping") => self.send(json!({"type": "pong"})).await,
                Some("workspace.changed") if !self.hears_of_workspace => {}
                Some("operator.state") if !self.hears_of_operators => {}
                _ => return Ok(frame),
            }
        }
    }
}
