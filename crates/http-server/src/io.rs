//! A connection's bytes, as actix reads and writes them. It is given one request at a time, with its body, and its
//! output must be with the kernel before it is given the next.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::bare_errors;
use crate::connection::{Connection, Phase, State};
use crate::connections::ConnectionPermit;
use crate::head::length_of_body;

/// How much is read behind a request that is being answered, to see whether its peer is still there.
const MAX_HELD: usize = 4096;
/// How much a peer may send to an event stream, where nobody listens to it.
const MAX_WASTED: usize = 64 * 1024;
/// How long it is waited for others to let go of a connection.
const LET_GO_WITHIN: Duration = Duration::from_secs(1);

/// A connection, as actix reads and writes it.
pub struct Io {
    connection: Arc<Connection>,
    /// The answer that is sent in the place of one that actix gave by itself.
    instead: Bytes,
    /// It has given one.
    is_refused: bool,
    refused: Refusals,
}

/// Where a connection is left that is closed after such an answer: its end is still to be seen through.
pub(crate) type Refusals = Rc<Cell<Option<Arc<Connection>>>>;

impl Io {
    pub(crate) fn new(connection: Arc<Connection>, refused: Refusals) -> Self {
        Self { connection, instead: Bytes::new(), is_refused: false, refused }
    }

    /// Behind it.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The socket, for another protocol, with the bytes that were read and not handed to actix. Requests that came on
    /// the connection must be dropped before.
    pub async fn into_socket(self) -> io::Result<(std::net::TcpStream, ConnectionPermit, Vec<u8>)> {
        let mut connection = self.connection.clone();
        drop(self);
        let until = Instant::now() + LET_GO_WITHIN;
        loop {
            match Arc::try_unwrap(connection) {
                Ok(connection) => {
                    let (stream, permit, held) = connection.into_parts();
                    return Ok((stream.into_std()?, permit, held));
                }
                Err(_) if Instant::now() >= until => return Err(io::Error::other("somebody keeps the connection")),
                // The thread that looks after deadlines has it for a moment.
                Err(kept) => connection = kept,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let written = ready!(self.poll_send(context, &self.instead, 0))?;
            self.instead.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Gives some of these bytes to the kernel; so many follow them.
    fn poll_send(&self, context: &mut Context<'_>, bytes: &[u8], behind: usize) -> Poll<io::Result<usize>> {
        let (connection, all) = (&self.connection, bytes.len() + behind);
        loop {
            match connection.stream.poll_write_ready(context) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => {
                    connection.stalled(all);
                    return Poll::Pending;
                }
            }
            match connection.stream.try_write(bytes) {
                Ok(written) => {
                    connection.progressed(all - written);
                    return Poll::Ready(Ok(written));
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                Err(why) => return Poll::Ready(Err(why)),
            }
        }
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if self.is_refused {
            self.refused.set(Some(self.connection.clone()));
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let connection = &self.connection;
        let mut state = connection.state();
        match state.phase {
            Phase::Over | Phase::Lingering => Poll::Ready(Ok(())),
            Phase::Head => read_head(connection, &mut state, context, buffer),
            Phase::Streaming => watch_stream(connection, &mut state, context),
            Phase::Answering if state.body.as_ref().is_some_and(|body| body.left != Some(0)) => {
                read_body(connection, &mut state, context, buffer)
            }
            Phase::Handed | Phase::Answering | Phase::Answered => watch_peer(connection, &mut state, context),
        }
    }
}

/// Bytes up to the end of one request.
fn read_head(
    connection: &Connection,
    state: &mut State,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if !state.held.is_empty() {
        let length = state.held.len().min(buffer.remaining());
        let held: Vec<u8> = state.held[..length].into();
        let length = hand_over(state, &held);
        buffer.put_slice(&held[..length]);
        state.held.drain(..length);
        return Poll::Ready(Ok(()));
    }
    if state.is_at_end {
        return Poll::Ready(Ok(()));
    }
    let length = ready!(poll_receive(connection, context, buffer.initialize_unfilled()))?;
    let read = &buffer.initialize_unfilled()[..length];
    let handed = hand_over(state, read);
    state.held.extend_from_slice(&read[handed..]);
    buffer.advance(handed);
    Poll::Ready(Ok(()))
}

/// How many of these bytes belong to the request that begins or goes on with them.
fn hand_over(state: &mut State, read: &[u8]) -> usize {
    let had_begun = state.head.has_begun();
    let Some(end) = state.head.end_in(read) else {
        if !had_begun {
            state.since = Instant::now();
        }
        return read.len();
    };
    state.enter(Phase::Handed);
    // Mostly the body is there too: then a service that does not read it needs not end the connection.
    let body = if had_begun { 0 } else { length_of_body(&read[..end]).min(read.len() - end) };
    state.with_head = body as u64;
    end + body
}

fn read_body(
    connection: &Connection,
    state: &mut State,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let State { body: Some(body), held, .. } = state else { return Poll::Ready(Ok(())) };
    if body.is_late() {
        return Poll::Ready(Ok(()));
    }
    let room = body.room().min(buffer.remaining());
    if room == 0 {
        return state.reader_waits(context);
    }
    if !held.is_empty() {
        let length = held.len().min(room);
        buffer.put_slice(&held[..length]);
        held.drain(..length);
        body.take(length);
        return Poll::Ready(Ok(()));
    }
    if state.is_at_end {
        return Poll::Ready(Ok(()));
    }
    match poll_receive(connection, context, buffer.initialize_unfilled_to(room)) {
        Poll::Ready(read) => {
            let length = read?;
            body.take(length);
            buffer.advance(length);
            Poll::Ready(Ok(()))
        }
        Poll::Pending => state.reader_waits(context),
    }
}

/// A request is being answered: bytes that come are the next one's, but an end concerns this one, and ends the connection if the
/// request waits.
fn watch_peer(connection: &Connection, state: &mut State, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    let mut some = [0; 1024];
    while !state.is_at_end && state.held.len() < MAX_HELD {
        match poll_receive(connection, context, &mut some) {
            Poll::Ready(Ok(0)) if state.held.is_empty() && !state.ends_with_peer => {
                state.is_at_end = true;
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Ok(0)) => state.is_at_end = true,
            Poll::Ready(Ok(length)) => state.held.extend_from_slice(&some[..length]),
            Poll::Ready(Err(why)) => return Poll::Ready(Err(why)),
            Poll::Pending => break,
        }
    }
    if state.is_at_end && state.ends_with_peer {
        return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
    }
    state.reader_waits(context)
}

/// The end of its peer is the end of a stream.
fn watch_stream(connection: &Connection, state: &mut State, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    let mut some = [0; 1024];
    while !state.is_at_end && state.wasted + state.held.len() < MAX_WASTED {
        match ready!(poll_receive(connection, context, &mut some))? {
            0 => state.is_at_end = true,
            length => state.wasted += length,
        }
    }
    Poll::Ready(Err(ErrorKind::ConnectionAborted.into()))
}

fn poll_receive(connection: &Connection, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
    loop {
        ready!(connection.stream.poll_read_ready(context))?;
        match connection.stream.try_read(into) {
            Err(why) if why.kind() == ErrorKind::WouldBlock => {}
            read => return Poll::Ready(read),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        let end = match bare_errors::at_the_end_of(bytes) {
            Some(bare) if bare.begins == 0 => {
                (self.instead, self.is_refused) = (bare.instead.into(), true);
                return Poll::Ready(Ok(bytes.len()));
            }
            Some(bare) => bare.begins,
            None => bytes.len(),
        };
        self.poll_send(context, &bytes[..end], bytes.len() - end)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        self.connection.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        ready!(self.connection.poll_linger(context, self.is_refused));
        // Its end is seen through.
        self.is_refused = false;
        Poll::Ready(Ok(()))
    }
}
