//! The frames of one answer to a poll, bounded by [`MAX_UNSENT`] bytes. Frames beyond that are left to the next poll: what is in the
//! answer is always all up to some frame, so its cursors tell where to go on.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_events::frame::{CloseCode, MAX_FRAME_BYTES};
use chat_events::{ChatId, Seq};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use super::Outlet;
use super::socket::MAX_UNSENT;
use crate::transport::frames::Frame;

/// History is read as long as fewer bytes than this were gathered, so that each of its frames fits in.
const HISTORY_UP_TO: usize = MAX_UNSENT - MAX_FRAME_BYTES;

/// The way out of a poll.
#[derive(Default)]
pub(super) struct PollOutlet {
    gathered: Mutex<Gathered>,
    changed: Notify,
}

#[derive(Default)]
struct Gathered {
    frames: Vec<Frame>,
    bytes: usize,
    has_news: bool,
    is_open: bool,
    end: Option<End>,
}

/// Why nothing more is gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The answer is full.
    Full,
    /// The connection was closed, and when to come back.
    Closed(CloseCode, Option<Duration>),
    /// It was answered, or its peer has gone.
    Over,
}

/// How far a poll has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// What was missed is still being gathered.
    Opening,
    /// It waits for news.
    Waiting,
    /// There are some.
    News,
    /// It is to be answered now.
    Ended,
}

impl PollOutlet {
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Gathered) -> T) -> T {
        let (before, changed, after) = {
            let mut gathered = self.gathered();
            let before = gathered.stage();
            let changed = change(&mut gathered);
            (before, changed, gathered.stage())
        };
        if before != after {
            self.changed.notify_waiters();
        }
        changed
    }

    /// What was missed has been gathered.
    pub(super) fn opened(&self) {
        self.change(|gathered| gathered.is_open = true);
    }

    /// How far it has come, and the change of that.
    pub(super) fn stage(&self) -> (Stage, impl Future<Output = ()>) {
        // It hears of changes from here on, so none falls between the two.
        let changed = self.changed.notified();
        (self.gathered().stage(), changed)
    }

    /// Nothing more is taken: the frames, and why it ended before that.
    pub(super) fn finish(&self) -> (Vec<Frame>, Option<End>) {
        self.change(|gathered| {
            let end = gathered.end.replace(End::Over);
            (std::mem::take(&mut gathered.frames), end)
        })
    }
}

impl Gathered {
    fn stage(&self) -> Stage {
        match self {
            Self { end: Some(_), .. } => Stage::Ended,
            Self { is_open: false, .. } => Stage::Opening,
            Self { has_news: true, .. } => Stage::News,
            _ => Stage::Waiting,
        }
    }

    fn take(&mut self, frame: &Frame, is_news: bool) {
        if self.end.is_some() {
            return;
        }
        let bytes = self.bytes + frame.json().len();
        if bytes > MAX_UNSENT {
            self.end = Some(End::Full);
            return;
        }
        self.bytes = bytes;
        self.has_news |= is_news;
        self.frames.push(frame.clone());
    }
}

impl Outlet for PollOutlet {
    fn send(&self, frame: &Frame, _at: Option<(ChatId, Seq)>) {
        self.change(|gathered| gathered.take(frame, true));
    }

    fn send_quietly(&self, frame: &Frame, _at: Option<(ChatId, Seq)>) {
        self.change(|gathered| gathered.take(frame, false));
    }

    fn has_news(&self) {
        self.change(|gathered| gathered.has_news = true);
    }

    fn close_until(&self, code: CloseCode, back_in: Option<Duration>) {
        self.change(|gathered| _ = gathered.end.get_or_insert(End::Closed(code, back_in)));
    }

    /// There is room at once or not at all: nothing is sent before the whole.
    fn below(&self, _bytes: usize) -> BoxFuture<'_, ()> {
        self.change(|gathered| {
            if gathered.bytes >= HISTORY_UP_TO {
                gathered.end.get_or_insert(End::Full);
            }
        });
        std::future::ready(()).boxed()
    }

    fn is_closed(&self) -> bool {
        self.gathered().end.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Frame {
        Frame::text(&format!("\"{}\"", "x".repeat(bytes - 2)))
    }

    #[test]
    fn an_answer_holds_what_fits_and_nothing_behind_the_first_that_does_not() {
        let outlet = PollOutlet::default();
        for _ in 0..8 {
            outlet.send(&frame(30 * 1024), None);
        }
        assert!(!outlet.is_closed());
        outlet.send(&frame(30 * 1024), None);
        assert_eq!(outlet.stage().0, Stage::Ended);
        outlet.send(&frame(10), None);
        let (frames, end) = outlet.finish();
        assert_eq!((frames.len(), end), (8, Some(End::Full)));
    }

    #[tokio::test]
    async fn history_ends_before_a_frame_of_it_might_not_fit() {
        let outlet = PollOutlet::default();
        let mut sent = 0;
        while !outlet.is_closed() {
            outlet.below(1).await;
            outlet.send(&frame(MAX_FRAME_BYTES), None);
            sent += 1;
        }
        assert_eq!((sent, outlet.finish().0.len()), (4, 3));
    }

    #[test]
    fn what_is_said_quietly_is_no_news_and_nothing_is_before_it_is_open() {
        let outlet = PollOutlet::default();
        outlet.send_quietly(&frame(10), None);
        assert_eq!(outlet.stage().0, Stage::Opening);
        outlet.opened();
        assert_eq!(outlet.stage().0, Stage::Waiting);
        outlet.send(&frame(10), None);
        assert_eq!(outlet.stage().0, Stage::News);
        outlet.close(CloseCode::Revoked);
        outlet.close(CloseCode::Restart);
        let (frames, end) = outlet.finish();
        assert_eq!((frames.len(), end), (2, Some(End::Closed(CloseCode::Revoked, None))));
        outlet.send(&frame(10), None);
        assert!(outlet.finish().0.is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_each_stage() {
        let outlet = PollOutlet::default();
        let (_, changed) = outlet.stage();
        outlet.opened();
        changed.await;
        let (_, changed) = outlet.stage();
        outlet.has_news();
        changed.await;
        let (_, changed) = outlet.stage();
        outlet.close(CloseCode::Restart);
        changed.await;
    }
}
