//! The threads that own all WebSockets: they read, flush what the kernel could not take at once, ping, and close.
//!
//! There is no task and no timer per connection. Each thread has one epoll set, one read buffer for all its sockets
//! and one wheel. What a peer says is handed to its [`Peer`], which must not wait.

use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_http::ws::OpCode;
use bytes::{Bytes, BytesMut};
use chat_events::frame::{CloseCode, ServerFrame};
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::attention::Attention;
use super::codec::{self, Decoder, Incoming, Violation};
use super::socket::{Ending, Socket};
use crate::frames::Frame;

const WAKER: Token = Token(usize::MAX);
/// How often the wheel turns.
const TICK: Duration = Duration::from_secs(1);
/// A connection is looked at by the wheel once in so many ticks.
const SPOKES: usize = 5;
/// How long a peer may take to see a close through.
const CLOSE_GRACE: Duration = Duration::from_secs(3);
/// Reads from one socket before others get their turn.
const READS_PER_TURN: usize = 8;
/// Kernel send buffer of a socket: without a bound the kernel takes megabytes for a client that reads nothing.
pub(super) const SEND_BUFFER: usize = 128 * 1024;

/// Whoever stands behind a socket. Called on a poller's thread: it must not block.
pub trait Peer: Send + Sync {
    /// A whole message came. False stops reading until [`Attention::ask`] is called.
    fn message(&self, incoming: Incoming, socket: &Arc<Socket>) -> bool;
    /// Whether it can take messages again.
    fn is_ready(&self) -> bool;
    /// Looked at every few seconds: a reason to close, such as a token whose time is over.
    fn overdue(&self, now: Instant) -> Option<CloseCode>;
    /// A ping was answered after this time.
    fn pinged(&self, took: Duration);
    /// The socket is gone.
    fn gone(&self, ending: Ending);
    /// The codes for a violation of the protocol.
    fn violation(&self, violation: Violation) -> (u16, &'static str) {
        let code = match violation {
            Violation::TooLarge => CloseCode::TooLarge,
            Violation::Protocol | Violation::NotUtf8 => CloseCode::BadFrame,
        };
        (code.code(), code.reason())
    }
}

/// What a connection allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a whole message.
    pub max_message: usize,
    /// Between two pings; after two unanswered ones the connection is closed.
    pub ping_interval: Duration,
}

/// All poller threads.
pub struct Pollers {
    shards: Vec<ShardHandle>,
    next: AtomicUsize,
    /// Sockets that were taken over and are not gone.
    open: Arc<AtomicUsize>,
}

/// One poller thread, as seen from others.
#[derive(Clone)]
struct ShardHandle {
    attention: Attention,
    commands: Arc<Mutex<Vec<Command>>>,
}

enum Command {
    Register(Entry),
    CloseAll(CloseCode),
}

struct Entry {
    socket: Arc<Socket>,
    peer: Arc<dyn Peer>,
    decoder: Decoder,
    limits: Limits,
    next_ping: Instant,
    unanswered: u8,
    closing_until: Option<Instant>,
    is_paused: bool,
    /// After a violation the stream is read to its end, but no longer understood.
    is_broken: bool,
    opened: Instant,
}

impl Pollers {
    /// Starts the threads. They end with the process.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let open = Arc::<AtomicUsize>::default();
        let shards =
            (0..threads.max(1)).map(|index| Shard::start(index, open.clone())).collect::<std::io::Result<_>>()?;
        Ok(Self { shards, next: AtomicUsize::new(0), open })
    }

    /// Takes a socket over, which does not block; `head` is what was read beyond the handshake.
    pub fn take_over(
        &self,
        stream: std::net::TcpStream,
        head: &[u8],
        limits: Limits,
        peer_of: impl FnOnce(&Arc<Socket>) -> Arc<dyn Peer>,
    ) -> std::io::Result<()> {
        socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)?;
        let shard = &self.shards[self.next.fetch_add(1, Ordering::Relaxed) % self.shards.len()];
        let socket = Arc::new(Socket::new(mio::net::TcpStream::from_std(stream), shard.attention.clone()));
        let peer = peer_of(&socket);
        let mut decoder = Decoder::new(limits.max_message);
        decoder.feed(head);
        let opened = Instant::now();
        self.open.fetch_add(1, Ordering::Relaxed);
        shard.command(Command::Register(Entry {
            socket,
            peer,
            decoder,
            limits,
            next_ping: opened + limits.ping_interval,
            unanswered: 0,
            closing_until: None,
            is_paused: false,
            is_broken: false,
            opened,
        }));
        Ok(())
    }

    /// Closes every socket, at once.
    pub fn close_all(&self, code: CloseCode) {
        for shard in &self.shards {
            shard.command(Command::CloseAll(code));
        }
    }

    /// How many sockets there are, those included that are closing.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl ShardHandle {
    fn command(&self, command: Command) {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        commands.push(command);
        let is_first = commands.len() == 1;
        drop(commands);
        // Whoever came before has woken it for all.
        if is_first {
            self.attention.wake();
        }
    }
}

struct Shard {
    poll: Poll,
    mailbox: ShardHandle,
    entries: Slab<Entry>,
    buffer: Vec<u8>,
    /// Sockets with more to read than fitted in their turn: edge-triggered epoll will not name them again.
    unfinished: Vec<usize>,
    ping: Frame,
    tick: usize,
    open: Arc<AtomicUsize>,
}

impl Shard {
    fn start(index: usize, open: Arc<AtomicUsize>) -> std::io::Result<ShardHandle> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let handle = ShardHandle { attention: Attention::new(waker), commands: Arc::default() };
        let shard = Self {
            poll,
            mailbox: handle.clone(),
            entries: Slab::new(),
            buffer: vec![0; 64 * 1024],
            unfinished: Vec::new(),
            ping: Frame::from(&ServerFrame::Ping {}),
            tick: 0,
            open,
        };
        std::thread::Builder::new().name(format!("poller-{index}")).spawn(move || shard.run())?;
        Ok(handle)
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut next_tick = Instant::now() + TICK;
        loop {
            let wait = match self.unfinished.is_empty() {
                true => next_tick.saturating_duration_since(Instant::now()),
                false => Duration::ZERO,
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
                self.read(key);
            }
            for event in &events {
                if event.token() != WAKER {
                    self.socket_event(event);
                }
            }
            self.run_commands();
            if Instant::now() >= next_tick {
                next_tick += TICK;
                self.turn_wheel();
            }
        }
    }

    fn socket_event(&mut self, event: &mio::event::Event) {
        let key = event.token().0;
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
                Command::Register(entry) => self.register(entry),
                Command::CloseAll(code) => self.close_all(code),
            }
        }
        for key in self.mailbox.attention.take() {
            self.attend(key);
        }
    }

    fn close_all(&self, code: CloseCode) {
        let sockets = self.entries.iter().map(|(_, entry)| &entry.socket);
        sockets.for_each(|socket| socket.close_with(Some(code.code()), code.reason()));
    }

    fn register(&mut self, entry: Entry) {
        let slot = self.entries.vacant_entry();
        let key = slot.key();
        let mut source = mio::unix::SourceFd(&std::os::fd::AsRawFd::as_raw_fd(entry.socket.stream()));
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut source, Token(key), interest) {
            tracing::error!(%error, "a socket cannot be polled");
            self.open.fetch_sub(1, Ordering::Relaxed);
            entry.peer.gone(entry.socket.gone("error"));
            return;
        }
        entry.socket.registered(key);
        slot.insert(entry);
        self.decode(key);
        self.attend(key);
    }

    /// A socket was closed by somebody, or its peer can take messages again.
    fn attend(&mut self, key: usize) {
        self.flush(key);
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.is_paused && entry.peer.is_ready() {
            entry.is_paused = false;
            self.decode(key);
            self.read(key);
        }
    }

    fn read(&mut self, key: usize) {
        for _ in 0..READS_PER_TURN {
            let Some(entry) = self.entries.get_mut(key) else { return };
            if entry.is_paused {
                return;
            }
            match (&mut entry.socket.stream()).read(&mut self.buffer) {
                Ok(0) => return self.remove(key, "peer gone"),
                Ok(_) if entry.is_broken => {}
                Ok(length) => {
                    entry.unanswered = 0;
                    entry.decoder.feed(&self.buffer[..length]);
                    self.decode(key);
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return,
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.remove(key, "peer gone"),
            }
        }
        self.unfinished.push(key);
    }

    fn decode(&mut self, key: usize) {
        while let Some(entry) = self.entries.get_mut(key) {
            if entry.is_paused {
                return;
            }
            match entry.decoder.next_message() {
                Ok(None) => return,
                Ok(Some(Incoming::Close(code))) => return self.peer_closed(key, code),
                // After a close nothing that the peer says matters, but its own close does.
                Ok(Some(_)) if entry.socket.ending().is_some() => {}
                Ok(Some(Incoming::Ping(payload))) => {
                    entry.socket.write(&codec::encode(OpCode::Pong, &payload));
                }
                Ok(Some(Incoming::Pong(payload))) => entry.pong(&payload),
                Ok(Some(message)) => entry.is_paused = !entry.peer.message(message, &entry.socket),
                Err(violation) => return self.violated(key, violation),
            }
        }
    }

    /// The stream cannot be read on after a violation: what follows is not framed.
    fn violated(&mut self, key: usize, violation: Violation) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let (code, reason) = entry.peer.violation(violation);
        entry.socket.close_with(Some(code), reason);
        entry.is_broken = true;
        entry.closing_until = Some(Instant::now() + CLOSE_GRACE);
        entry.socket.shut_down_if_flushed();
    }

    /// RFC 6455: the close is echoed, and the server closes the connection first.
    fn peer_closed(&mut self, key: usize, code: Option<u16>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.socket.close_with(code, "peer closed");
        self.flush(key);
        self.remove(key, "peer closed");
    }

    fn flush(&mut self, key: usize) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.socket.flush();
        if entry.socket.ending().is_some() {
            entry.closing_until.get_or_insert_with(|| Instant::now() + CLOSE_GRACE);
            entry.socket.shut_down_if_flushed();
        }
    }

    fn remove(&mut self, key: usize, reason: &'static str) {
        let Some(entry) = self.entries.try_remove(key) else { return };
        let mut source = mio::unix::SourceFd(&std::os::fd::AsRawFd::as_raw_fd(entry.socket.stream()));
        if let Err(error) = self.poll.registry().deregister(&mut source) {
            tracing::debug!(%error, "a socket was not polled");
        }
        entry.socket.shut_down();
        entry.peer.gone(entry.socket.gone(reason));
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    fn turn_wheel(&mut self) {
        self.tick = self.tick.wrapping_add(1);
        let now = Instant::now();
        // Only the keys of this spoke: the others are not looked at, nor fetched from memory.
        for key in (self.tick % SPOKES..self.entries.capacity()).step_by(SPOKES) {
            let Some(entry) = self.entries.get_mut(key) else { continue };
            if entry.check(now, &self.ping) {
                self.remove(key, "no answer to close");
            }
        }
    }
}

impl Entry {
    /// One look of the wheel. True when the socket has to go.
    fn check(&mut self, now: Instant, ping: &Frame) -> bool {
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

    fn pong(&self, payload: &Bytes) {
        let Ok(sent) = <[u8; 8]>::try_from(&payload[..]) else { return };
        let sent = Duration::from_micros(u64::from_be_bytes(sent));
        if let Some(took) = self.opened.elapsed().checked_sub(sent) {
            self.peer.pinged(took);
        }
    }
}
