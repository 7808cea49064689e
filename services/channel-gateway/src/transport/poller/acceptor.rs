//! The questions of a poller about new connections, and the answers.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use chat_events::ErrorBody;
use futures_util::future::BoxFuture;
use http_server::{ConnectionPermit, Refused};
use mio::net::TcpStream;

use super::{Limits, Peer};
use crate::transport::socket::Socket;

/// Decides about connections that come to a listener. Called on a poller's thread: it must not block.
pub trait Acceptor: Send + Sync {
    /// Whether there is room for a new connection. The permit is kept as long as the connection.
    fn admit(&self, address: SocketAddr) -> Result<ConnectionPermit, Refused>;

    /// The error for a connection that finds no room.
    fn refuse(&self, why: Refused) -> ErrorBody;

    /// Looks at the first bytes of a connection.
    fn look_at(&self, io: &TcpStream, address: SocketAddr) -> std::io::Result<FirstBytes>;

    /// Takes over a connection that asks for something else, or says nothing. Nothing was read from it.
    fn leave_to_http(&self, io: std::net::TcpStream, permit: ConnectionPermit);
}

/// The first bytes of a connection.
pub enum FirstBytes {
    /// Nothing yet.
    Nothing,
    /// Something else than a handshake.
    Http,
    /// A handshake, which was read.
    Upgrade {
        /// The decision, mostly there at once.
        decision: BoxFuture<'static, UpgradeOutcome>,
        /// Whether more may have come behind it.
        has_more: bool,
    },
}

/// The outcome of a handshake: a WebSocket, or an HTTP answer that refuses it.
pub(crate) type UpgradeOutcome = Result<UpgradeAccepted, Vec<u8>>;

/// How a WebSocket begins.
pub struct UpgradeAccepted {
    /// The HTTP answer, if it is still to be sent.
    pub answer: Bytes,
    /// Whether the answer may wait for the first frame, so that both are one packet. It does not wait long.
    pub waits_for_a_frame: bool,
    /// The limits of the connection.
    pub limits: Limits,
    /// Makes the peer behind the socket.
    pub make_peer: PeerFactory,
}

/// Called once, on the poller's thread.
pub(crate) type PeerFactory = Box<dyn FnOnce(&Arc<Socket>) -> Arc<dyn Peer> + Send>;
