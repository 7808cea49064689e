//! A visitor: one session, one socket, and messages by POST.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async};
use uuid::Uuid;

/// One visitor's session.
#[derive(Clone)]
pub(crate) struct Visitor {
    http: Client,
    address: String,
    pub(crate) session: i64,
    pub(crate) token: String,
}

/// Its live socket.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// Sessions that are opened at a time.
const AT_ONCE: usize = 16;

impl Visitor {
    /// Opens a session.
    pub(crate) async fn open(http: &Client, address: &str) -> anyhow::Result<Self> {
        let answer = http.post(format!("{address}/chat/session")).json(&json!({"name": "bench"})).send().await?;
        let session: Value = answer.error_for_status()?.json().await?;
        Ok(Self {
            http: http.clone(),
            address: address.to_owned(),
            session: session["session_id"].as_i64().context("no session_id")?,
            token: session["token"].as_str().context("no token")?.to_owned(),
        })
    }

    /// Opens so many, in any order.
    pub(crate) async fn open_many(http: &Client, address: &str, count: usize) -> anyhow::Result<Vec<Self>> {
        let opening = stream::iter(0..count).map(|_| Self::open(http, address));
        opening.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Connects, and waits for `connected`.
    pub(crate) async fn connect(&self) -> anyhow::Result<Socket> {
        Ok(self.connect_at(&self.address, None).await?.0)
    }

    /// Connects to that gateway with a cursor, and waits for `connected`.
    pub(crate) async fn connect_at(&self, gateway: &str, after: Option<i64>) -> anyhow::Result<(Socket, Value)> {
        let base = gateway.replacen("http", "ws", 1);
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let url = format!("{base}/channel/ws?session={}&token={}{after}", self.session, self.token);
        Socket::open(&url).await
    }

    /// Sends a message.
    pub(crate) async fn send(&self, body: &str) -> anyhow::Result<()> {
        let url = format!("{}/chat/session/{}/messages", self.address, self.session);
        let message = json!({"body": body, "client_id": Uuid::new_v4()});
        self.http.post(url).bearer_auth(&self.token).json(&message).send().await?.error_for_status()?;
        Ok(())
    }
}

impl Socket {
    /// Connects, and waits for `connected`.
    pub(crate) async fn open(url: &str) -> anyhow::Result<(Self, Value)> {
        let (stream, _) = tokio_tungstenite::connect_async(url).await?;
        let mut socket = Self(stream);
        let first = socket.next_frame().await?;
        if first["type"] != "connected" {
            bail!("the first frame is {}", first["type"]);
        }
        Ok((socket, first))
    }

    /// The same from one of this machine's addresses.
    pub(crate) async fn open_from(local: IpAddr, server: SocketAddr, target: &str) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(local, 0))?;
        let stream = MaybeTlsStream::Plain(socket.connect(server).await?);
        let (stream, _) = client_async(format!("ws://{server}{target}"), stream).await?;
        let mut socket = Self(stream);
        let first = socket.next_frame().await?;
        ensure!(first["type"] == "connected", "the first frame is {}", first["type"]);
        Ok(socket)
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, frame: &Value) -> anyhow::Result<()> {
        Ok(self.0.send(Message::text(frame.to_string())).await?)
    }

    /// Reads until everything is there that a visitor's chat had at `connected`. The cursor reached, and how many
    /// messages came.
    pub(crate) async fn level(&mut self, connected: &Value, after: i64) -> anyhow::Result<(i64, usize)> {
        let top = connected["data"]["chats"][0]["seq"].as_i64().context("connected tells no top")?;
        let (mut cursor, mut messages) = (after, 0);
        while cursor < top {
            let frame = self.next_frame().await?;
            cursor = frame["seq"].as_i64().unwrap_or(cursor).max(cursor);
            messages += usize::from(frame["type"] == "chat.message");
        }
        Ok((cursor, messages))
    }

    /// The next JSON frame.
    pub(crate) async fn next_frame(&mut self) -> anyhow::Result<Value> {
        while let Some(message) = self.0.next().await {
            if let Message::Text(text) = message? {
                return Ok(serde_json::from_str(&text)?);
            }
        }
        bail!("the socket was closed")
    }
}
