//! History by position.

use chat_events::{ChatId, ChatKind, ErrorCode, Mark, Message, MessageId, Seq};
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Deserialize;
use uuid::Uuid;

use super::page::{Page, Reading, Tagged, TaggedRow, head, tagged_messages};
use crate::access::ActorColumns;
use crate::access::rules::reader_cte;
use crate::db::bad_rows::{BadRows, What};
use crate::error::Error;
use crate::marks::json::marks_json;
use statement::statement;

/// The position that a page of history lies at: given, or that of a message which the reader may see. Null: there is no
/// such message, or the reader may not know.
macro_rules! anchor_cte {
    () => {
        ", anchor AS MATERIALIZED (
            SELECT CASE WHEN $from_id = 0 THEN $position WHEN reader.verdict = 'allowed' THEN (
                SELECT x.seq FROM messages x
                WHERE x.id = $from_id AND x.chat_id = $chat_id AND (x.visibility = 'public' OR $sees_notes)
            ) END AS position FROM reader) "
    };
}

/// The rows of a page of history that are no messages: no chat where there is no such place.
macro_rules! history_heads {
    () => {
        concat!(
            head!("reader", "verdict"),
            "FROM reader UNION ALL ",
            head!("number", "seq::text"),
            "FROM reader UNION ALL ",
            head!(
                "chat",
                concat!(
                    "json_build_object('kind', c.kind, 'marks', ",
                    marks_json!("$reader_type", "reader.self_id"),
                    ")::text"
                )
            ),
            "FROM reader JOIN anchor ON anchor.position IS NOT NULL JOIN chats c ON c.id = reader.chat_id
             WHERE reader.verdict = 'allowed' "
        )
    };
}

statement! {
    /// The chat's top, and the messages before a position, the newest first.
    Before<'a> {
        chat_id: i64 as BigInt,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        reader_type: &'a str as Text,
        sees_notes: bool as Bool,
        from_id: i64 as BigInt,
        position: i64 as BigInt,
        count: i64 as BigInt,
    } -> Tagged = concat!(
        "WITH ", reader_cte!(read), anchor_cte!(), history_heads!(), "
         UNION ALL
         (", tagged_messages!("m.seq"), "AND m.seq < (SELECT position FROM anchor) ORDER BY m.seq DESC LIMIT $count)
         ORDER BY at DESC NULLS FIRST"
    );
}

statement! {
    /// The chat's top, and the messages after a position.
    After<'a> {
        chat_id: i64 as BigInt,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        reader_type: &'a str as Text,
        sees_notes: bool as Bool,
        from_id: i64 as BigInt,
        position: i64 as BigInt,
        count: i64 as BigInt,
    } -> Tagged = concat!(
        "WITH ", reader_cte!(read), anchor_cte!(), history_heads!(), "
         UNION ALL
         (", tagged_messages!("m.seq"), "AND m.seq > (SELECT position FROM anchor) ORDER BY m.seq LIMIT $count)
         ORDER BY at NULLS FIRST"
    );
}

/// A page of history.
#[derive(Debug)]
pub(crate) struct History {
    /// In rising `seq`.
    pub(crate) messages: Vec<Message>,
    /// How far the chat's readers have come.
    pub(crate) marks: Vec<Mark>,
    /// Whether there is more in the direction of reading.
    pub(crate) has_more: bool,
    /// The chat's top when the page was read.
    pub(crate) top: Seq,
}

/// Where a page of history lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageAnchor {
    /// The newest messages.
    Newest,
    /// The last messages before this one.
    Before(MessageId),
    /// The first messages after this one.
    After(MessageId),
}

/// A page of nothing but rows that cannot be read is read on behind them, so many times.
const ROUNDS: usize = 20;

/// Reads one page of history.
pub(crate) async fn read(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    reading: Reading,
    anchor: PageAnchor,
    limit: u16,
) -> Result<History, Error> {
    let mut position = if matches!(anchor, PageAnchor::After(_)) { 0 } else { i64::MAX };
    let mut from = match anchor {
        PageAnchor::Newest => None,
        PageAnchor::Before(id) | PageAnchor::After(id) => Some(id),
    };
    for round in 1.. {
        let rows = rows(conn, reading, (anchor, from, position), limit).await?;
        let page = Page::read(bad_rows, reading, rows, limit)?;
        let json = page.chat.as_deref().ok_or_else(|| unknown_message(anchor))?;
        let HistoryOf { kind, marks } = HistoryOf::read(bad_rows, reading.chat, json)?;
        let mut messages: Vec<Message> =
            page.messages.into_iter().filter_map(|row| row.into_message(bad_rows, kind)).collect();
        if messages.is_empty() && page.has_more && round < ROUNDS {
            (from, position) = (None, page.last.0);
            continue;
        }
        if !matches!(anchor, PageAnchor::After(_)) {
            messages.reverse();
        }
        return Ok(History { messages, marks, has_more: page.has_more, top: Seq(page.number) });
    }
    Err(Error::Internal("a page of history has no end".into()))
}

async fn rows(
    conn: &mut AsyncPgConnection,
    reading: Reading,
    (anchor, from, position): (PageAnchor, Option<MessageId>, i64),
    limit: u16,
) -> Result<Vec<TaggedRow>, Error> {
    let ActorColumns { kind: principal, user_id, issued_at, login, reader_type, .. } = ActorColumns::of(reading.actor);
    let (chat_id, from_id) = (reading.chat.0, from.map_or(0, |id| id.0));
    let (sees_notes, count) = (reading.notes, i64::from(limit) + 1);
    Ok(if matches!(anchor, PageAnchor::After(_)) {
        After { chat_id, principal, user_id, issued_at, login, reader_type, sees_notes, from_id, position, count }
            .load(conn)
            .await?
    } else {
        Before { chat_id, principal, user_id, issued_at, login, reader_type, sees_notes, from_id, position, count }
            .load(conn)
            .await?
    })
}

/// The facts that [`Before`] and [`After`] tell of the chat.
#[derive(Deserialize)]
struct HistoryOf {
    kind: ChatKind,
    marks: Vec<Mark>,
}

impl HistoryOf {
    fn read(bad_rows: &BadRows, chat: ChatId, json: &str) -> Result<Self, Error> {
        let read = bad_rows.mended(What::Chat, chat.0, json, |parts| parts.items::<Mark>("marks", What::Mark));
        read.ok_or_else(|| Error::Internal(format!("the chat {chat} cannot be read")))
    }
}

/// There is no such message in this chat, for this reader.
fn unknown_message(anchor: PageAnchor) -> Error {
    let field = if matches!(anchor, PageAnchor::After(_)) { "after_id" } else { "before_id" };
    Error::field(ErrorCode::NotFound, field, "there is no such message in this chat")
}
