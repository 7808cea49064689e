//! The list of a user's chats, a page at a time, the chats that changed last first.
//!
//! A chat that changes goes to the front, where the reader of a later page has been already. So a cursor also keeps when
//! the first page was read, and the chats that changed after that come once more, at the end: no chat is passed over,
//! and only chats that changed meanwhile come twice.

use std::fmt;
use std::str::FromStr;

use crate::ids::ChatId;

/// Where the rest of the list begins. For clients it is a word without a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatsCursor {
    /// When the first page was read: microseconds since 1970, by PostgreSQL's clock.
    pub began: i64,
    /// The place of the last chat that was read.
    pub behind: Behind,
}

/// The place that a page goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// In the order of the last change: behind this time, in microseconds, and this chat.
    Change(i64, ChatId),
    /// Among the chats that changed since the first page, which are in the order of their ids: behind this chat.
    Moved(ChatId),
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoCursor;

impl ChatsCursor {
    /// No cursor is longer, in characters.
    pub const MAX_LENGTH: usize = 56;
    /// No number in a cursor is higher. As a time it is in the year 33658.
    const MAX: i64 = 999_999_999_999_999_999;

    /// Before the first chat.
    #[must_use]
    pub fn start(began: i64) -> Self {
        Self { began, behind: Behind::Change(Self::MAX, ChatId(Self::MAX)) }
    }
}

impl fmt::Display for ChatsCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.behind {
            Behind::Change(at, chat) => write!(f, "{}.{at}.{chat}", self.began),
            Behind::Moved(chat) => write!(f, "{}.{chat}", self.began),
        }
    }
}

impl FromStr for ChatsCursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let number = |part: &str| part.parse().ok().filter(|number| (0..=Self::MAX).contains(number));
        let numbers: Option<Vec<i64>> = text.splitn(4, '.').map(number).collect();
        let cursor = match numbers.as_deref() {
            Some([began, at, chat]) => Self { began: *began, behind: Behind::Change(*at, ChatId(*chat)) },
            Some([began, chat]) => Self { began: *began, behind: Behind::Moved(ChatId(*chat)) },
            _ => return Err(NoCursor),
        };
        // One number has many spellings, a cursor one.
        if cursor.to_string() == text { Ok(cursor) } else { Err(NoCursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        let moved = ChatsCursor { began: 17, behind: Behind::Moved(ChatId(4)) };
        for cursor in [ChatsCursor::start(ChatsCursor::MAX), moved, ChatsCursor::start(0)] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        assert_eq!(ChatsCursor::start(ChatsCursor::MAX).to_string().len(), ChatsCursor::MAX_LENGTH);
        for text in ["", ".", "1", "1.2.3.4", "1.+2", "1.-2", "01.2", "1.2.x", "1000000000000000000.1", "1..2"] {
            assert_eq!(text.parse::<ChatsCursor>(), Err(NoCursor), "{text}");
        }
    }
}
