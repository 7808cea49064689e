//! How far one connection has come in one chat: this keeps every socket in order and free of repeats. A pure state
//! machine, so that every interleaving can be tested.

use chat_events::Seq;

/// Live frames kept for a connection that still reads history. Beyond this it reads history once more instead.
const EARLY_MAX: usize = 512;

/// Something that has its place in a chat.
pub(crate) trait Placed: Clone {
    /// Its position.
    fn seq(&self) -> Seq;
}

/// From history to live.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Progress<F>(Phase<F>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase<F> {
    /// History is being read; live frames wait here meanwhile.
    Joining { early: Vec<F>, room: usize, overflowed: bool },
    /// Everything visible in (from, to] was sent.
    Live { from: Seq, to: Seq },
}

/// Too much came live while history was read: it has to be read on.
#[derive(Debug, PartialEq, Eq)]
pub struct Overflowed;

impl<F: Placed> Progress<F> {
    /// History is about to be read.
    pub(crate) fn joining() -> Self {
        Self::joining_with_room(EARLY_MAX)
    }

    /// The same, with room for that many frames that come meanwhile.
    pub(crate) fn joining_with_room(room: usize) -> Self {
        Self(Phase::Joining { early: Vec::new(), room, overflowed: false })
    }

    /// Live from this position on.
    pub(crate) fn live(from: Seq) -> Self {
        Self(Phase::Live { from, to: from })
    }

    /// A live frame is offered; true means: send it now.
    pub(crate) fn offer(&mut self, frame: &F) -> bool {
        match &mut self.0 {
            Phase::Live { to, .. } if frame.seq() > *to => {
                *to = frame.seq();
                true
            }
            Phase::Live { .. } => false,
            Phase::Joining { early, room, overflowed } => {
                if early.len() < *room && !*overflowed {
                    early.push(frame.clone());
                } else {
                    early.clear();
                    *overflowed = true;
                }
                false
            }
        }
    }

    /// History was read up to `reached`: the waiting frames above it are to be sent, then the chat is live.
    pub(crate) fn go_live(&mut self, after: Seq, reached: Seq) -> Result<Vec<F>, Overflowed> {
        let Phase::Joining { early, overflowed, .. } = &mut self.0 else {
            return Ok(Vec::new());
        };
        if std::mem::take(overflowed) {
            return Err(Overflowed);
        }
        let mut frames = std::mem::take(early);
        frames.retain(|frame| frame.seq() > reached);
        let to = frames.last().map_or(reached, Placed::seq);
        self.0 = Phase::Live { from: after, to };
        Ok(frames)
    }

    /// Where the live part begins, if it is live: older history ends there.
    pub(crate) fn live_from(&self) -> Option<Seq> {
        match self.0 {
            Phase::Live { from, .. } => Some(from),
            Phase::Joining { .. } => None,
        }
    }

    /// How far it has come, if it is live.
    pub(crate) fn live_to(&self) -> Option<Seq> {
        match self.0 {
            Phase::Live { to, .. } => Some(to),
            Phase::Joining { .. } => None,
        }
    }

    /// Older history, from `after` on, was sent too.
    pub(crate) fn extended_to(&mut self, after: Seq) {
        if let Phase::Live { from, .. } = &mut self.0 {
            *from = after.min(*from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Placed for i64 {
        fn seq(&self) -> Seq {
            Seq(*self)
        }
    }

    #[test]
    fn what_came_during_the_join_follows_history_without_a_repeat() {
        let mut progress = Progress::joining();
        for seq in 4..=6 {
            assert!(!progress.offer(&seq));
        }
        assert_eq!(progress.go_live(Seq(0), Seq(5)), Ok(vec![6]));
        assert!(!progress.offer(&6));
        assert!(progress.offer(&7));
    }

    #[test]
    fn a_join_that_was_overrun_reads_history_again() {
        let mut progress = Progress::joining();
        for seq in 1..=EARLY_MAX as i64 + 1 {
            progress.offer(&seq);
        }
        assert_eq!(progress.go_live(Seq(0), Seq(0)), Err(Overflowed));
        progress.offer(&600);
        assert_eq!(progress.go_live(Seq(0), Seq(599)), Ok(vec![600]));
    }
}
