//! A WebSocket of the channel protocol, from an address of the client's own.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::link::Ended;

/// Small, so that a client that stops reading is felt by the gateway and not swallowed by the kernel.
const RECEIVE_BUFFER: u32 = 32 * 1024;

/// An open socket.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Connects; the status of the refusal if it is refused.
    pub(crate) async fn open(from: IpAddr, to: SocketAddr, target: &str) -> Result<Self, Ended> {
        let tcp = connect(from, to).await.map_err(|_| Ended::Broken)?;
        let small = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
        match client_async_with_config(format!("ws://{to}{target}"), tcp, Some(small)).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err(Ended::refused(response.status().as_u16(), &String::from_utf8_lossy(body)))
            }
            Err(_) => Err(Ended::Broken),
        }
    }

    /// The text of the next frame.
    pub(crate) async fn next(&mut self) -> Result<String, Ended> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(Some(close)))) => {
                    return Err(Ended::closed(close.code.into(), close.reason.as_str()));
                }
                Some(Ok(_) | Err(_)) | None => return Err(Ended::Broken),
            }
        }
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, frame: &Value) -> Result<(), Ended> {
        self.0.send(Message::text(frame.to_string())).await.map_err(|_| Ended::Broken)
    }
}

async fn connect(from: IpAddr, to: SocketAddr) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4().context("no socket")?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(SocketAddr::new(from, 0))?;
    let stream = socket.connect(to).await?;
    if stream.local_addr()? == stream.peer_addr()? {
        bail!("connected to itself");
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}
