//! The TCP connection behind an HTTP answer, for what HTTP has no words for.

use std::net::Shutdown;
use std::sync::Arc;

use actix_http::Extensions;
use actix_rt::net::TcpStream;
use actix_web::HttpRequest;
use socket2::{SockRef, Socket};

use super::poller::SEND_BUFFER;

/// A second handle of a connection that actix serves.
pub(crate) struct PeerSocket(Socket);

impl PeerSocket {
    /// Keeps a handle with the connection, for the requests that come on it.
    pub(crate) fn keep(stream: &TcpStream, connection: &mut Extensions) {
        match SockRef::from(stream).try_clone() {
            Ok(socket) => {
                connection.insert(Arc::new(Self(socket)));
            }
            Err(error) => tracing::warn!(%error, "a connection has no second handle"),
        }
    }

    /// The connection that a request came on. From now on the kernel takes no more for it than for a WebSocket.
    pub(super) fn of(request: &HttpRequest) -> Option<Arc<Self>> {
        let socket = request.conn_data::<Arc<Self>>().cloned()?;
        if let Err(error) = socket.0.set_send_buffer_size(SEND_BUFFER) {
            tracing::debug!(%error, "a send buffer keeps its size");
        }
        Some(socket)
    }

    /// Ends the connection both ways, whatever is unsent.
    pub(super) fn cut(&self) {
        // It may have ended by itself.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
