//! One poller thread: its loop, its sockets and its wheel.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use actix_http::ws::OpCode;
use chat_events::frame::{CloseCode, ServerFrame};
use http_server::ConnectionPermit;
use http_server::connections::TRY_EVERY;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use telemetry::Vital;

use super::acceptor::UpgradeAccepted;
use super::entry::Entry;
use super::pending::{AcceptorHandle, Listening, PendingConnection};
use super::{Arrival, Command, SEND_BUFFER, ShardHandle};
use crate::transport::attention::Attention;
use crate::transport::codec::{self, Incoming, Violation};
use crate::transport::frames::Frame;
use crate::transport::socket::Socket;

const WAKER: Token = Token(usize::MAX);
pub(super) const LISTENER: Token = Token(usize::MAX - 1);
/// Of every socket, from its first event to its last.
pub(super) const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);
/// How often the wheel turns.
const TICK: Duration = Duration::from_secs(1);
/// A connection is looked at by the wheel once in so many ticks.
const SPOKES: usize = 5;
/// How long a peer may take to see a close through.
const CLOSE_GRACE: Duration = Duration::from_secs(3);
/// Reads from one socket before others get their turn, each of at most [`READ`] bytes.
const READS_PER_TURN: usize = 2;
const READ: usize = 64 * 1024;
/// Frames of one socket before others get their turn: the smallest are so many in one read that each thread would be kept
/// for milliseconds.
const FRAMES_PER_TURN: usize = 64;
/// A read of fewer bytes is a small piece of a frame.
const PIECE: usize = 512;
/// How long the answer to a handshake waits for the first frame, and how long a pending connection may say nothing.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Shard {
    pub(super) poll: Poll,
    pub(super) mailbox: ShardHandle,
    pub(super) slots: Slab<Slot>,
    buffer: Vec<u8>,
    /// Sockets with more to read than fitted in their turn: edge-triggered epoll will not name them again.
    unfinished: Vec<usize>,
    /// Guests that had said nothing, and sockets whose handshake was not answered, and since when.
    pub(super) patient: VecDeque<(Instant, usize)>,
    /// Sockets that came without proof, and when they must have brought it.
    unproved: VecDeque<(Instant, usize)>,
    /// Guests from the thread that accepts.
    pub(super) arrived: VecDeque<Arrival>,
    pub(super) acceptor: Option<AcceptorHandle>,
    /// One thread accepts for all.
    pub(super) listening: Option<Listening>,
    /// There may be more who can be accepted.
    pub(super) has_backlog: bool,
    /// Accepted, and there is no room yet.
    pub(super) waits_for_room: Option<(mio::net::TcpStream, SocketAddr, Instant)>,
    /// Nobody can be accepted until the wheel turns.
    pub(super) is_full: bool,
    ping: Frame,
    /// How often the wheel has turned.
    tick: u32,
    pub(super) open: Arc<AtomicUsize>,
}

/// The holder of a key.
pub(super) enum Slot {
    /// No WebSocket yet.
    Pending(PendingConnection),
    Open(Entry),
}

impl Shard {
    pub(super) fn start(index: usize, open: Arc<AtomicUsize>, vital: &Vital) -> std::io::Result<ShardHandle> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let handle = ShardHandle { attention: Attention::new(waker), commands: Arc::default(), load: Arc::default() };
        let shard = Self {
            poll,
            mailbox: handle.clone(),
            slots: Slab::new(),
            buffer: vec![0; READ],
            unfinished: Vec::new(),
            patient: VecDeque::new(),
            unproved: VecDeque::new(),
            arrived: VecDeque::new(),
            acceptor: None,
            listening: None,
            has_backlog: false,
            waits_for_room: None,
            is_full: false,
            ping: Frame::from(&ServerFrame::Ping {}),
            tick: 0,
            open,
        };
        let name = format!("poller-{index}");
        let guard = vital.guard(&name);
        std::thread::Builder::new().name(name).spawn(move || {
            // Without one of its pollers a process would look alive and be deaf.
            let _guard = guard;
            shard.run();
        })?;
        Ok(handle)
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut next_tick = Instant::now() + TICK;
        loop {
            let until_look = self.next_look(next_tick).saturating_duration_since(Instant::now());
            let wait = match self.unfinished.is_empty() && self.arrived.is_empty() {
                true if self.waits_for_room.is_some() => until_look.min(TRY_EVERY),
                true if !self.has_backlog => until_look,
                _ => Duration::ZERO,
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Ok(()) => {}
                Err(why) if why.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "a poller failed");
                    return;
                }
            }
            for key in std::mem::take(&mut self.unfinished) {
                if let Some(entry) = self.entry(key) {
                    entry.is_unfinished = false;
                }
                self.read(key);
            }
            for event in &events {
                match event.token() {
                    WAKER => {}
                    LISTENER => self.has_backlog = true,
                    _ => self.socket_event(event),
                }
            }
            if self.has_backlog {
                self.accept();
            }
            self.run_commands();
            self.begin_arrived();
            self.mailbox.load.store(self.slots.len() + self.arrived.len(), Ordering::Relaxed);
            let now = Instant::now();
            self.close_unproved(now);
            if now >= next_tick {
                next_tick += TICK;
                self.turn_wheel(now);
            }
        }
    }

    /// When there is something to do though nothing happens.
    fn next_look(&self, next_tick: Instant) -> Instant {
        self.unproved.front().map_or(next_tick, |(due, _)| next_tick.min(*due))
    }

    fn socket_event(&mut self, event: &mio::event::Event) {
        let key = event.token().0;
        if let Some(Slot::Pending(_)) = self.slots.get(key) {
            return self.look_at(key, event.is_read_closed());
        }
        if event.is_writable() {
            self.flush(key);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.read(key);
        }
    }

    fn run_commands(&mut self) {
        let commands = std::mem::take(&mut *self.mailbox.commands.lock().unwrap_or_else(PoisonError::into_inner));
        for command in commands {
            match command {
                Command::SetAcceptor(acceptor) => self.acceptor = Some(acceptor),
                Command::Listen(listener, shards) => self.listen(listener, shards),
                Command::StopListening => self.stop_listening(),
                Command::Accepted(arrival) => self.arrived.push_back(arrival),
                Command::Settle(key, outcome) => self.settle(key, outcome, true),
                Command::Admit(stream, permit, rest, accepted) => self.admit(stream, permit, &rest, accepted),
                Command::CloseAll(code) => self.close(code, |_| true),
                Command::CloseUnproved(code) => self.close(code, |entry| !entry.peer.is_proved()),
            }
        }
        for key in self.mailbox.attention.take() {
            self.attend(key);
        }
    }

    fn entry(&mut self, key: usize) -> Option<&mut Entry> {
        match self.slots.get_mut(key) {
            Some(Slot::Open(entry)) => Some(entry),
            Some(Slot::Pending(_)) | None => None,
        }
    }

    fn close(&self, code: CloseCode, concerns: impl Fn(&Entry) -> bool) {
        for (_, place) in &self.slots {
            if let Slot::Open(entry) = place
                && concerns(entry)
            {
                entry.socket.close_with(Some(code.code()), code.reason());
            }
        }
    }

    /// A handshake that HTTP has read is admitted at once.
    fn admit(&mut self, stream: TcpStream, permit: ConnectionPermit, rest: &[u8], accepted: UpgradeAccepted) {
        let key = self.slots.vacant_key();
        match self.begin(mio::net::TcpStream::from_std(stream), permit, key, false, accepted) {
            Ok(mut entry) => {
                entry.decoder.feed(rest);
                entry.has_leftover = true;
                self.slots.insert(Slot::Open(entry));
                self.read(key);
            }
            Err(error) => {
                tracing::error!(%error, "a socket cannot be polled");
                self.open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// A socket is polled by this key from now on, and gets its peer.
    pub(super) fn begin(
        &mut self,
        mut stream: mio::net::TcpStream,
        permit: ConnectionPermit,
        key: usize,
        is_polled: bool,
        accepted: UpgradeAccepted,
    ) -> std::io::Result<Entry> {
        if !is_polled {
            self.poll.registry().register(&mut stream, Token(key), INTEREST)?;
        }
        stream.set_nodelay(true)?;
        socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)?;
        let now = Instant::now();
        if accepted.waits_for_a_frame {
            self.patient.push_back((now, key));
        }
        let socket = Arc::new(Socket::new(stream, self.mailbox.attention.clone(), key));
        let prove_within = accepted.limits.prove_within;
        let entry = Entry::new(socket, permit, accepted, now);
        if let Some(within) = prove_within {
            // Counted from when its peer was made, as that counts too.
            self.unproved.push_back((Instant::now() + within, key));
        }
        Ok(entry)
    }

    /// A socket was closed from elsewhere, or its peer can take messages again.
    fn attend(&mut self, key: usize) {
        self.flush(key);
        let Some(entry) = self.entry(key) else { return };
        if entry.is_paused && entry.peer.is_ready() {
            entry.is_paused = false;
            entry.has_leftover = true;
            self.read(key);
        }
    }

    /// One turn of a socket: so much is read from it and served as leaves others their time.
    pub(super) fn read(&mut self, key: usize) {
        let mut frames = FRAMES_PER_TURN;
        if self.entry(key).is_some_and(|entry| std::mem::take(&mut entry.has_leftover)) {
            self.decode(key, &mut frames);
        }
        for _ in 0..READS_PER_TURN {
            let Some(Slot::Open(entry)) = self.slots.get_mut(key) else { return };
            if !entry.may_be_read() {
                break;
            }
            let portion = entry.portion(self.buffer.len());
            match entry.socket.stream().read(&mut self.buffer[..portion]) {
                Ok(0) => return self.remove(key, "peer gone"),
                Ok(length) => {
                    entry.came(&self.buffer[..length]);
                    self.decode(key, &mut frames);
                    self.count_piece(key, length);
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return,
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.remove(key, "peer gone"),
            }
        }
        if let Some(entry) = self.entry(key)
            && (entry.has_leftover || entry.may_be_read())
            && !std::mem::replace(&mut entry.is_unfinished, true)
        {
            self.unfinished.push(key);
        }
    }

    /// Serves whole frames, up to so many.
    fn decode(&mut self, key: usize, frames: &mut usize) {
        let second = self.tick;
        while let Some(entry) = self.entry(key) {
            if entry.is_paused || entry.is_broken {
                return;
            }
            let Some(left) = frames.checked_sub(1) else {
                entry.has_leftover = true;
                return;
            };
            let message = match entry.decoder.next_message() {
                Ok(None) => return entry.is_level(second),
                Ok(Some(message)) => message,
                Err(violation) => return self.violated(key, violation),
            };
            *frames = left;
            match message {
                Incoming::Close(code) => return self.peer_closed(key, code),
                // After a close nothing that the peer says matters, but its own close does.
                _ if entry.socket.ending().is_some() => {}
                Incoming::Ping(payload) if entry.peer.frame() => {
                    entry.socket.write(&codec::encode(OpCode::Pong, &payload));
                }
                Incoming::Pong(payload) => entry.pong(&payload),
                // Whether it was in time is asked of the whole message.
                Incoming::Ping(_) => {}
                Incoming::Part => drop(entry.peer.frame()),
                message => {
                    entry.is_whole();
                    entry.is_paused = !entry.peer.message(message, &entry.socket);
                }
            }
        }
    }

    /// A frame that comes in small pieces costs as much as so many frames.
    fn count_piece(&mut self, key: usize, length: usize) {
        if length < PIECE
            && let Some(entry) = self.entry(key)
            && entry.decoder.is_amid_a_frame()
            && entry.closing_until.is_none()
        {
            entry.peer.piece();
        }
    }

    /// The stream cannot be read on after a violation: the bytes that follow are not framed.
    fn violated(&mut self, key: usize, violation: Violation) {
        let Some(entry) = self.entry(key) else { return };
        let (code, reason) = entry.peer.violation(violation);
        entry.socket.close_with(Some(code), reason);
        entry.is_broken = true;
        entry.closing_until = Some(Instant::now() + CLOSE_GRACE);
        entry.socket.shut_down_if_flushed();
    }

    /// RFC 6455: the close is echoed, and the server closes the connection first.
    fn peer_closed(&mut self, key: usize, code: Option<u16>) {
        let Some(entry) = self.entry(key) else { return };
        entry.socket.close_with(code, "peer closed");
        self.flush(key);
        self.remove(key, "peer closed");
    }

    fn flush(&mut self, key: usize) {
        let Some(entry) = self.entry(key) else { return };
        entry.socket.flush();
        if entry.socket.ending().is_some() {
            entry.closing_until.get_or_insert_with(|| Instant::now() + CLOSE_GRACE);
            entry.socket.shut_down_if_flushed();
        }
    }

    fn remove(&mut self, key: usize, reason: &'static str) {
        let Some(Slot::Open(entry)) = self.slots.try_remove(key) else { return };
        let mut source = mio::unix::SourceFd(&std::os::fd::AsRawFd::as_raw_fd(entry.socket.stream()));
        if let Err(error) = self.poll.registry().deregister(&mut source) {
            tracing::debug!(%error, "a socket was not polled");
        }
        // A peer that only stopped writing still reads.
        entry.socket.answer_now();
        entry.socket.shut_down();
        entry.peer.gone(entry.socket.gone(reason));
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    fn turn_wheel(&mut self, now: Instant) {
        self.tick = self.tick.wrapping_add(1);
        self.wait_no_longer(now);
        // A connection that could not be accepted is tried again.
        self.is_full = false;
        self.has_backlog = self.listening.is_some();
        // Only the keys of this spoke: the others are not looked at, nor fetched from memory.
        for key in (self.tick as usize % SPOKES..self.slots.capacity()).step_by(SPOKES) {
            let Some(Slot::Open(entry)) = self.slots.get_mut(key) else { continue };
            if entry.check(now, self.tick, &self.ping) {
                self.remove(key, "no answer to close");
            }
        }
    }

    /// To the moment: the wheel alone would find them seconds late.
    fn close_unproved(&mut self, now: Instant) {
        while let Some((due, key)) = self.unproved.front().copied()
            && due <= now
        {
            self.unproved.pop_front();
            // Another connection may have the key by now: it is not concerned if its time is not over.
            if let Some(Slot::Open(entry)) = self.slots.get(key) {
                entry.close_if_overdue(now);
            }
            if self.unproved.is_empty() {
                self.unproved = VecDeque::new();
            }
        }
    }

    /// Another connection may have the key by now: it is only served the sooner.
    fn wait_no_longer(&mut self, now: Instant) {
        while let Some((since, key)) = self.patient.front().copied()
            && since + PATIENCE <= now
        {
            self.patient.pop_front();
            match self.slots.get(key) {
                Some(Slot::Open(entry)) => entry.socket.answer_now(),
                Some(Slot::Pending(pending)) if !pending.is_being_decided => self.leave_to_http(key),
                Some(Slot::Pending(_)) | None => {}
            }
        }
        if self.patient.is_empty() {
            self.patient = VecDeque::new();
        }
    }
}
