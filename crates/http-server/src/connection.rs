//! One HTTP connection: its socket, and where it stands. actix reads and writes it through [`Io`](crate::io::Io); the service that
//! answers its requests says when one begins and ends; others may cut it.

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::net::TcpStream;

use crate::connections::{ConnectionPermit, Connections};
use crate::head::Head;

/// How long a request's head may take. actix measures the first one itself, and answers it.
pub(crate) const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a body may take, and one second more for each [`BYTES_PER_SECOND`] that came: a slow phone passes.
const BODY_WITHIN: Duration = Duration::from_secs(10);
const BYTES_PER_SECOND: u64 = 1024;
/// However much has come.
const BODY_AT_MOST: Duration = Duration::from_secs(60);
/// How long a peer may take no byte of an answer that is there for it.
const WRITE_WITHIN: Duration = Duration::from_secs(20);
/// The same of an event stream, whose queue has a bound of its own.
const STREAM_WRITE_WITHIN: Duration = Duration::from_secs(60);
/// How long the end of an answer is waited for to be read, by a peer that was not read to its own end.
const LINGER: Duration = Duration::from_secs(2);
/// The most bytes that are read and thrown away meanwhile.
const LINGER_BYTES: usize = 256 * 1024;
/// Over the bound of all unsent answers: how long one may make no progress, and how long it may take altogether.
const STALLED: Duration = Duration::from_millis(250);
const SLOW: Duration = Duration::from_secs(10);
/// The kernel's send buffer for a peer: without a bound it takes megabytes for a peer that reads nothing.
const SEND_BUFFER: usize = 256 * 1024;

/// A connection that HTTP serves.
#[derive(Debug)]
pub struct Connection {
    pub(crate) stream: TcpStream,
    peer: Option<SocketAddr>,
    state: Mutex<State>,
    permit: ConnectionPermit,
    _served: Served,
}

/// Its place among the connections that HTTP serves.
#[derive(Debug)]
struct Served {
    connections: Arc<Connections>,
    key: usize,
}

/// Bytes that its peer could read and does not.
#[derive(Debug)]
struct Waiting {
    connections: Arc<Connections>,
    /// The kernel did not take them.
    unsent: usize,
    /// They belong to the answer, and are not given to actix.
    answer: usize,
}

/// Where it stands.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// When the phase began; of a head, when its first byte came.
    pub(crate) since: Instant,
    pub(crate) head: Head,
    /// Bytes that were read behind the request that is being answered.
    pub(crate) held: Vec<u8>,
    /// Behind that, the peer's end was read.
    pub(crate) is_at_end: bool,
    /// The answer is for a peer that has not ended its side.
    pub(crate) ends_with_peer: bool,
    /// Bytes of the body that went with the head.
    pub(crate) with_head: u64,
    pub(crate) body: Option<Body>,
    /// actix waits to read on.
    pub(crate) reader: Option<Waker>,
    waiting: Waiting,
    /// Since when the kernel takes nothing.
    stalled: Option<Instant>,
    /// The number of bytes from the peer that nobody will read.
    pub(crate) wasted: usize,
    is_cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A request's head is awaited, or it comes.
    Head,
    /// actix was given a head, and has not yet called the service with it.
    Handed,
    /// The service answers. Its body may still be coming.
    Answering,
    /// The last byte of the answer may not be with the kernel.
    Answered,
    /// An event stream.
    Streaming,
    /// Nothing more is read: the request was answered before it was read.
    Over,
    /// The answer is sent; later bytes from the peer are thrown away for a while.
    Lingering,
}

/// A request's body that is not read to its end.
#[derive(Debug)]
pub(crate) struct Body {
    /// Bytes that actix was not given; none where only the end tells.
    pub(crate) left: Option<u64>,
    began: Instant,
    /// Bytes that it was given.
    pub(crate) came: u64,
    /// Of these, since the service was given something.
    pub(crate) ahead: usize,
    is_late: bool,
}

/// Why a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Head,
    Idle,
    Body,
    Writing,
    Lingering,
    Newcomer,
    Memory,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, permit: ConnectionPermit) -> Arc<Self> {
        let connections = permit.connections().clone();
        if let Err(error) = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER) {
            tracing::debug!(%error, "a send buffer keeps its size");
        }
        Arc::new_cyclic(|this| {
            let key = connections.serve(this.clone());
            let state = Mutex::new(State::new(connections.clone()));
            Self { peer: stream.peer_addr().ok(), stream, state, permit, _served: Served { connections, key } }
        })
    }

    /// Takes the socket out, and the bytes that were read and not handed over.
    pub(crate) fn into_parts(self) -> (TcpStream, ConnectionPermit, Vec<u8>) {
        let held = std::mem::take(&mut self.state().held);
        (self.stream, self.permit, held)
    }

    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    pub(crate) fn connections(&self) -> &Connections {
        self.permit.connections()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- calls of the service --------------------------------------------------------------------------------

    /// A request has begun; `body` is there when it has one, with its length if that is known.
    pub(crate) fn begin_request(&self, body: Option<Option<u64>>) {
        let mut state = self.state();
        let with_head = std::mem::take(&mut state.with_head);
        state.enter(Phase::Answering);
        state.ends_with_peer = false;
        state.body = body.map(|length| {
            let left = length.map(|length| length.saturating_sub(with_head));
            Body { left, began: Instant::now(), came: with_head, ahead: 0, is_late: false }
        });
        let wants_more = state.body.as_ref().is_some_and(|body| body.left != Some(0));
        if wants_more {
            state.wake_reader();
        }
    }

    /// The service was given some of the body.
    pub(crate) fn body_came(&self) {
        let mut state = self.state();
        if let Some(body) = &mut state.body {
            body.ahead = 0;
        }
        state.wake_reader();
    }

    /// The service was given all of it.
    pub(crate) fn body_ended(&self) {
        self.state().body = None;
    }

    /// Whether as much came as may without any of it being the body itself: chunks have extensions, and trailers.
    pub(crate) fn body_is_void(&self) -> bool {
        self.state().body.as_ref().is_some_and(|body| body.left.is_none() && body.room() == 0)
    }

    /// Whether the request was not read to its end, so that none can follow it.
    pub(crate) fn is_unread(&self) -> bool {
        self.state().is_unread()
    }

    /// The answer is with actix.
    pub(crate) fn end_answer(&self) {
        let mut state = self.state();
        state.waiting.set_answer(0);
        state.ends_with_peer = false;
        let next = if state.is_unread() { Phase::Over } else { Phase::Answered };
        if state.phase != Phase::Lingering {
            state.enter(next);
        }
        state.body = None;
        state.wake_reader();
    }

    /// So many bytes of the answer wait for earlier ones, given to actix, to be sent.
    pub(crate) fn answer_waits(&self, bytes: usize) {
        self.state().waiting.set_answer(bytes);
    }

    /// The answer is an event stream. It is over when its peer ends its own side: a peer that does not want to hear has
    /// no other way to say so. From now on the kernel takes no more for it than for a WebSocket.
    pub fn begin_stream(&self, send_buffer: usize) {
        if let Err(error) = SockRef::from(&self.stream).set_send_buffer_size(send_buffer) {
            tracing::debug!(%error, "a send buffer keeps its size");
        }
        let mut state = self.state();
        state.enter(Phase::Streaming);
        state.wake_reader();
    }

    /// The request that is being answered waits for something, and is not worth an answer once its peer has ended its side: then
    /// the connection ends, and the service's work on it is dropped. False if that is so already.
    #[must_use]
    pub fn end_with_peer(&self) -> bool {
        let mut state = self.state();
        state.ends_with_peer = true;
        state.wake_reader();
        !state.is_at_end
    }

    // --- sent bytes ------------------------------------------------------------------------------------------

    /// The kernel has taken some, and so many bytes are left.
    pub(crate) fn progressed(&self, left: usize) {
        let mut state = self.state();
        state.stalled = None;
        if state.waiting.unsent > 0 {
            state.waiting.set_unsent(left);
        }
    }

    /// The kernel takes none of so many bytes.
    pub(crate) fn stalled(&self, left: usize) {
        let now = Instant::now();
        let mut state = self.state();
        state.stalled.get_or_insert(now);
        state.waiting.set_unsent(left);
        drop(state);
        self.connections().relieve(now);
    }

    /// All that was written is with the kernel: after an answer the next request may be read.
    pub(crate) fn flushed(&self) {
        let mut state = self.state();
        state.stalled = None;
        state.waiting.set_unsent(0);
        if state.phase == Phase::Answered {
            state.enter(Phase::Head);
            if !state.held.is_empty() || state.is_at_end {
                state.wake_reader();
            }
        }
    }

    // --- its end ---------------------------------------------------------------------------------------------

    /// The reason to cut it, if there is one.
    pub(crate) fn overdue(&self, now: Instant) -> Option<Cut> {
        self.state().overdue(now)
    }

    /// Since when it waits for its peer, with nothing that the peer could miss.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        self.state().waits_since()
    }

    /// How many bytes it holds, if its peer reads slowly.
    pub(crate) fn slow_with(&self, now: Instant) -> Option<usize> {
        self.state().slow_with(now)
    }

    /// Ends it for an omission of its peer. A late body ends only the reading, so that the service can still say so.
    pub(crate) fn cut(&self, why: Cut) {
        {
            let mut state = self.state();
            match (why, &mut state.body) {
                (Cut::Body, Some(body)) => body.is_late = true,
                _ => state.is_cut = true,
            }
        }
        self.connections().count_cut(why);
        self.shut_down(if why == Cut::Body { Shutdown::Read } else { Shutdown::Both });
    }

    /// Ends it in favour of a newcomer.
    pub(crate) fn leave(&self) {
        self.permit.leave();
        self.cut(Cut::Newcomer);
    }

    /// Nothing more is read: idle connections end now, and the others when they have answered.
    pub(crate) fn end_reading(&self) {
        if self.state().phase != Phase::Streaming {
            self.shut_down(Shutdown::Read);
        }
    }

    /// Whether its peer has ended its side, or is gone: it may still read an answer, but may not have one that costs much.
    #[must_use]
    pub fn peer_has_ended(&self) -> bool {
        self.state().is_at_end
    }

    /// Ends the connection both ways, whatever is unsent.
    pub fn end(&self) {
        self.shut_down(Shutdown::Both);
    }

    fn shut_down(&self, how: Shutdown) {
        // It may have ended by itself.
        let _ = SockRef::from(&self.stream).shutdown(how);
    }

    /// Says that nothing more will be sent, and waits a moment for the peer to read the answer: closed with bytes
    /// unread, the kernel would throw the answer away.
    pub(crate) fn poll_linger(&self, context: &mut Context<'_>, must_wait: bool) -> Poll<()> {
        let mut state = self.state();
        if state.phase != Phase::Lingering {
            let must_wait = must_wait || state.phase == Phase::Over || !state.held.is_empty();
            state.enter(Phase::Lingering);
            state.wasted = usize::from(must_wait);
            drop(state);
            self.shut_down(Shutdown::Write);
            state = self.state();
        }
        loop {
            let readable = self.stream.poll_read_ready(context);
            if readable.is_pending() && state.wasted == 0 {
                return Poll::Ready(());
            }
            if ready!(readable).is_err() {
                return Poll::Ready(());
            }
            match self.stream.try_read(&mut [0; 4096]) {
                Ok(0) => return Poll::Ready(()),
                Ok(length) if state.wasted + length > LINGER_BYTES => return Poll::Ready(()),
                Ok(length) => state.wasted += length,
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(()),
            }
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.connections.forget(self.key);
    }
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.unsent + self.answer
    }

    fn set_unsent(&mut self, bytes: usize) {
        self.connections.unsent_changes(self.unsent, bytes);
        self.unsent = bytes;
    }

    fn set_answer(&mut self, bytes: usize) {
        self.connections.unsent_changes(self.answer, bytes);
        self.answer = bytes;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.connections.unsent_changes(self.bytes(), 0);
    }
}

impl State {
    fn new(connections: Arc<Connections>) -> Self {
        Self {
            phase: Phase::Head,
            since: Instant::now(),
            head: Head::default(),
            held: Vec::new(),
            is_at_end: false,
            ends_with_peer: false,
            with_head: 0,
            body: None,
            reader: None,
            waiting: Waiting { connections, unsent: 0, answer: 0 },
            stalled: None,
            wasted: 0,
            is_cut: false,
        }
    }

    pub(crate) fn enter(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, Instant::now());
    }

    /// actix cannot read on yet.
    pub(crate) fn reader_waits<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        match &mut self.reader {
            Some(reader) => reader.clone_from(context.waker()),
            None => self.reader = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn is_unread(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.left != Some(0) || body.is_late)
    }

    fn overdue(&self, now: Instant) -> Option<Cut> {
        let is_over = |since: Instant, within: Duration| now.saturating_duration_since(since) >= within;
        let write_within = if self.phase == Phase::Streaming { STREAM_WRITE_WITHIN } else { WRITE_WITHIN };
        if self.is_cut {
            return None;
        }
        if self.stalled.is_some_and(|since| is_over(since, write_within)) {
            return Some(Cut::Writing);
        }
        match (self.phase, &self.body) {
            // actix's own clock goes first.
            (Phase::Head, _) if self.head.has_begun() => is_over(self.since, HEAD_WITHIN + LINGER).then_some(Cut::Head),
            (Phase::Handed, _) => is_over(self.since, HEAD_WITHIN + LINGER).then_some(Cut::Head),
            (Phase::Head, _) => is_over(self.since, KEEP_ALIVE + LINGER).then_some(Cut::Idle),
            (Phase::Answering, Some(body)) if body.left != Some(0) && !body.is_late => {
                is_over(body.began, body.within()).then_some(Cut::Body)
            }
            (Phase::Lingering, _) => is_over(self.since, LINGER).then_some(Cut::Lingering),
            _ => None,
        }
    }

    fn waits_since(&self) -> Option<Instant> {
        let waits_for_body = self.body.as_ref().is_some_and(|body| body.left != Some(0));
        let waits = match self.phase {
            Phase::Head | Phase::Handed | Phase::Over | Phase::Lingering => true,
            Phase::Answering => waits_for_body || self.stalled.is_some(),
            Phase::Answered => self.stalled.is_some(),
            Phase::Streaming => false,
        };
        (waits && !self.is_cut).then_some(self.since)
    }

    fn slow_with(&self, now: Instant) -> Option<usize> {
        let stalled = self.stalled.is_some_and(|since| now.saturating_duration_since(since) >= STALLED);
        let is_slow = stalled || now.saturating_duration_since(self.since) >= SLOW;
        Some(self.waiting.bytes()).filter(|bytes| *bytes > 0 && is_slow && !self.is_cut)
    }
}

impl Body {
    fn within(&self) -> Duration {
        (BODY_WITHIN + Duration::from_secs(self.came / BYTES_PER_SECOND)).min(BODY_AT_MOST)
    }

    /// How much more actix may be given now. Where only the end tells, as much as chunks may have around the body.
    pub(crate) fn room(&self) -> usize {
        const MAX_AHEAD: usize = 4096;
        match self.left {
            Some(left) => usize::try_from(left).unwrap_or(usize::MAX),
            None => MAX_AHEAD.saturating_sub(self.ahead),
        }
    }

    /// It was not there in time.
    pub(crate) fn is_late(&self) -> bool {
        self.is_late
    }

    /// actix was given so many bytes.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.came += bytes as u64;
        self.ahead += bytes;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(bytes as u64);
        }
    }
}

impl Cut {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Body => "body",
            Self::Writing => "writing",
            Self::Lingering => "lingering",
            Self::Newcomer => "newcomer",
            Self::Memory => "memory",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> State {
        State::new(Connections::new(crate::HttpConfig::default(), false, &telemetry::Metrics::new()))
    }

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[test]
    fn a_body_that_comes_slowly_but_does_come_is_waited_for() {
        let mut state = fresh();
        state.enter(Phase::Answering);
        state.body = Some(Body { left: Some(40_000), began: Instant::now(), came: 0, ahead: 0, is_late: false });
        assert_eq!((state.overdue(after(9)), state.overdue(after(11))), (None, Some(Cut::Body)));
        // A phone at the edge of its network: 2.5 KB in a second.
        state.body.as_mut().expect("a body").take(25_000);
        assert_eq!((state.overdue(after(30)), state.overdue(after(61))), (None, Some(Cut::Body)));
        state.body.as_mut().expect("a body").take(15_000);
        assert_eq!(state.overdue(after(61)), None);
    }

    #[test]
    fn a_connection_that_answers_or_streams_does_not_give_way() {
        let mut state = fresh();
        assert!(state.waits_since().is_some());
        state.enter(Phase::Answering);
        assert!(state.waits_since().is_none());
        state.body = Some(Body { left: Some(1), began: Instant::now(), came: 0, ahead: 0, is_late: false });
        assert!(state.waits_since().is_some());
        state.enter(Phase::Streaming);
        assert!(state.waits_since().is_none() && state.overdue(after(3600)).is_none());
    }

    #[test]
    fn an_answer_that_is_not_taken_and_a_head_that_does_not_end_are_not_waited_for() {
        let mut state = fresh();
        assert_eq!((state.overdue(after(70)), state.overdue(after(80))), (None, Some(Cut::Idle)));
        assert_eq!(state.head.end_in(b"GET / HTTP/1.1\r\n"), None);
        assert_eq!((state.overdue(after(9)), state.overdue(after(13))), (None, Some(Cut::Head)));
        state.enter(Phase::Answering);
        state.stalled = Some(Instant::now());
        assert_eq!((state.overdue(after(19)), state.overdue(after(21))), (None, Some(Cut::Writing)));
    }
}
