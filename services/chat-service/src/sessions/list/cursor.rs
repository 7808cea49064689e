//! Where a page of sessions ends, as a text without a meaning for clients.

use std::fmt;
use std::str::FromStr;

use chat_events::ChatId;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The newest first.
    Newest,
    /// The last change first.
    Recent,
    /// The longest waiting first; behind them, the last change first.
    Waiting,
}

/// The last session of a page. Times are microseconds since 1970, by PostgreSQL's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the order of ids.
    Newest(ChatId),
    /// In the order of the last change.
    Recent { changed_at: i64, chat: ChatId },
    /// Among the sessions that wait.
    Waiting { began: i64, since: i64, chat: ChatId },
    /// Among those that do not.
    Answered { began: i64, changed_at: i64, chat: ChatId },
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoCursor;

impl Place {
    /// No cursor is longer, in characters.
    pub(crate) const MAX_LENGTH: usize = 58;
    /// No number in a cursor is higher.
    const MAX: i64 = 999_999_999_999_999_999;

    /// The order of the list that it is of.
    pub(crate) fn order(self) -> Order {
        match self {
            Self::Newest(_) => Order::Newest,
            Self::Recent { .. } => Order::Recent,
            Self::Waiting { .. } | Self::Answered { .. } => Order::Waiting,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest(chat) => write!(f, "{chat}"),
            Self::Recent { changed_at, chat } => write!(f, "r{changed_at}.{chat}"),
            Self::Waiting { began, since, chat } => write!(f, "w{began}.{since}.{chat}"),
            Self::Answered { began, changed_at, chat } => write!(f, "a{began}.{changed_at}.{chat}"),
        }
    }
}

impl FromStr for Place {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        if text.len() > Self::MAX_LENGTH {
            return Err(NoCursor);
        }
        let (kind, numbers) = text.split_at(usize::from(text.starts_with(['r', 'w', 'a'])));
        let numbers: Vec<i64> = numbers.split('.').map(number).collect::<Option<_>>().ok_or(NoCursor)?;
        Ok(match (kind, numbers.as_slice()) {
            ("", [chat]) => Self::Newest(ChatId(*chat)),
            ("r", [changed_at, chat]) => Self::Recent { changed_at: *changed_at, chat: ChatId(*chat) },
            ("w", [began, since, chat]) => Self::Waiting { began: *began, since: *since, chat: ChatId(*chat) },
            ("a", [began, changed_at, chat]) => {
                Self::Answered { began: *began, changed_at: *changed_at, chat: ChatId(*chat) }
            }
            _ => return Err(NoCursor),
        })
    }
}

/// Digits alone, and not too many.
fn number(text: &str) -> Option<i64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_plain && (0..=Place::MAX).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_from_its_text_and_nothing_else_does() {
        let (chat, at, began) = (ChatId(Place::MAX), Place::MAX, 7);
        for place in [
            Place::Newest(chat),
            Place::Recent { changed_at: at, chat },
            Place::Waiting { began, since: at, chat },
            Place::Answered { began: at, changed_at: at, chat },
        ] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for bad in ["", "r", "r1", "1.2", "w1.2", "a1.2.3.4", "r-1.2", "r1.+2", "x1.2", "9999999999999999999", "r1. 2"]
        {
            assert_eq!(bad.parse::<Place>(), Err(NoCursor), "{bad}");
        }
        assert_eq!(format!("w{}", "1".repeat(80)).parse::<Place>(), Err(NoCursor));
    }
}
