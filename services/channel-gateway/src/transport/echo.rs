//! The codec alone: sends every message back. For runs of a WebSocket conformance suite, off unless asked for.

use std::sync::Arc;
use std::time::Duration;

use actix_http::ws::OpCode;

use super::codec::{self, Incoming, Violation};
use super::poller::{Limits, Peer};
use super::socket::Socket;

/// Where it is served.
pub(crate) const PATH: &str = "/channel/echo";
/// Conformance suites send messages of 16 MiB.
pub(crate) const LIMITS: Limits = Limits {
    max_message: 32 * 1024 * 1024,
    max_passed: 0,
    ping_interval: Duration::from_secs(3600),
    whole_within: Duration::from_secs(3600),
    prove_within: None,
};

/// Sends back what it gets.
pub(crate) struct Echo;

impl Peer for Echo {
    fn message(&self, incoming: Incoming, socket: &Arc<Socket>) -> bool {
        match incoming {
            Incoming::Text(text) => socket.write_unbounded(&codec::encode(OpCode::Text, text.as_bytes())),
            Incoming::Binary(bytes) => socket.write_unbounded(&codec::encode(OpCode::Binary, &bytes)),
            Incoming::Part | Incoming::TooLarge(_) => {}
            Incoming::Ping(_) | Incoming::Pong(_) | Incoming::Close(_) => {}
        }
        true
    }

    /// The codes of RFC 6455, which a conformance suite looks for.
    fn violation(&self, violation: Violation) -> (u16, &'static str) {
        match violation {
            Violation::Protocol => (1002, "protocol error"),
            Violation::NotUtf8 => (1007, "not UTF-8"),
            Violation::TooLarge => (1009, "too large"),
        }
    }
}
