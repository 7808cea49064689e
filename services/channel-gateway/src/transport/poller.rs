//! The threads that own all WebSockets: they accept, read, flush what the kernel could not take at once, ping, and close.
//!
//! There is no task and no timer per connection. Each thread has one epoll set, one read buffer for all its sockets and
//! one wheel (`shard`). New connections are looked at there too (`accepting`, [`acceptor`]), so that a handshake costs
//! no way from thread to thread. A peer's messages are handed to its [`Peer`], which must not wait.

mod accepting;
pub(crate) mod acceptor;
mod entry;
mod pending;
mod shard;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_events::frame::CloseCode;
use http_server::ConnectionPermit;
use telemetry::Vital;
use tokio::runtime::Handle;

use self::acceptor::{Acceptor, UpgradeAccepted, UpgradeOutcome};
use self::pending::AcceptorHandle;
use self::shard::Shard;
use super::attention::Attention;
use super::codec::{Incoming, Violation};
use super::socket::{Ending, Socket};

/// Kernel send buffer of a socket: without a bound the kernel takes megabytes for a client that reads nothing.
pub(super) const SEND_BUFFER: usize = 128 * 1024;

/// The peer behind a socket. Called on a poller's thread: it must not block.
pub trait Peer: Send + Sync {
    /// A whole message came, or one that is too large. False stops reading until [`Attention::ask`] is called.
    fn message(&self, incoming: Incoming, socket: &Arc<Socket>) -> bool;

    /// A ping came, a pong that nobody asked for, or a part of a message. False when it came too soon: a ping is not
    /// answered then.
    fn frame(&self) -> bool {
        true
    }

    /// A few bytes came of a frame that is not whole.
    fn piece(&self) {}

    /// Whether it can take messages again.
    fn is_ready(&self) -> bool {
        true
    }

    /// Whether it has said whose it is.
    fn is_proved(&self) -> bool {
        true
    }

    /// It sends more than it may before it has said whose it is. True when no more is to be read until [`Attention::ask`] is
    /// called.
    fn waits_for_proof(&self) -> bool {
        false
    }

    /// Looked at every few seconds, and when [`Limits::prove_within`] is over: a reason to close, such as a token whose time
    /// is over.
    fn overdue(&self, _now: Instant) -> Option<CloseCode> {
        None
    }

    /// A ping was answered after this time.
    fn pinged(&self, _took: Duration) {}

    /// The socket is gone.
    fn gone(&self, _ending: Ending) {}

    /// The codes for a violation of the protocol.
    fn violation(&self, violation: Violation) -> (u16, &'static str) {
        let code = match violation {
            Violation::TooLarge => CloseCode::TooLarge,
            Violation::Protocol | Violation::NotUtf8 => CloseCode::BadFrame,
        };
        (code.code(), code.reason())
    }
}

/// The limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a whole message.
    pub max_message: usize,
    /// A larger one is passed over up to so many bytes; beyond them it ends the connection.
    pub max_passed: usize,
    /// Between two pings; after two unanswered ones the connection is closed.
    pub ping_interval: Duration,
    /// How long a message may take to come whole, in seconds.
    pub whole_within: Duration,
    /// How long it may take to say whose it is, if it has not.
    pub prove_within: Option<Duration>,
}

/// All poller threads.
pub struct Pollers {
    shards: Vec<ShardHandle>,
    /// Sockets that are WebSockets and are not gone.
    open: Arc<AtomicUsize>,
}

/// One poller thread, as seen from others.
#[derive(Clone)]
struct ShardHandle {
    attention: Attention,
    commands: Arc<Mutex<Vec<Command>>>,
    /// How many it has, of a moment ago.
    load: Arc<AtomicUsize>,
}

/// A connection that was accepted.
struct Arrival {
    stream: mio::net::TcpStream,
    address: SocketAddr,
    permit: ConnectionPermit,
}

enum Command {
    /// From now on this acceptor looks at new connections.
    SetAcceptor(AcceptorHandle),
    /// Accept, and share new connections among these threads, of which the first is the thread itself.
    Listen(TcpListener, Vec<ShardHandle>),
    StopListening,
    /// A new connection that was given to this thread.
    Accepted(Arrival),
    /// The outcome of a pending connection.
    Settle(usize, UpgradeOutcome),
    /// A socket whose handshake HTTP has read, with the bytes that came behind it.
    Admit(TcpStream, ConnectionPermit, Vec<u8>, UpgradeAccepted),
    CloseAll(CloseCode),
    CloseUnproved(CloseCode),
}

impl Pollers {
    /// Starts the threads. They end with the process, and it with them.
    pub fn start(threads: usize, vital: &Vital) -> std::io::Result<Self> {
        let open = Arc::<AtomicUsize>::default();
        let shards = (0..threads.max(1))
            .map(|index| Shard::start(index, open.clone(), vital))
            .collect::<std::io::Result<_>>()?;
        Ok(Self { shards, open })
    }

    /// Has the threads accept and ask `acceptor` about every connection. A decision that takes a while runs on
    /// `runtime`.
    pub fn listen(&self, listener: TcpListener, acceptor: &Arc<dyn Acceptor>, runtime: &Handle) -> std::io::Result<()> {
        listener.set_nonblocking(true)?;
        for shard in &self.shards {
            shard
                .command(Command::SetAcceptor(AcceptorHandle { acceptor: acceptor.clone(), runtime: runtime.clone() }));
        }
        self.shards[0].command(Command::Listen(listener, self.shards.clone()));
        Ok(())
    }

    /// No connection is accepted any more, and one that has not shown a handshake by now is left to HTTP.
    pub fn stop_listening(&self) {
        // It tells the others when it has passed on the connections that it has accepted.
        self.shards[0].command(Command::StopListening);
    }

    /// Takes over a socket that does not block; `rest` holds the bytes that were read beyond the handshake.
    pub fn take_over(&self, stream: TcpStream, permit: ConnectionPermit, rest: &[u8], accepted: UpgradeAccepted) {
        let shard = self.shards.iter().min_by_key(|shard| shard.load()).unwrap_or(&self.shards[0]);
        self.open.fetch_add(1, Ordering::Relaxed);
        shard.command(Command::Admit(stream, permit, rest.to_vec(), accepted));
    }

    /// Closes every socket, at once.
    pub fn close_all(&self, code: CloseCode) {
        for shard in &self.shards {
            shard.command(Command::CloseAll(code));
        }
    }

    /// Closes the connections that have not proved an owner, at once.
    pub fn close_unproved(&self, code: CloseCode) {
        for shard in &self.shards {
            shard.command(Command::CloseUnproved(code));
        }
    }

    /// How many sockets there are, closing ones included.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl ShardHandle {
    fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    fn command(&self, command: Command) {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        commands.push(command);
        let is_first = commands.len() == 1;
        drop(commands);
        // The first command of the queue has woken the thread for all.
        if is_first {
            self.attention.wake();
        }
    }
}

#[cfg(test)]
mod tests;
