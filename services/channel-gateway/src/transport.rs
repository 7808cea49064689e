//! How frames leave and arrive: thin, with no knowledge of chats.
//!
//! - [`codec`]: RFC 6455 on bytes
//! - [`socket`]: one WebSocket's way out
//! - [`poller`]: the threads that own all WebSockets · [`attention`]: how others call them
//! - [`websocket`]: the handshake
//! - [`sse`]: Server-Sent Events
//! - [`echo`]: the codec alone, for conformance runs

pub mod attention;
pub mod codec;
pub mod echo;
pub mod poller;
pub mod socket;
pub mod sse;
pub mod websocket;

use chat_events::frame::CloseCode;
use chat_events::{ChatId, Seq};
use futures_util::future::BoxFuture;

use crate::frames::Frame;

/// The way out of one connection. Sending never waits: what a peer does not take is queued, up to a bound at which
/// the connection is closed as a slow consumer.
pub trait Outlet: Send + Sync {
    /// Sends a frame; `at` is its place in a chat, which SSE tells as the event's id.
    fn send(&self, frame: &Frame, at: Option<(ChatId, Seq)>);

    /// Says why, and closes.
    fn close(&self, code: CloseCode);

    /// Ready when fewer than this many bytes are unsent, or the connection is closed.
    fn below(&self, bytes: usize) -> BoxFuture<'_, ()>;

    /// Whether it is closed or closing.
    fn is_closed(&self) -> bool;
}
