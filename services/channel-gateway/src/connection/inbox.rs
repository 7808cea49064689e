//! The frames of a client that wait for their turn.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use chat_events::frame::MAX_CLIENT_FRAME_BYTES;
use tokio::sync::oneshot;

use super::{Connection, State};

/// Frames of a client that wait for their turn. Beyond this its socket is not read.
const INBOX_MAX: usize = 32;
/// The same in bytes: a few of the largest.
const INBOX_MAX_BYTES: usize = 4 * MAX_CLIENT_FRAME_BYTES;
/// The result of queueing a frame.
#[derive(Debug, Clone, Copy)]
pub struct Queued {
    /// Whether more may be read.
    pub has_room: bool,
    /// Whether nobody serves the queue yet.
    pub is_first: bool,
}

impl Connection {
    /// A text frame came. They wait here for their turn.
    pub fn queue(&self, text: String) -> Queued {
        let mut state = self.state();
        if state.closing.is_some() {
            // Unanswered: the client sends it again when it is back.
            return Queued { has_room: true, is_first: false };
        }
        state.inbox_bytes += text.len();
        state.inbox.push_back(text);
        if let Some(waits) = state.awaits_first.take() {
            // A waiter whose time was over does not need it.
            let _ = waits.send(());
        }
        let has_room = state.has_room();
        state.was_full |= !has_room;
        Queued { has_room, is_first: !std::mem::replace(&mut state.is_draining, true) }
    }

    /// Waits for the first frame of the queue, if `wanted` accepts its text; else it stays there. None also when there is
    /// none in time.
    pub async fn first_frame<T>(&self, within: Duration, wanted: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let waits = {
            let mut state = self.state();
            let (tell, waits) = oneshot::channel();
            if state.inbox.is_empty() {
                state.awaits_first = Some(tell);
            }
            state.inbox.is_empty().then_some(waits)
        };
        if let Some(waits) = waits {
            let _ = tokio::time::timeout(within, waits).await;
        }
        let mut state = self.state();
        state.awaits_first = None;
        let taken = wanted(state.inbox.front()?);
        if taken.is_some() {
            state.take_frame();
            // More may follow that belongs to it: it must not wait until all else is served.
            if state.was_full && state.has_room() {
                self.outlet.read_on();
            }
        }
        taken
    }

    /// Whether frames may be read again.
    pub fn has_room(&self) -> bool {
        self.state().has_room()
    }

    /// When the frames that came are served, its socket is told, as if its inbox had been full.
    pub fn tell_when_served(&self) {
        self.state().was_full = true;
    }

    /// The next frame of the queue. After none, the next that comes is the first again; it breaks with whether the queue was
    /// full meanwhile.
    pub fn next_frame(&self) -> ControlFlow<bool, String> {
        let mut state = self.state();
        if let Some(text) = state.take_frame() {
            return ControlFlow::Continue(text);
        }
        state.is_draining = false;
        state.inbox = VecDeque::new();
        if let Some((code, back_in)) = state.closing {
            self.outlet.close_until(code, Some(back_in));
        }
        ControlFlow::Break(std::mem::take(&mut state.was_full))
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.inbox.len() < INBOX_MAX && self.inbox_bytes < INBOX_MAX_BYTES
    }

    fn take_frame(&mut self) -> Option<String> {
        let text = self.inbox.pop_front()?;
        self.inbox_bytes -= text.len();
        Some(text)
    }
}
