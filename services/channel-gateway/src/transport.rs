//! How frames leave and arrive: thin, with no knowledge of chats.
//!
//! - [`codec`]: RFC 6455 on bytes
//! - [`socket`]: one WebSocket's way out
//! - [`poller`]: the threads that own all WebSockets · [`attention`]: how others call them
//! - [`upgrades`]: tells handshakes from other requests · [`websocket`]: the handshake
//! - [`sse`]: Server-Sent Events · `stream_text`: the lines beside its frames · `sse_outlet`: one stream's way out
//! - [`poll`]: long polling · `poll_request`: what a poll asks for · `poll_outlet`: the frames of one answer
//! - [`echo`]: the codec alone, for conformance runs

pub(crate) mod attention;
pub(crate) mod codec;
pub(crate) mod echo;
pub(crate) mod frames;
pub(crate) mod poll;
mod poll_outlet;
pub(crate) mod poll_request;
pub(crate) mod poller;
pub(crate) mod socket;
pub(crate) mod sse;
mod sse_outlet;
mod stream_text;
pub(crate) mod upgrades;
pub(crate) mod websocket;

use std::time::Duration;

use chat_events::frame::CloseCode;
use chat_events::{ChatId, Epoch, Seq};
use futures_util::future::BoxFuture;

use crate::transport::frames::Frame;

/// The way out of one connection. Sending never waits: bytes that a peer does not take are queued, up to a bound at
/// which the connection is closed as a slow consumer.
pub trait Outlet: Send + Sync {
    /// Frames that are sent from now on are of this epoch.
    fn of_epoch(&self, _epoch: Epoch) {}

    /// Sends a frame; `at` is its place in a chat, which SSE tells as the event's id.
    fn send(&self, frame: &Frame, at: Option<(ChatId, Seq)>);

    /// Sends a frame that is no news in itself: a peer that waits for news need not hear of it at once.
    fn send_quietly(&self, frame: &Frame, at: Option<(ChatId, Seq)>) {
        self.send(frame, at);
    }

    /// The frames that were sent hold news, though they were sent quietly.
    fn has_news(&self) {}

    /// Says why, and closes.
    fn close(&self, code: CloseCode) {
        self.close_until(code, None);
    }

    /// Says why and when to come back, and closes.
    fn close_until(&self, code: CloseCode, back_in: Option<Duration>);

    /// Ready when fewer than this many bytes are unsent, or the connection is closed.
    fn below(&self, bytes: usize) -> BoxFuture<'_, ()>;

    /// Whether it is closed or closing.
    fn is_closed(&self) -> bool;

    /// There is room again for frames from its peer.
    fn read_on(&self) {}

    /// Has the processor fetch what [`Self::send`] is about to read.
    fn prefetch(&self) {}
}

/// The reason in a close frame: at most 123 bytes (RFC 6455, section 5.5).
fn close_text(code: CloseCode, back_in: Option<Duration>) -> String {
    match back_in {
        Some(wait) => format!("{}; retry_after_ms={}", code.reason(), wait.as_millis()),
        None => code.reason().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_in_a_close_frame_whatever_it_says() {
        assert_eq!(close_text(CloseCode::Restart, Some(Duration::from_millis(1234))), "restart; retry_after_ms=1234");
        for code in CloseCode::ALL {
            assert_eq!(close_text(code, None), code.reason());
            assert!(close_text(code, Some(Duration::MAX)).len() <= 123);
        }
    }
}
