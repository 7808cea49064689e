//! One WebSocket in a poller's slab.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::ws::OpCode;
use bytes::{Bytes, BytesMut};
use chat_events::frame::CloseCode;
use http_server::ConnectionPermit;

use super::Peer;
use super::acceptor::UpgradeAccepted;
use crate::transport::codec::{self, Decoder};
use crate::transport::frames::Frame;
use crate::transport::socket::Socket;

/// Bytes that are kept of a connection that has not proved its owner: as much as a first frame needs.
const MAX_UNPROVED: usize = 16 * 1024;
/// Reads after a close. Its peer may have much on the way, and should see the close; it need not be read for ever.
const LAST_READS: u8 = 16;

pub(super) struct Entry {
    pub(super) socket: Arc<Socket>,
    pub(super) peer: Arc<dyn Peer>,
    pub(super) decoder: Decoder,
    ping_interval: Duration,
    /// In seconds.
    whole_within: u32,
    next_ping: Instant,
    /// Pings that nothing came after.
    pub(super) unanswered: u8,
    /// Pings that may still be answered by a pong.
    pongs_due: u8,
    /// The second in which a message began that is not whole yet.
    begun: Option<u32>,
    pub(super) closing_until: Option<Instant>,
    pub(super) is_paused: bool,
    /// It is in the list of entries with more to read.
    pub(super) is_unfinished: bool,
    /// There were more frames in the last read than fitted in its turn.
    pub(super) has_leftover: bool,
    /// It has not proved its owner, as far as is known here.
    pub(super) is_unproved: bool,
    last_reads: u8,
    /// After a violation the stream is read to its end, but no longer understood.
    pub(super) is_broken: bool,
    opened: Instant,
    /// It is counted as long as it is here.
    _permit: ConnectionPermit,
}

impl Entry {
    pub(super) fn new(socket: Arc<Socket>, permit: ConnectionPermit, accepted: UpgradeAccepted, now: Instant) -> Self {
        let UpgradeAccepted { answer, waits_for_a_frame, limits, make_peer } = accepted;
        // Before there is anybody who could write.
        socket.answer(&answer, waits_for_a_frame);
        Self {
            peer: make_peer(&socket),
            socket,
            decoder: Decoder::new(limits.max_message).passing_over(limits.max_passed),
            ping_interval: limits.ping_interval,
            whole_within: u32::try_from(limits.whole_within.as_secs()).unwrap_or(u32::MAX),
            next_ping: now + limits.ping_interval,
            unanswered: 0,
            pongs_due: 0,
            begun: None,
            closing_until: None,
            is_paused: false,
            is_unfinished: false,
            has_leftover: false,
            is_unproved: limits.prove_within.is_some(),
            last_reads: LAST_READS,
            is_broken: false,
            opened: now,
            _permit: permit,
        }
    }

    /// One look of the wheel, in this second of its life. True when the socket has to go.
    pub(super) fn check(&mut self, now: Instant, second: u32, ping: &Frame) -> bool {
        if let Some(until) = self.closing_until {
            return now >= until;
        }
        if self.close_if_overdue(now) {
            return false;
        }
        if self.begun.is_some_and(|begun| second.wrapping_sub(begun) >= self.whole_within) {
            self.close(CloseCode::Idle);
        } else if now >= self.next_ping {
            self.ping(now, ping);
        }
        false
    }

    /// A token's time may be over, or that to bring one. Whether it is.
    pub(super) fn close_if_overdue(&self, now: Instant) -> bool {
        let overdue = self.peer.overdue(now);
        if let Some(code) = overdue {
            self.close(code);
        }
        overdue.is_some()
    }

    fn close(&self, code: CloseCode) {
        self.socket.close_with(Some(code.code()), code.reason());
    }

    /// Whether something may be read from it.
    pub(super) fn may_be_read(&self) -> bool {
        !self.is_paused && !self.has_leftover && (self.closing_until.is_none() || self.last_reads > 0)
    }

    /// How much is read at once at most: of a stranger less, since it may not be kept.
    pub(super) fn portion(&mut self, most: usize) -> usize {
        if self.is_unproved && self.peer.is_proved() {
            self.is_unproved = false;
        }
        if self.is_unproved { most.min(MAX_UNPROVED / 4) } else { most }
    }

    /// So many bytes came.
    pub(super) fn came(&mut self, bytes: &[u8]) {
        if self.closing_until.is_some() {
            self.last_reads = self.last_reads.saturating_sub(1);
        }
        if !self.is_broken {
            self.unanswered = 0;
            self.decoder.feed(bytes);
        }
    }

    /// A message is whole, so that the time of the next begins anew.
    pub(super) fn is_whole(&mut self) {
        self.begun = None;
    }

    /// All that came whole is served, in this second of the wheel.
    pub(super) fn is_level(&mut self, second: u32) {
        let kept = self.decoder.buffered();
        if kept == 0 {
            self.begun = None;
        } else {
            self.begun.get_or_insert(second);
        }
        if self.is_unproved && kept > MAX_UNPROVED {
            self.is_paused = self.peer.waits_for_proof();
            self.is_unproved = self.is_paused;
        }
    }

    /// A ping frame of RFC 6455, which every WebSocket answers by itself, and one in JSON, which a browser's page can
    /// see. Anything that comes back counts.
    fn ping(&mut self, now: Instant, ping: &Frame) {
        if self.unanswered >= 2 {
            return self.close(CloseCode::Idle);
        }
        self.unanswered += 1;
        self.pongs_due = self.pongs_due.saturating_add(1);
        self.next_ping = now + self.ping_interval;
        let micros = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut wire = BytesMut::from(&codec::encode(OpCode::Ping, &micros.to_be_bytes())[..]);
        wire.extend_from_slice(ping.wire());
        self.socket.write(&wire.freeze());
    }

    /// A pong that nobody asked for counts like any frame.
    pub(super) fn pong(&mut self, payload: &Bytes) {
        match self.pongs_due.checked_sub(1) {
            Some(due) => self.pongs_due = due,
            None if !self.peer.frame() => return,
            None => {}
        }
        let Ok(sent) = <[u8; 8]>::try_from(&payload[..]) else { return };
        let sent = Duration::from_micros(u64::from_be_bytes(sent));
        if let Some(took) = self.opened.elapsed().checked_sub(sent) {
            self.peer.pinged(took);
        }
    }
}
