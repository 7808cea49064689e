//! How far one connection has come in one chat: what keeps every socket in order and free of repeats.

use std::sync::atomic::{AtomicU64, Ordering};

use chat_events::{ChatKind, Seq};

use crate::frames::ChatFrame;

/// Live frames kept for a connection that still reads history. Beyond this it reads history once more instead.
const EARLY_MAX: usize = 512;

/// Of one watch, so that a join which was overtaken by another does not meddle with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn(u64);

/// One chat of one connection.
#[derive(Debug)]
pub struct Watch {
    /// What kind of chat.
    pub kind: ChatKind,
    /// Which of all watches it is.
    pub turn: Turn,
    phase: Phase,
}

fn next_turn() -> Turn {
    static TURNS: AtomicU64 = AtomicU64::new(0);
    Turn(TURNS.fetch_add(1, Ordering::Relaxed))
}

#[derive(Debug)]
enum Phase {
    /// History is being read; what comes live meanwhile waits here.
    Joining { early: Vec<ChatFrame>, overflowed: bool },
    /// Everything visible in (from, to] was sent.
    Live { from: Seq, to: Seq },
}

/// Too much came live while history was read: it has to be read on.
#[derive(Debug, PartialEq, Eq)]
pub struct Overflowed;

impl Watch {
    /// A chat whose history is about to be read.
    pub fn joining(kind: ChatKind) -> Self {
        Self { kind, turn: next_turn(), phase: Phase::Joining { early: Vec::new(), overflowed: false } }
    }

    /// A chat that is live from this position on.
    pub fn live(kind: ChatKind, from: Seq) -> Self {
        Self { kind, turn: next_turn(), phase: Phase::Live { from, to: from } }
    }

    /// A live frame is offered; true means: send it now.
    pub fn offer(&mut self, frame: &ChatFrame) -> bool {
        match &mut self.phase {
            Phase::Live { to, .. } if frame.seq > *to => {
                *to = frame.seq;
                true
            }
            Phase::Live { .. } => false,
            Phase::Joining { early, overflowed } => {
                if early.len() < EARLY_MAX && !*overflowed {
                    early.push(frame.clone());
                } else {
                    early.clear();
                    *overflowed = true;
                }
                false
            }
        }
    }

    /// History was read up to `reached`: what waited and is above it is to be sent, then the chat is live.
    pub fn go_live(&mut self, after: Seq, reached: Seq) -> Result<Vec<ChatFrame>, Overflowed> {
        let Phase::Joining { early, overflowed } = &mut self.phase else {
            return Ok(Vec::new());
        };
        if std::mem::take(overflowed) {
            return Err(Overflowed);
        }
        let mut frames = std::mem::take(early);
        frames.retain(|frame| frame.seq > reached);
        let to = frames.last().map_or(reached, |frame| frame.seq);
        self.phase = Phase::Live { from: after, to };
        Ok(frames)
    }

    /// Where the live part begins, if it is live: older history ends there.
    pub fn live_from(&self) -> Option<Seq> {
        match self.phase {
            Phase::Live { from, .. } => Some(from),
            Phase::Joining { .. } => None,
        }
    }

    /// Older history, from `after` on, was sent too.
    pub fn extended_to(&mut self, after: Seq) {
        if let Phase::Live { from, .. } = &mut self.phase {
            *from = after.min(*from);
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_events::{ChatId, Visibility};

    use super::*;
    use crate::frames::Frame;

    fn frame(seq: i64) -> ChatFrame {
        ChatFrame { chat_id: ChatId(1), seq: Seq(seq), visibility: Visibility::Public, frame: Frame::text("{}") }
    }

    fn seqs(frames: &[ChatFrame]) -> Vec<i64> {
        frames.iter().map(|frame| frame.seq.0).collect()
    }

    #[test]
    fn what_came_during_the_join_follows_history_without_a_repeat() {
        let mut watch = Watch::joining(ChatKind::Session);
        for seq in 4..=6 {
            assert!(!watch.offer(&frame(seq)));
        }
        let early = watch.go_live(Seq(0), Seq(5)).expect("room for three");
        assert_eq!(seqs(&early), [6]);
        assert!(!watch.offer(&frame(6)));
        assert!(watch.offer(&frame(7)));
    }

    #[test]
    fn a_join_that_was_overrun_reads_history_again() {
        let mut watch = Watch::joining(ChatKind::Session);
        for seq in 1..=EARLY_MAX as i64 + 1 {
            watch.offer(&frame(seq));
        }
        assert_eq!(watch.go_live(Seq(0), Seq(0)).map(|_| ()), Err(Overflowed));
        watch.offer(&frame(600));
        assert_eq!(seqs(&watch.go_live(Seq(0), Seq(599)).expect("again")), [600]);
    }
}
