//! One WebSocket's way out: written at once from whichever thread has a frame, queued only where the kernel is full.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use chat_events::frame::CloseCode;
use chat_events::{ChatId, Seq};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mio::net::TcpStream;
use tokio::sync::Notify;

use super::attention::Attention;
use super::{Outlet, close_text, codec};
use crate::transport::frames::Frame;

/// Unsent bytes at which a connection is closed as a slow consumer. It loses nothing: it resumes with its cursor.
pub(crate) const MAX_UNSENT: usize = 256 * 1024;

/// A WebSocket after its handshake. The poller reads it; anybody writes.
pub struct Socket {
    stream: TcpStream,
    out: Mutex<Out>,
    attention: Attention,
    /// In the poller's slab.
    key: usize,
}

#[derive(Default)]
struct Out {
    queue: VecDeque<Bytes>,
    unsent: usize,
    ending: Option<Ending>,
    /// The queue holds the answer to the handshake, which goes out with the first frame.
    is_held: bool,
    waiting: Option<Arc<Notify>>,
}

/// How a socket came to its end; the label of the close metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// On the wire, where a close frame was sent.
    pub code: Option<u16>,
    /// For the metric.
    pub reason: &'static str,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, attention: Attention, key: usize) -> Self {
        Self { stream, out: Mutex::default(), attention, key }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Answers the handshake: at once, or as one packet with the first frame. Nothing was written before.
    pub(super) fn answer(&self, answer: &Bytes, waits_for_a_frame: bool) {
        let mut out = self.out();
        match waits_for_a_frame {
            true => out.hold(answer),
            false => out.push(&self.stream, answer),
        }
    }

    /// The first frame takes too long for an answer to wait for it.
    pub(super) fn answer_now(&self) {
        let mut out = self.out();
        if std::mem::take(&mut out.is_held) {
            out.flush(&self.stream);
        }
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends bytes that are already framed.
    pub fn write(&self, wire: &Bytes) {
        let mut out = self.out();
        if out.ending.is_some() {
            return;
        }
        out.push(&self.stream, wire);
        if out.unsent > MAX_UNSENT {
            let code = CloseCode::SlowConsumer;
            self.end(&mut out, Ending { code: Some(code.code()), reason: code.reason() }, code.reason());
        }
    }

    /// Sends bytes however much is unsent: for the echo, whose peers send megabytes and read them back.
    pub fn write_unbounded(&self, wire: &Bytes) {
        let mut out = self.out();
        if out.ending.is_none() {
            out.push(&self.stream, wire);
        }
    }

    /// Has the poller look at this socket: its peer can take messages again.
    pub fn ask_attention(&self) {
        self.attention.ask(self.key);
    }

    /// Sends a close frame behind what is queued and lets the poller see the rest to its end.
    pub fn close_with(&self, code: Option<u16>, reason: &'static str) {
        let mut out = self.out();
        if out.ending.is_none() {
            self.end(&mut out, Ending { code, reason }, reason);
        }
    }

    fn end(&self, out: &mut Out, ending: Ending, text: &str) {
        if ending.reason == CloseCode::SlowConsumer.reason() {
            // Only the frame that was begun must be finished; the client fetches the rest when it is back.
            out.queue.truncate(1);
        }
        out.push(&self.stream, &codec::encode_close(ending.code, text));
        out.ending = Some(ending);
        out.wake_waiters();
        self.attention.ask(self.key);
    }

    /// Only the last waiter takes the bell away: a new bell would ring for later waiters alone.
    fn waits_no_more(&self, notify: &Arc<Notify>) {
        let mut out = self.out();
        // One is here, one in `waiting`.
        if Arc::strong_count(notify) <= 2 {
            out.waiting = None;
        }
    }

    pub(super) fn ending(&self) -> Option<Ending> {
        self.out().ending
    }

    /// The kernel has room again.
    pub(super) fn flush(&self) {
        self.out().flush(&self.stream);
    }

    /// Ends the stream once the close frame is out.
    pub(super) fn shut_down_if_flushed(&self) {
        if self.out().queue.is_empty() {
            self.shut_down();
        }
    }

    /// No more writes; the peer sees the end of the stream.
    pub(super) fn shut_down(&self) {
        // The peer may be gone already: there is nobody left to tell.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The peer is gone: waits for room end.
    pub(super) fn gone(&self, reason: &'static str) -> Ending {
        let mut out = self.out();
        let ending = *out.ending.get_or_insert(Ending { code: None, reason });
        out.queue.clear();
        out.unsent = 0;
        out.wake_waiters();
        ending
    }
}

impl Out {
    /// The usual frame goes straight to the kernel and is never queued.
    fn push(&mut self, stream: &TcpStream, wire: &Bytes) {
        if std::mem::take(&mut self.is_held) {
            let both = [self.queue.pop_front().unwrap_or_default(), wire.clone()].concat();
            (self.queue, self.unsent) = (VecDeque::new(), 0);
            return self.push(stream, &both.into());
        }
        let mut written = 0;
        if self.queue.is_empty() {
            match write_some(stream, wire, &mut written) {
                Progress::Done => return,
                Progress::Full => {}
                // The poller sees the broken connection as an event and removes it.
                Progress::Broken => return,
            }
        }
        let rest = wire.slice(written..);
        self.unsent += rest.len();
        self.queue.push_back(rest);
    }

    fn hold(&mut self, answer: &Bytes) {
        self.is_held = true;
        self.unsent += answer.len();
        self.queue.push_back(answer.clone());
    }

    fn flush(&mut self, stream: &TcpStream) {
        if self.is_held {
            return;
        }
        while let Some(front) = self.queue.front_mut() {
            let mut written = 0;
            let progress = write_some(stream, front, &mut written);
            front.advance(written);
            self.unsent -= written;
            match progress {
                Progress::Done => drop(self.queue.pop_front()),
                Progress::Full => break,
                Progress::Broken => {
                    self.queue.clear();
                    self.unsent = 0;
                }
            }
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        self.wake_waiters();
    }

    fn wake_waiters(&mut self) {
        if let Some(waiting) = &self.waiting {
            waiting.notify_waiters();
        }
    }
}

enum Progress {
    Done,
    Full,
    Broken,
}

fn write_some(mut stream: &TcpStream, wire: &[u8], written: &mut usize) -> Progress {
    while *written < wire.len() {
        match stream.write(&wire[*written..]) {
            Ok(0) => return Progress::Broken,
            Ok(length) => *written += length,
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) if why.kind() == ErrorKind::WouldBlock => return Progress::Full,
            Err(_) => return Progress::Broken,
        }
    }
    Progress::Done
}

impl Outlet for Socket {
    fn send(&self, frame: &Frame, _at: Option<(ChatId, Seq)>) {
        self.write(frame.wire());
    }

    fn close_until(&self, code: CloseCode, back_in: Option<Duration>) {
        let mut out = self.out();
        if out.ending.is_none() {
            let ending = Ending { code: Some(code.code()), reason: code.reason() };
            self.end(&mut out, ending, &close_text(code, back_in));
        }
    }

    fn below(&self, bytes: usize) -> BoxFuture<'_, ()> {
        async move {
            let notify = self.out().waiting.get_or_insert_with(Arc::default).clone();
            loop {
                let woken = notify.notified();
                if self.out().unsent < bytes || self.is_closed() {
                    self.waits_no_more(&notify);
                    return;
                }
                woken.await;
            }
        }
        .boxed()
    }

    fn is_closed(&self) -> bool {
        self.out().ending.is_some()
    }

    fn read_on(&self) {
        self.ask_attention();
    }

    fn prefetch(&self) {
        black_box((self.out.is_poisoned(), self.stream.as_raw_fd()));
    }
}
