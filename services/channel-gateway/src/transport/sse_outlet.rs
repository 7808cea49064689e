//! The way out of an event stream: a queue that the answer's body takes from, bounded by [`MAX_UNSENT`] bytes.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use chat_events::frame::CloseCode;
use chat_events::{ChatId, Epoch, Seq};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_server::Connection;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};

use super::Outlet;
use super::socket::MAX_UNSENT;
use super::stream_text::farewell;
use crate::catch_up::cursor::Position;
use crate::transport::frames::Frame;

/// How long a peer may take to read the end of its stream. It may hold the bytes that the kernel has taken for it.
const CLOSE_GRACE: Duration = Duration::from_secs(3);

/// An event stream's way out.
pub(super) struct SseOutlet {
    has_one_chat: bool,
    epoch: AtomicI32,
    unsent: AtomicUsize,
    taken: Notify,
    end: Mutex<End>,
    /// The HTTP connection that it goes out on; the server owns it.
    behind: Option<Weak<Connection>>,
    runtime: Handle,
}

struct End {
    /// Until it is closed.
    sender: Option<mpsc::UnboundedSender<Bytes>>,
    code: Option<CloseCode>,
    /// The last event.
    farewell: Option<Bytes>,
}

impl SseOutlet {
    /// With one chat the `id:` of an event is `<epoch>:<seq>`, with several `<epoch>:<chat>:<seq>`.
    pub(super) fn new(
        has_one_chat: bool,
        behind: Option<Weak<Connection>>,
        runtime: Handle,
    ) -> (Self, mpsc::UnboundedReceiver<Bytes>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let end = Mutex::new(End { sender: Some(sender), code: None, farewell: None });
        let (epoch, unsent) = (AtomicI32::new(Epoch::FIRST.0), AtomicUsize::new(0));
        (Self { has_one_chat, epoch, unsent, taken: Notify::new(), end, behind, runtime }, receiver)
    }

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body was given so many bytes.
    pub(super) fn took(&self, bytes: usize) {
        self.unsent.fetch_sub(bytes, Ordering::AcqRel);
        self.taken.notify_waiters();
    }

    /// The code that the stream is closed with.
    pub(super) fn ended(&self) -> Option<CloseCode> {
        self.end().code
    }

    /// The event that says why it is closed, once.
    pub(super) fn take_farewell(&self) -> Option<Bytes> {
        self.end().farewell.take()
    }

    /// Nobody takes from the queue any more.
    pub(super) fn peer_gone(&self) {
        {
            let mut end = self.end();
            end.sender = None;
            end.code.get_or_insert(CloseCode::Idle);
        }
        self.taken.notify_waiters();
    }

    /// A body that its peer does not read is never asked for its end: the connection is cut.
    fn cut_after_grace(&self) {
        if let Some(behind) = self.behind.clone() {
            self.runtime.spawn(async move {
                tokio::time::sleep(CLOSE_GRACE).await;
                if let Some(connection) = behind.upgrade() {
                    connection.end();
                }
            });
        }
    }
}

impl Outlet for SseOutlet {
    fn of_epoch(&self, epoch: Epoch) {
        self.epoch.store(epoch.0, Ordering::Release);
    }

    fn send(&self, frame: &Frame, at: Option<(ChatId, Seq)>) {
        let epoch = Epoch(self.epoch.load(Ordering::Acquire));
        let id = match at {
            Some((_, seq)) if self.has_one_chat => format!("id: {}\n", Position { seq, epoch }),
            Some((chat, seq)) => format!("id: {epoch}:{chat}:{seq}\n"),
            None => String::new(),
        };
        let json = frame.json();
        // JSON of ours holds no line breaks, so one data line is enough.
        let text = Bytes::from(format!("{id}data: {}\n\n", String::from_utf8_lossy(&json)));
        let unsent = {
            let end = self.end();
            let Some(sender) = &end.sender else { return };
            let length = text.len();
            let before = self.unsent.fetch_add(length, Ordering::AcqRel);
            // A stream that is gone is cleared up by its guard.
            let _ = sender.send(text);
            before + length
        };
        if unsent > MAX_UNSENT {
            self.close(CloseCode::SlowConsumer);
        }
    }

    fn close_until(&self, code: CloseCode, back_in: Option<Duration>) {
        {
            let mut end = self.end();
            if end.code.is_some() {
                return;
            }
            *end = End { sender: None, code: Some(code), farewell: Some(farewell(code, back_in)) };
        }
        self.taken.notify_waiters();
        self.cut_after_grace();
    }

    fn below(&self, bytes: usize) -> BoxFuture<'_, ()> {
        async move {
            loop {
                let taken = self.taken.notified();
                if self.unsent.load(Ordering::Acquire) < bytes || self.is_closed() {
                    return;
                }
                taken.await;
            }
        }
        .boxed()
    }

    fn is_closed(&self) -> bool {
        self.ended().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn over_the_bound_a_stream_ends_and_takes_no_more() {
        let (outlet, mut receiver) = SseOutlet::new(true, None, Handle::current());
        let frame = Frame::text(&format!("\"{}\"", "x".repeat(1000)));
        let mut sent = 0;
        while !outlet.is_closed() {
            outlet.send(&frame, Some((ChatId(1), Seq(sent))));
            sent += 1;
        }
        outlet.send(&frame, None);
        let mut bytes = 0;
        while let Some(event) = receiver.recv().await {
            bytes += event.len();
        }
        assert!(bytes > MAX_UNSENT && bytes < MAX_UNSENT + 2000, "{bytes} bytes were queued");
        assert_eq!(outlet.ended(), Some(CloseCode::SlowConsumer));
        let farewell = outlet.take_farewell().expect("a last event");
        assert_eq!(farewell, "event: close\ndata: {\"code\":4002,\"reason\":\"slow consumer\"}\n\n");
        assert_eq!(outlet.take_farewell(), None);
    }

    #[tokio::test]
    async fn whoever_waits_for_room_is_woken_by_the_end() {
        let (outlet, _receiver) = SseOutlet::new(true, None, Handle::current());
        outlet.send(&Frame::text("\"x\""), None);
        let waiting = outlet.below(1);
        outlet.peer_gone();
        waiting.await;
        outlet.close(CloseCode::Restart);
        assert_eq!(outlet.ended(), Some(CloseCode::Idle));
    }
}
