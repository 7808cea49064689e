//! One connection with one channel. lapin's own recovery is not used: it can be left stuck for ever. A caller that sees
//! an error drops this and opens another.
//!
//! Nor is lapin left to end a connection by itself: it waits for the broker's last word without a limit, with its thread,
//! its socket and 8 MiB of buffers, and a broker that is frozen or blocks us never says it. A handshake that nobody waits
//! for any more goes on as long. So the socket is made here, and [`End`] ends it, lapin's thread and its tasks.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use lapin::tcp::AsyncTcpStream;
use lapin::uri::AMQPScheme;
use lapin::{Channel, Connection, ConnectionProperties, Event};
use socket2::SockRef;
use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::address::AmqpAddress;
use super::tasks;
use crate::BusError;

/// For an answer of the broker under load, such as the confirms of a batch.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// For opening, and for answers that take milliseconds when the broker is well.
const SIGN_OF_LIFE_LIMIT: Duration = Duration::from_secs(3);

/// For the broker's last word on a connection that is closed in good order.
const FAREWELL_LIMIT: Duration = Duration::from_secs(1);

/// A blocked link is replaced after this time: lapin keeps each heartbeat that it cannot send, a kilobyte in 1.5 s.
pub(super) const BLOCKED_AT_MOST: Duration = Duration::from_secs(900);

/// Characters of the broker's reason that are shown.
const REASON_LENGTH: usize = 100;

/// An open connection and its channel. Dropping it ends both at once, without a word to the broker.
pub(super) struct Link {
    pub(super) channel: Channel,
    connection: Connection,
    blocked: watch::Receiver<Option<Blocked>>,
    _listener: AbortOnDropHandle<()>,
    _end: End,
}

/// The broker is short of memory or of disk space, and does not read publishes. It has stopped reading this
/// connection for now, and whatever is written to it, or to another one, only fills buffers.
#[derive(Debug, Clone)]
pub(super) struct Blocked {
    why: String,
    pub(super) since: Instant,
}

impl Blocked {
    pub(super) fn error(&self) -> BusError {
        BusError(format!("RabbitMQ is blocked ({})", self.why))
    }
}

impl Link {
    pub(super) async fn open(address: &AmqpAddress, name: &str) -> Result<Self, BusError> {
        soon(async {
            let properties = ConnectionProperties::default().with_connection_name(name.into());
            // Its future is large.
            let (connection, end) = Box::pin(connect(address, properties)).await?;
            let (told, blocked) = watch::channel(None);
            let listener = tokio::spawn(note_blocks(connection.events_listener(), told));
            let _listener = AbortOnDropHandle::new(listener);
            let channel = connection.create_channel().await.map_err(failed)?;
            Ok(Self { channel, connection, blocked, _listener, _end: end })
        })
        .await
    }

    /// Whether nothing is known to be wrong with it.
    pub(super) fn is_open(&self) -> bool {
        self.channel.status().connected()
    }

    /// Whether the broker blocks it at present.
    pub(super) fn blocked(&self) -> Option<Blocked> {
        self.blocked.borrow().clone()
    }

    /// Does some work that publishes, or as much of it as can be done before the broker blocks.
    pub(super) async fn unless_blocked<T>(
        &self,
        work: impl Future<Output = Result<T, BusError>>,
    ) -> Result<T, BusError> {
        tokio::select! {
            biased;
            done = work => done,
            blocked = until_blocked(self.blocked.clone()) => Err(blocked.error()),
        }
    }

    /// Says good-bye first, so that the broker has taken all that was written.
    pub(super) async fn close(self) {
        // If it does not answer, the socket ends all the same.
        let _farewell = tokio::time::timeout(FAREWELL_LIMIT, self.connection.close(200, "OK".into())).await;
    }

    /// The same, from where nobody can wait.
    pub(super) fn close_soon(self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && self.is_open()
            && self.blocked().is_none()
        {
            runtime.spawn(self.close());
        }
    }
}

/// The broker tells of a block on a connection only once something is published on it.
async fn note_blocks(news: impl Stream<Item = Event>, told: watch::Sender<Option<Blocked>>) {
    let mut news = std::pin::pin!(news);
    while let Some(event) = news.next().await {
        match event {
            Event::ConnectionBlocked(why) => {
                let why = why.chars().filter(|letter| !letter.is_control()).take(REASON_LENGTH).collect();
                told.send_replace(Some(Blocked { why, since: Instant::now() }));
            }
            Event::ConnectionUnblocked => {
                told.send_replace(None);
            }
            _ => {}
        }
    }
}

async fn until_blocked(mut told: watch::Receiver<Option<Blocked>>) -> Blocked {
    match told.wait_for(Option::is_some).await.map(|blocked| blocked.clone()) {
        Ok(Some(blocked)) => blocked,
        // The connection is gone, which others find out.
        _ => std::future::pending().await,
    }
}

/// Dropping it ends a connection in whatever state it is: lapin reads the end of the socket, and gives up its thread;
/// data that was not sent is thrown away, and the broker is told by a reset.
struct End {
    socket: OwnedFd,
    _tasks: DropGuard,
}

impl Drop for End {
    fn drop(&mut self) {
        let socket = SockRef::from(&self.socket);
        // Both fail only where the connection has ended already.
        let _gone = socket.set_linger(Some(Duration::ZERO));
        let _gone = socket.shutdown(Shutdown::Both);
    }
}

/// Connects. Dropped half-way, it leaves nothing behind.
async fn connect(address: &AmqpAddress, properties: ConnectionProperties) -> Result<(Connection, End), BusError> {
    let uri = address.uri()?;
    let tasks = CancellationToken::new();
    let runtime = tasks::runtime(tasks.clone());
    let authority = &uri.authority;
    let addresses: Vec<_> =
        lookup_host((authority.host.as_str(), authority.port)).await.map_err(not_connected)?.collect();
    let stream = AsyncTcpStream::connect(&runtime, addresses).await.map_err(not_connected)?;
    let AsyncTcpStream::Plain(plain) = &stream else { return Err(BusError("RabbitMQ: an unknown socket".into())) };
    let socket = plain.get_ref().as_fd().try_clone_to_owned().map_err(not_connected)?;
    let end = End { socket, _tasks: tasks.drop_guard() };
    let stream = match uri.scheme {
        AMQPScheme::AMQP => stream,
        AMQPScheme::AMQPS => stream.into_tls(&authority.host, address.tls().as_ref()).await.map_err(not_connected)?,
    };
    let stream = Mutex::new(Some(stream));
    let take = async move |_, _| {
        let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        stream.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted).into())
    };
    let connecting = Connection::connector(uri, runtime, take, properties);
    let connection = Box::pin(connecting).await.map_err(failed)?;
    Ok((connection, end))
}

/// Bounds a wait for the broker.
pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    within(ANSWER_LIMIT, work).await
}

/// Bounds a wait for a sign that the broker is there.
pub(super) async fn soon<T>(work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    within(SIGN_OF_LIFE_LIMIT, work).await
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    let no_answer = |_| Err(BusError(format!("RabbitMQ: no answer in {} s", limit.as_secs())));
    tokio::time::timeout(limit, work).await.unwrap_or_else(no_answer)
}

/// An error in words. lapin's hold no credentials.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn failed(error: lapin::Error) -> BusError {
    BusError(format!("RabbitMQ: {error}"))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn not_connected(error: io::Error) -> BusError {
    BusError(format!("RabbitMQ: {error}"))
}
