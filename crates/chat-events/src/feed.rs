//! The change feed: the changes of all chats, in order in each, without a hole and without a double.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ChatId, Epoch, LaneCount, Seq, SiteId, Visibility};

/// The first letter of a cursor: a later form has another one.
const FORM: &str = "1";

/// A reader's place in the feed: its last position in each lane of a database. Opaque to readers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FeedCursor {
    /// The database's history: positions of another one mean nothing.
    pub epoch: Epoch,
    /// The last position read of each lane.
    pub positions: Vec<i64>,
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor of the change feed")]
pub struct NoFeedCursor;

impl Display for FeedCursor {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{FORM}.{}", self.epoch)?;
        self.positions.iter().try_for_each(|position| write!(f, ".{position}"))
    }
}

impl FromStr for FeedCursor {
    type Err = NoFeedCursor;

    fn from_str(text: &str) -> Result<Self, NoFeedCursor> {
        let mut parts = text.split('.');
        if parts.next() != Some(FORM) {
            return Err(NoFeedCursor);
        }
        let epoch = parts.next().and_then(|part| part.parse().ok()).map(Epoch).ok_or(NoFeedCursor)?;
        let positions = parts.map(position).collect::<Option<Vec<_>>>().ok_or(NoFeedCursor)?;
        let is_vector = i32::try_from(positions.len()).is_ok_and(|count| LaneCount::new(count).is_ok());
        // One number has many spellings, a cursor one.
        Some(Self { epoch, positions }).filter(|cursor| is_vector && cursor.to_string() == text).ok_or(NoFeedCursor)
    }
}

impl TryFrom<String> for FeedCursor {
    type Error = NoFeedCursor;

    fn try_from(text: String) -> Result<Self, NoFeedCursor> {
        text.parse()
    }
}

impl From<FeedCursor> for String {
    fn from(cursor: FeedCursor) -> Self {
        cursor.to_string()
    }
}

fn position(part: &str) -> Option<i64> {
    part.parse().ok().filter(|position| *position >= 0)
}

/// A request for the changes after a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedRequest {
    /// Where to go on.
    pub after: FeedStart,
    /// Changes in the answer, at most: 1 to [`MAX_FEED_PAGE`].
    pub limit: u16,
    /// How long to wait for a change if there is none: at most [`MAX_FEED_WAIT_MS`]. Milliseconds.
    #[serde(default)]
    pub wait_ms: u32,
}

/// Where a reader begins, or goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedStart {
    /// With the changes from now on.
    Now,
    /// With the oldest change that is kept.
    Oldest,
    /// After the last position that was read.
    Cursor(FeedCursor),
}

/// The largest page.
pub const MAX_FEED_PAGE: u16 = 1000;

/// The longest wait, in milliseconds.
pub const MAX_FEED_WAIT_MS: u32 = 25_000;

/// Changes after a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPage {
    /// In the order of `seq` in each chat.
    pub changes: Vec<Change>,
    /// Where to go on.
    pub cursor: FeedCursor,
    /// Whether more is there already.
    pub has_more: bool,
}

/// One change: its kind and its place. Its text is read from the chat, as it is by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The chat.
    pub chat_id: ChatId,
    /// Its position there.
    pub seq: Seq,
    /// An event's kind; one that is not known to this version may come from a newer one.
    pub kind: String,
    /// The readers who may know of it.
    pub visibility: Visibility,
    /// The site of a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_id: Option<SiteId>,
    /// When it was published.
    pub at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        let cursor = FeedCursor { epoch: Epoch(3), positions: vec![0, 12, i64::MAX] };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        let too_many = format!("1.3{}", ".0".repeat(257));
        for text in [
            "",
            "1",
            "1.3",
            "2.3.0",
            "1.x.0",
            "1.3.-1",
            "1.3.",
            "1.3.+1",
            "1.03.1",
            "1.3.9223372036854775808",
            &too_many,
        ] {
            assert_eq!(text.parse::<FeedCursor>(), Err(NoFeedCursor), "{text}");
        }
    }
}
