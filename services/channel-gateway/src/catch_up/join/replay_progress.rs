//! How far a join has read, and whether that is far enough: pure, so that every interleaving can be tested.

use chat_events::Seq;

/// From a cursor until it has reached where the chat is known to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ReplayProgress {
    cursor: Seq,
    top: Seq,
}

/// The next step after a piece of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Read on.
    ReadOn,
    /// Read again a little later: the answer ended before the chat's known top.
    AskAgain,
    /// It has reached the top.
    Reached,
}

impl ReplayProgress {
    /// Begins after a cursor.
    pub(crate) fn new(after: Seq, top: Seq) -> Self {
        Self { cursor: after, top }
    }

    /// Everything up to here was read.
    pub(crate) fn cursor(&self) -> Seq {
        self.cursor
    }

    /// The position that it has to reach, for the model.
    #[cfg(test)]
    pub(crate) fn top(&self) -> Seq {
        self.top
    }

    /// A piece of history ended at `next`.
    pub(crate) fn took(&mut self, next: Seq, has_more: bool) -> Then {
        let is_stuck = next <= self.cursor && !has_more;
        self.cursor = next.max(self.cursor);
        match has_more {
            false if self.cursor >= self.top => Then::Reached,
            false if is_stuck => Then::AskAgain,
            _ => Then::ReadOn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_ends_before_the_top_is_asked_for_again() {
        let mut reading = ReplayProgress::new(Seq(2), Seq(5));
        assert_eq!(reading.took(Seq(3), true), Then::ReadOn);
        assert_eq!(reading.took(Seq(4), false), Then::ReadOn);
        assert_eq!(reading.took(Seq(4), false), Then::AskAgain);
        assert_eq!(reading.took(Seq(6), false), Then::Reached);
        assert_eq!(reading.cursor(), Seq(6));
    }
}
