//! The TCP connection behind an HTTP answer, for what HTTP has no words for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Weak};

use actix_http::Extensions;
use actix_rt::net::TcpStream;
use actix_web::HttpRequest;
use socket2::{SockRef, Socket};

use super::poller::SEND_BUFFER;

/// A second handle of a connection that actix serves.
pub(crate) struct PeerSocket(Socket);

thread_local! {
    /// Those that this thread serves, by their descriptors: one that is gone leaves its place to the next that gets it.
    static SERVED: RefCell<HashMap<RawFd, Weak<PeerSocket>>> = RefCell::default();
}

impl PeerSocket {
    /// Keeps a handle with the connection, for the requests that come on it.
    pub(crate) fn keep(stream: &TcpStream, connection: &mut Extensions) {
        match SockRef::from(stream).try_clone() {
            Ok(socket) => {
                let socket = Arc::new(Self(socket));
                SERVED.with_borrow_mut(|served| served.insert(socket.0.as_raw_fd(), Arc::downgrade(&socket)));
                connection.insert(socket);
            }
            Err(error) => tracing::warn!(%error, "a connection has no second handle"),
        }
    }

    /// On none of this thread's connections anything more is read: actix ends those that wait for a request, and the others
    /// when they have answered theirs.
    pub(crate) fn end_reading() {
        for socket in SERVED.take().into_values().filter_map(|socket| socket.upgrade()) {
            // It may have ended by itself.
            let _ = socket.0.shutdown(Shutdown::Read);
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
