//! Cursors of one chat as clients hand them back: in a query, and as the `id:` of an event.
//!
//! A cursor names its epoch. One that names none is of the first: it counts for nothing in a database that was restored.

use std::fmt;

use chat_events::{Epoch, ErrorBody, ErrorCode, Seq};

/// Where the client of one chat comes back from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The last seq that it saw.
    pub seq: Seq,
    /// Of which database.
    pub epoch: Epoch,
}

/// As in the `id:` of an event, and in `after`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.seq)
    }
}

/// Where a connection says that it comes back from, before it is known how many chats it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameFrom {
    /// A position in one chat.
    One(Position),
    /// It had several chats, and no one position tells of them.
    Several,
}

/// The cursor of a query: `after=<epoch>:<seq>`, or `after=<seq>` with `epoch=<epoch>` beside it.
pub fn after(after: Option<&str>, beside: Option<Epoch>) -> Result<Option<Position>, ErrorBody> {
    let Some(text) = after else { return Ok(None) };
    let why = "after is <epoch>:<seq>, or a seq: 0 or more";
    read(text, beside).map(Some).ok_or_else(|| ErrorBody::field(ErrorCode::BadRequest, "after", why))
}

/// The epoch that a cursor is of, as it stands in a query.
pub(crate) fn epoch(text: Option<&str>) -> Result<Option<Epoch>, ErrorBody> {
    let bad = |_| ErrorBody::field(ErrorCode::BadRequest, "epoch", "epoch is a number");
    text.map(|text| text.parse().map(Epoch)).transpose().map_err(bad)
}

/// The position in `Last-Event-ID`: an id of a stream of one chat, which older versions wrote without the epoch, or an
/// id of several chats. No id is an error, which would end a browser's EventSource for good: an unreadable id counts as
/// one of several chats.
#[must_use]
pub fn last_event_id(id: &str, beside: Option<Epoch>) -> CameFrom {
    read(id, beside).map_or(CameFrom::Several, CameFrom::One)
}

/// The epoch that it names wins over the one beside it, which may be older.
fn read(text: &str, beside: Option<Epoch>) -> Option<Position> {
    let (epoch, seq) = match text.split_once(':') {
        Some((epoch, seq)) => (Epoch(epoch.parse().ok()?), seq),
        None => (beside.unwrap_or(Epoch::FIRST), text),
    };
    let seq: Seq = seq.parse().ok()?;
    (seq >= Seq::ZERO).then_some(Position { seq, epoch })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(epoch: i32, seq: i64) -> CameFrom {
        CameFrom::One(Position { seq: Seq(seq), epoch: Epoch(epoch) })
    }

    #[test]
    fn an_id_names_its_epoch_and_an_old_one_is_of_the_first() {
        assert_eq!(last_event_id("3:53", None), one(3, 53));
        assert_eq!(last_event_id("3:53", Some(Epoch(2))), one(3, 53));
        assert_eq!(last_event_id("53", None), one(1, 53));
        assert_eq!(last_event_id("53", Some(Epoch(2))), one(2, 53));
    }

    #[test]
    fn no_id_is_refused() {
        for id in ["3:42:53", "one", ":", "1:", ":1", "1:-1", "-1", "1:2:3:4", "9999999999:1", "1:99999999999999999999"]
        {
            assert_eq!(last_event_id(id, None), CameFrom::Several, "{id}");
        }
    }

    #[test]
    fn a_query_that_cannot_be_read_is() {
        assert_eq!(after(Some("2:53"), None), Ok(Some(Position { seq: Seq(53), epoch: Epoch(2) })));
        assert_eq!(after(None, Some(Epoch(2))), Ok(None));
        for text in ["", "-1", "one", "1:2:3"] {
            assert_eq!(after(Some(text), None).expect_err(text).code, ErrorCode::BadRequest);
        }
        assert_eq!(epoch(Some("first")).expect_err("no number").code, ErrorCode::BadRequest);
    }
}
