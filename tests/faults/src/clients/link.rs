//! One connection of a client, whatever carries it, and how it ended.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::event_stream::EventStream;
use super::websocket::Socket;
use crate::frame::Incoming;
use crate::record::Transport;

/// A handshake that takes longer is given up.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(4);

/// An open connection.
pub(crate) enum Link {
    WebSocket(Box<Socket>),
    EventStream(Box<EventStream>),
}

/// Where a connection is opened.
pub(crate) struct Target<'a> {
    pub(crate) from: IpAddr,
    pub(crate) to: SocketAddr,
    /// Path and query.
    pub(crate) path: &'a str,
    /// For `Last-Event-ID`.
    pub(crate) last_event_id: Option<&'a str>,
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The network, or what looks like it.
    Broken,
    /// With a close code of the protocol that allows another try.
    Closed(u16),
    /// A fresh token is needed.
    TokenExpired,
    /// It is told never to come again: its code or status, and what was said.
    Final(String),
    /// The client itself had enough of it.
    GivenUp,
}

impl Ended {
    pub(crate) fn closed(code: u16, reason: &str) -> Self {
        match code {
            4001 => Self::TokenExpired,
            4500..=4599 => Self::Final(format!("closed with {code} {reason}")),
            _ => Self::Closed(code),
        }
    }

    pub(crate) fn refused(status: u16, body: &str) -> Self {
        match status {
            401 if body.contains("token_expired") => Self::TokenExpired,
            400..=499 if status != 429 => Self::Final(format!("refused with {status} {body}")),
            _ => Self::Broken,
        }
    }
}

impl Link {
    pub(crate) async fn open(transport: Transport, target: Target<'_>) -> Result<Self, Ended> {
        let opening = async {
            match transport {
                Transport::WebSocket => {
                    let socket = Socket::open(target.from, target.to, target.path).await?;
                    Ok(Self::WebSocket(Box::new(socket)))
                }
                Transport::EventStream => Ok(Self::EventStream(Box::new(EventStream::open(target).await?))),
            }
        };
        timeout(HANDSHAKE_PATIENCE, opening).await.unwrap_or(Err(Ended::Broken))
    }

    /// The next frame; none for a sign of life. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<Incoming>, Ended> {
        let text = match self {
            Self::WebSocket(socket) => Some(socket.next().await?),
            Self::EventStream(stream) => stream.next().await?,
        };
        let parse = |text: String| {
            serde_json::from_str(&text)
                .map_err(|why| Ended::Final(format!("not a frame of the protocol: {why}: {text}")))
        };
        text.map(parse).transpose()
    }

    /// Sends a frame; an event stream has no way to.
    pub(crate) async fn send(&mut self, frame: &Value) -> Result<(), Ended> {
        match self {
            Self::WebSocket(socket) => {
                timeout(HANDSHAKE_PATIENCE, socket.send(frame)).await.unwrap_or(Err(Ended::Broken))
            }
            Self::EventStream(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_final_codes_and_refusals_are_final() {
        assert_eq!(Ended::closed(4004, "restart"), Ended::Closed(4004));
        assert_eq!(Ended::closed(4001, ""), Ended::TokenExpired);
        assert!(matches!(Ended::closed(4501, "revoked"), Ended::Final(_)));
        assert_eq!(Ended::refused(503, ""), Ended::Broken);
        assert_eq!(Ended::refused(429, ""), Ended::Broken);
        assert!(matches!(Ended::refused(404, ""), Ended::Final(_)));
        assert_eq!(Ended::refused(401, r#"{"error": {"code": "token_expired"}}"#), Ended::TokenExpired);
    }
}
