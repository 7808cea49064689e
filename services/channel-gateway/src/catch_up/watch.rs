//! One chat of one connection: its kind, the join that it belongs to, how far it has come.

pub(crate) mod progress;
pub(crate) mod watches;

use std::sync::atomic::{AtomicU64, Ordering};

use chat_events::{ChatKind, Seq};

use crate::transport::frames::ChatFrame;
pub(crate) use progress::Overflowed;
use progress::{Placed, Progress};

impl Placed for ChatFrame {
    fn seq(&self) -> Seq {
        self.seq
    }
}

/// Of one watch, so that a join which was overtaken by another does not meddle with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchGeneration(u64);

/// One chat of one connection.
#[derive(Debug)]
pub struct Watch {
    /// The kind of the chat.
    pub kind: ChatKind,
    /// Which of all watches it is.
    pub generation: WatchGeneration,
    /// Where the chat stood when its reader was found to have the right to read it.
    allowed_at: Seq,
    progress: Progress<ChatFrame>,
}

fn next_generation() -> WatchGeneration {
    static GENERATIONS: AtomicU64 = AtomicU64::new(0);
    WatchGeneration(GENERATIONS.fetch_add(1, Ordering::Relaxed))
}

impl Watch {
    /// A chat whose history is about to be read.
    pub fn joining(kind: ChatKind) -> Self {
        Self { kind, generation: next_generation(), allowed_at: Seq::ZERO, progress: Progress::joining() }
    }

    /// A chat that is live from this position on.
    pub fn live(kind: ChatKind, from: Seq) -> Self {
        Self { kind, generation: next_generation(), allowed_at: Seq::ZERO, progress: Progress::live(from) }
    }

    /// The reader has the right to read the chat, as it stands at this position.
    pub fn allow(&mut self, at: Seq) {
        self.allowed_at = at.max(self.allowed_at);
    }

    /// Where the chat stood when its reader was last found to have the right to read it.
    pub fn allowed_at(&self) -> Seq {
        self.allowed_at
    }

    /// Whether a removal at this position is past: the reader came in again after it.
    pub fn outlasts(&self, removal: Seq) -> bool {
        self.allowed_at >= removal || self.live_to().is_some_and(|to| to > removal)
    }

    /// A live frame is offered; true means: send it now.
    pub fn offer(&mut self, frame: &ChatFrame) -> bool {
        self.progress.offer(frame)
    }

    /// History was read up to `reached`: the waiting frames above it are to be sent, then the chat is live.
    pub fn go_live(&mut self, after: Seq, reached: Seq) -> Result<Vec<ChatFrame>, Overflowed> {
        self.progress.go_live(after, reached)
    }

    /// Where the live part begins, if it is live: older history ends there.
    pub fn live_from(&self) -> Option<Seq> {
        self.progress.live_from()
    }

    /// How far it has come, if it is live.
    pub fn live_to(&self) -> Option<Seq> {
        self.progress.live_to()
    }

    /// Older history, from `after` on, was sent too.
    pub fn extended_to(&mut self, after: Seq) {
        self.progress.extended_to(after);
    }
}
