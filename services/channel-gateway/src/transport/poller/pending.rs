//! Connections that are accepted and are no WebSockets yet, and the findings about them.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_server::ConnectionPermit;
use mio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

use super::ShardHandle;
use super::acceptor::{Acceptor, FirstBytes, UpgradeOutcome};

/// The acceptor that is asked about pending connections.
#[derive(Clone)]
pub(super) struct AcceptorHandle {
    pub(super) acceptor: Arc<dyn Acceptor>,
    /// The runtime of decisions that take a while.
    pub(super) runtime: Handle,
}

/// The acceptor's finding about a pending connection.
pub(super) enum Found {
    /// It has said nothing.
    Nothing,
    Http,
    /// Its handshake is decided, and there may be more behind it.
    Decided(UpgradeOutcome, bool),
    /// Its handshake is read, and takes a while.
    Undecided(BoxFuture<'static, UpgradeOutcome>),
}

impl AcceptorHandle {
    pub(super) fn ask(&self, stream: &TcpStream, address: SocketAddr) -> std::io::Result<Found> {
        let (mut decision, has_more) = match self.acceptor.look_at(stream, address)? {
            FirstBytes::Nothing => return Ok(Found::Nothing),
            FirstBytes::Http => return Ok(Found::Http),
            FirstBytes::Upgrade { decision, has_more } => (decision, has_more),
        };
        let _inside = self.runtime.enter();
        Ok(match (&mut decision).now_or_never() {
            Some(outcome) => Found::Decided(outcome, has_more),
            None => Found::Undecided(decision),
        })
    }
}

/// Where pending connections come from.
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    /// The threads that share them; the first is the thread itself.
    pub(super) shards: Vec<ShardHandle>,
}

/// A connection that is not decided yet.
pub(super) struct PendingConnection {
    /// Taken out when its outcome is known.
    pub(super) stream: Option<(TcpStream, ConnectionPermit)>,
    pub(super) address: SocketAddr,
    pub(super) is_polled: bool,
    /// Its handshake was read, and is being decided.
    pub(super) is_being_decided: bool,
}
