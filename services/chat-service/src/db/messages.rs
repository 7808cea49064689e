//! Reading messages: history by position, and what changed after a cursor.

use chat_events::gateway_api::{MemberChange, SyncPage};
use chat_events::{ChatId, ChatKind, Epoch, Mark, Message, MessageId, SenderType, Seq, SessionDesk, Visibility};
use chrono::{DateTime, Utc};
use diesel::prelude::Queryable;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Deserialize;
use uuid::Uuid;

use super::access::{Actor, ActorColumns, check_read, unknown_chat};
use super::chats;
use super::members::member_json;
use super::schema::messages;
use super::shape::{
    access_cte, acting_user, chat_state_json, desk_json, marks_json, session_joins, session_json, time_json,
};
use super::statement::statement;
use super::stored::{Readable, Stored};
use crate::bad_rows::{BadRows, What};
use crate::error::Error;

type MessageColumns = <<messages::table as diesel::Table>::AllColumns as diesel::Expression>::SqlType;

/// One row of `messages`.
#[derive(Debug, Queryable)]
pub(crate) struct MessageRow {
    id: i64,
    chat_id: i64,
    seq: i64,
    changed_seq: i64,
    sender_type: Readable<Stored<SenderType>>,
    sender_id: i64,
    sender_name: Option<String>,
    body: String,
    client_id: Uuid,
    visibility: Readable<Stored<Visibility>>,
    created_at: Readable<DateTime<Utc>>,
    edited_at: Option<Readable<DateTime<Utc>>>,
    is_deleted: bool,
}

impl MessageRow {
    /// As readers see it; none if it cannot be read.
    pub(crate) fn into_message(self, bad_rows: &BadRows, kind: ChatKind) -> Option<Message> {
        let id = self.id;
        let message = self.read(kind);
        if message.is_none() {
            bad_rows.skip(What::Message, id, "a time is out of range, or a name is not known");
        }
        message
    }

    fn read(self, kind: ChatKind) -> Option<Message> {
        let chat_id = ChatId(self.chat_id);
        Some(Message {
            id: MessageId(self.id),
            chat_id,
            session_id: (kind == ChatKind::Session).then_some(chat_id),
            seq: Seq(self.seq),
            changed_seq: Seq(self.changed_seq),
            sender_type: self.sender_type.0?.0,
            sender_id: (self.sender_id != 0).then_some(self.sender_id),
            sender_name: self.sender_name,
            body: self.body,
            client_id: self.client_id,
            visibility: self.visibility.0?.0,
            created_at: self.created_at.0?,
            edited_at: readable(self.edited_at)?,
            is_deleted: self.is_deleted,
        })
    }
}

/// None where there is something that cannot be read.
fn readable<T>(value: Option<Readable<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(Readable(value)) => value.map(Some),
    }
}

/// The first row of a read tells of the chat, the others are messages. In [`Changes`] also members and what operators see of
/// the session: which of the two it is, its JSON in the place of the chat's, and its seq.
type ChatThenMessages = (Nullable<Text>, Nullable<Text>, Nullable<BigInt>, Nullable<MessageColumns>);

/// One row of [`ChatThenMessages`].
type PageRow = (Option<String>, Option<String>, Option<i64>, Option<MessageRow>);

macro_rules! chat_row {
    ($text:expr, $number:literal) => {
        concat!(
            "SELECT may_read, ",
            $text,
            " AS text, ",
            $number,
            " AS number,
                NULL::bigint AS id, NULL::bigint AS chat_id, NULL::bigint AS seq, NULL::bigint AS changed_seq,
                NULL::text, NULL::bigint, NULL::text, NULL::text, NULL::uuid, NULL::text, NULL::timestamptz,
                NULL::timestamptz, NULL::boolean "
        )
    };
}

macro_rules! message_columns {
    () => {
        "NULL::text, NULL::text, NULL::bigint, m.id, m.chat_id, m.seq, m.changed_seq, m.sender_type, m.sender_id,
         m.sender_name, m.body, m.client_id, m.visibility, m.created_at, m.edited_at,
         m.is_deleted"
    };
}

macro_rules! readable_messages {
    () => {
        "FROM messages m WHERE m.chat_id = $chat_id AND (SELECT may_read FROM access) = 'allowed'
            AND (m.visibility = 'public' OR $sees_notes)"
    };
}

statement! {
    /// The chat's state, the epoch, and what changed after the cursor.
    Changes<'a> {
        chat_id: i64 as BigInt,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        reader_type: &'a str as Text,
        sees_notes: bool as Bool,
        after: i64 as BigInt,
        count: i64 as BigInt,
    } -> ChatThenMessages = concat!(
        "WITH ", access_cte!(),
        chat_row!(
            concat!(
                "(SELECT ", chat_state_json!("$reader_type", "access.self_id"), "::text FROM chats c ",
                session_joins!(), " WHERE c.id = access.id)"
            ),
            "(SELECT epoch FROM installation)::bigint"
        ),
        "FROM access
         UNION ALL
         (SELECT ", message_columns!(), " ", readable_messages!(),
        " AND m.changed_seq > $after ORDER BY m.changed_seq LIMIT $count)
         UNION ALL
         (SELECT 'member', json_build_object('seq', p.changed_seq, 'added_seq', p.added_seq, 'member', ",
        member_json!(), "::json)::text, p.changed_seq, NULL, NULL, NULL, p.changed_seq, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL
          FROM chat_members p
          WHERE p.chat_id = $chat_id AND p.changed_seq > $after AND (SELECT may_read FROM access) = 'allowed'
          ORDER BY p.changed_seq LIMIT $count)
         UNION ALL
         (SELECT 'desk', ", desk_json!(), "::text, s.desk_seq, NULL, NULL, NULL, s.desk_seq, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL
          FROM chat_sessions s JOIN clients v ON v.id = s.client_id
          WHERE s.chat_id = $chat_id AND s.desk_seq > $after AND $sees_notes
            AND (SELECT may_read FROM access) = 'allowed')
         ORDER BY changed_seq NULLS FIRST LIMIT $count + 1"
    );
}

/// The position that a page of history lies at: given, or that of a message which the reader may see. Null: there is no
/// such message, or the reader may not know.
macro_rules! place_cte {
    () => {
        ", place AS MATERIALIZED (
            SELECT CASE WHEN $from_id = 0 THEN $position WHEN access.may_read = 'allowed' THEN (
                SELECT x.seq FROM messages x
                WHERE x.id = $from_id AND x.chat_id = $chat_id AND (x.visibility = 'public' OR $sees_notes)
            ) END AS position FROM access) "
    };
}

/// [`ChatThenMessages`] of a page of history: no kind and no marks where there is no such place.
macro_rules! history_row {
    () => {
        concat!(
            chat_row!(
                concat!(
                    "CASE WHEN place.position IS NOT NULL AND may_read = 'allowed' THEN (
                        SELECT json_build_object('kind', c.kind, 'marks', ",
                    marks_json!("$reader_type", "access.self_id"),
                    ")::text FROM chats c WHERE c.id = access.id) END"
                ),
                "seq"
            ),
            "FROM access CROSS JOIN place"
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
    } -> ChatThenMessages = concat!(
        "WITH ", access_cte!(), place_cte!(), history_row!(), "
         UNION ALL
         (SELECT ", message_columns!(), " ", readable_messages!(),
        " AND m.seq < (SELECT position FROM place) ORDER BY m.seq DESC LIMIT $count)
         ORDER BY seq DESC NULLS FIRST"
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
    } -> ChatThenMessages = concat!(
        "WITH ", access_cte!(), place_cte!(), history_row!(), "
         UNION ALL
         (SELECT ", message_columns!(), " ", readable_messages!(),
        " AND m.seq > (SELECT position FROM place) ORDER BY m.seq LIMIT $count)
         ORDER BY seq NULLS FIRST"
    );
}

/// A reader of one chat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Who; none is a gateway on its own account.
    pub(crate) actor: Option<Actor>,
    /// Where.
    pub(crate) chat: ChatId,
    /// Whether notes are wanted at all: a gateway fills for all its sockets and filters later.
    pub(crate) notes: bool,
}

impl Reading {
    /// What the actor itself may see.
    pub(crate) fn of(actor: Actor, chat: ChatId) -> Self {
        Self { actor: Some(actor), chat, notes: actor.principal.sees(Visibility::Staff) }
    }
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
pub(crate) async fn history(
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
        let rows = history_rows(conn, reading, (anchor, from, position), limit).await?;
        let page = Page::read(conn, bad_rows, reading, rows, limit).await?;
        let json = page.text.as_deref().ok_or_else(|| unknown_message(anchor))?;
        let HistoryOf { kind, marks } = HistoryOf::read(bad_rows, reading.chat, json)?;
        let last = page.rows.last().map(|row| row.seq);
        let mut messages: Vec<Message> =
            page.rows.into_iter().filter_map(|row| row.into_message(bad_rows, kind)).collect();
        match last {
            Some(last) if messages.is_empty() && page.has_more && round < ROUNDS => (from, position) = (None, last),
            _ => {
                if !matches!(anchor, PageAnchor::After(_)) {
                    messages.reverse();
                }
                return Ok(History { messages, marks, has_more: page.has_more, top: Seq(page.number) });
            }
        }
    }
    Err(Error::Internal("a page of history has no end".into()))
}

async fn history_rows(
    conn: &mut AsyncPgConnection,
    reading: Reading,
    (anchor, from, position): (PageAnchor, Option<MessageId>, i64),
    limit: u16,
) -> Result<Vec<PageRow>, Error> {
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

/// Reads what changed after a cursor, with the chat's state, in one snapshot.
pub(crate) async fn changes(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    reading: Reading,
    after: Seq,
    limit: u16,
) -> Result<SyncPage, Error> {
    let who = ActorColumns::of(reading.actor);
    let statement = Changes {
        chat_id: reading.chat.0,
        principal: who.kind,
        user_id: who.user_id,
        issued_at: who.issued_at,
        login: who.login,
        reader_type: who.reader_type,
        sees_notes: reading.notes,
        after: after.0,
        count: i64::from(limit) + 1,
    };
    let rows: Vec<PageRow> = statement.load(conn).await?;
    let page = Page::read(conn, bad_rows, reading, rows, limit).await?;
    let chat = page.text.as_deref().and_then(|json| chats::state(bad_rows, reading.chat.0, json));
    let chat = chat.ok_or_else(|| Error::Internal(format!("the chat {} cannot be read", reading.chat)))?;
    let next = if page.has_more { page.last_seq } else { chat.seq };
    let messages: Vec<Message> =
        page.rows.into_iter().filter_map(|row| row.into_message(bad_rows, chat.kind)).collect();
    let epoch = Epoch(i32::try_from(page.number).map_err(|_| Error::Internal("the epoch is not a number".into()))?);
    Ok(SyncPage { epoch, chat, messages, members: page.members, desk: page.desk, next, has_more: page.has_more })
}

/// The rows of one read, checked and cut to the limit.
struct Page {
    text: Option<String>,
    number: i64,
    rows: Vec<MessageRow>,
    members: Vec<MemberChange>,
    desk: Option<SessionDesk>,
    last_seq: Seq,
    has_more: bool,
}

impl Page {
    async fn read(
        conn: &mut AsyncPgConnection,
        bad_rows: &BadRows,
        reading: Reading,
        rows: Vec<PageRow>,
        limit: u16,
    ) -> Result<Self, Error> {
        let mut rows = rows.into_iter();
        let Some((may_read, text, number, _)) = rows.next() else {
            return Err(match reading.actor {
                Some(actor) => unknown_chat(conn, actor, "there is no such chat").await,
                None => Error::not_found("there is no such chat"),
            });
        };
        check_read(may_read.as_deref())?;
        let mut page = Self {
            text,
            number: number.unwrap_or_default(),
            rows: Vec::new(),
            members: Vec::new(),
            desk: None,
            last_seq: Seq::ZERO,
            has_more: rows.len() > usize::from(limit),
        };
        for row in rows.take(limit.into()) {
            page.push(bad_rows, reading.chat, row);
        }
        Ok(page)
    }

    /// The cursor moves past a row that cannot be read.
    fn push(&mut self, bad_rows: &BadRows, chat: ChatId, row: PageRow) {
        match row {
            (.., Some(message)) => {
                self.last_seq = Seq(message.changed_seq);
                self.rows.push(message);
            }
            (Some(what), Some(json), Some(seq), None) => {
                self.last_seq = Seq(seq);
                match what.as_str() {
                    "member" => self.members.extend(bad_rows.json(What::Member, chat.0, &json)),
                    _ => self.desk = bad_rows.json(What::Session, chat.0, &json),
                }
            }
            _ => {}
        }
    }
}

/// What [`Before`] and [`After`] tell of the chat.
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
    Error::field(chat_events::ErrorCode::NotFound, field, "there is no such message in this chat")
}
