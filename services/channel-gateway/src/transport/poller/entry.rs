//! One WebSocket in a poller's slab.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::ws::OpCode;
use bytes::{Bytes, BytesMut};
use chat_events::frame::CloseCode;
use http_server::ConnectionPermit;

use super::door::Admission;
use super::{Limits, Peer};
use crate::frames::Frame;
use crate::transport::codec::{self, Decoder};
use crate::transport::socket::Socket;

pub(super) struct Entry {
    pub(super) socket: Arc<Socket>,
    pub(super) peer: Arc<dyn Peer>,
    pub(super) decoder: Decoder,
    limits: Limits,
    next_ping: Instant,
    /// Pings that nothing came after.
    pub(super) unanswered: u8,
    pub(super) closing_until: Option<Instant>,
    pub(super) is_paused: bool,
    /// It is in the list of those with more to read.
    pub(super) is_unfinished: bool,
    /// After a violation the stream is read to its end, but no longer understood.
    pub(super) is_broken: bool,
    opened: Instant,
    /// It is counted as long as it is here.
    _permit: ConnectionPermit,
}

impl Entry {
    pub(super) fn new(socket: Arc<Socket>, permit: ConnectionPermit, admission: Admission, now: Instant) -> Self {
        let Admission { answer, waits_for_a_frame, limits, peer_of } = admission;
        // Before there is anybody who could write.
        socket.answer(&answer, waits_for_a_frame);
        Self {
            peer: peer_of(&socket),
            socket,
            decoder: Decoder::new(limits.max_message),
            limits,
            next_ping: now + limits.ping_interval,
            unanswered: 0,
            closing_until: None,
            is_paused: false,
            is_unfinished: false,
            is_broken: false,
            opened: now,
            _permit: permit,
        }
    }

    /// One look of the wheel. True when the socket has to go.
    pub(super) fn check(&mut self, now: Instant, ping: &Frame) -> bool {
        if let Some(until) = self.closing_until {
            return now >= until;
        }
        if let Some(code) = self.peer.overdue(now) {
            self.socket.close_with(Some(code.code()), code.reason());
        } else if now >= self.next_ping {
            self.ping(now, ping);
        }
        false
    }

    /// A ping frame of RFC 6455, which every WebSocket answers by itself, and one in JSON, which a browser's page can
    /// see. Anything that comes back counts.
    fn ping(&mut self, now: Instant, ping: &Frame) {
        if self.unanswered >= 2 {
            let code = CloseCode::Idle;
            return self.socket.close_with(Some(code.code()), code.reason());
        }
        self.unanswered += 1;
        self.next_ping = now + self.limits.ping_interval;
        let micros = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut wire = BytesMut::from(&codec::encode(OpCode::Ping, &micros.to_be_bytes())[..]);
        wire.extend_from_slice(ping.wire());
        self.socket.write(&wire.freeze());
    }

    pub(super) fn pong(&self, payload: &Bytes) {
        let Ok(sent) = <[u8; 8]>::try_from(&payload[..]) else { return };
        let sent = Duration::from_micros(u64::from_be_bytes(sent));
        if let Some(took) = self.opened.elapsed().checked_sub(sent) {
            self.peer.pinged(took);
        }
    }
}
