//! Reading messages: history by position, and what changed after a cursor.

use chat_events::gateway_api::{ChatState, MemberChange, SyncPage};
use chat_events::{ChatId, ChatKind, Epoch, Message, MessageId, SenderType, Seq, Visibility};
use chrono::{DateTime, Utc};
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable};
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::access::{Actor, ActorColumns, check_read};
use super::members::member_json;
use super::schema::messages;
use super::shape::{access_cte, acting_user, chat_state_json, marks_json, session_joins, session_json, time_json};
use super::statement::statement;
use super::stored::Stored;
use crate::error::Error;

type MessageColumns = <<messages::table as diesel::Table>::AllColumns as diesel::Expression>::SqlType;

/// One row of `messages`.
#[derive(Debug, Queryable)]
pub(crate) struct MessageRow {
    id: i64,
    chat_id: i64,
    seq: i64,
    changed_seq: i64,
    sender_type: Stored<SenderType>,
    sender_id: i64,
    sender_name: Option<String>,
    body: String,
    client_id: Uuid,
    visibility: Stored<Visibility>,
    created_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    read_at: Option<DateTime<Utc>>,
    is_deleted: bool,
}

impl MessageRow {
    /// As readers see it.
    pub(crate) fn into_message(self, kind: ChatKind) -> Message {
        let chat_id = ChatId(self.chat_id);
        Message {
            id: MessageId(self.id),
            chat_id,
            session_id: (kind == ChatKind::Session).then_some(chat_id),
            seq: Seq(self.seq),
            changed_seq: Seq(self.changed_seq),
            sender_type: self.sender_type.0,
            sender_id: (self.sender_id != 0).then_some(self.sender_id),
            sender_name: self.sender_name,
            body: self.body,
            client_id: self.client_id,
            visibility: self.visibility.0,
            created_at: self.created_at,
            edited_at: self.edited_at,
            delivered_at: self.delivered_at,
            read_at: self.read_at,
            is_deleted: self.is_deleted,
        }
    }
}

/// The first row of a read tells of the chat, the others are messages. In [`Changes`] also members: their JSON in the
/// place of the chat's, and their seq.
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
                NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::boolean "
        )
    };
}

macro_rules! message_columns {
    () => {
        "NULL::text, NULL::text, NULL::bigint, m.id, m.chat_id, m.seq, m.changed_seq, m.sender_type, m.sender_id,
         m.sender_name, m.body, m.client_id, m.visibility, m.created_at, m.edited_at, m.delivered_at, m.read_at,
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
         (SELECT NULL::text, ", member_json!(), ", p.changed_seq, NULL, NULL, NULL, p.changed_seq, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL
          FROM chat_members p
          WHERE p.chat_id = $chat_id AND p.changed_seq > $after AND (SELECT may_read FROM access) = 'allowed'
          ORDER BY p.changed_seq LIMIT $count)
         ORDER BY changed_seq NULLS FIRST LIMIT $count + 1"
    );
}

statement! {
    /// The chat's top, and the messages before a position, the newest first.
    Before<'a> {
        chat_id: i64 as BigInt,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        sees_notes: bool as Bool,
        position: i64 as BigInt,
        count: i64 as BigInt,
    } -> ChatThenMessages = concat!(
        "WITH ", access_cte!(), chat_row!("kind", "seq"), "FROM access
         UNION ALL
         (SELECT ", message_columns!(), " ", readable_messages!(),
        " AND m.seq < $position ORDER BY m.seq DESC LIMIT $count)
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
        sees_notes: bool as Bool,
        position: i64 as BigInt,
        count: i64 as BigInt,
    } -> ChatThenMessages = concat!(
        "WITH ", access_cte!(), chat_row!("kind", "seq"), "FROM access
         UNION ALL
         (SELECT ", message_columns!(), " ", readable_messages!(),
        " AND m.seq > $position ORDER BY m.seq LIMIT $count)
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
    /// Whether there is more in the direction of reading.
    pub(crate) has_more: bool,
    /// The chat's top when the page was read.
    pub(crate) top: Seq,
}

/// Where a page of history lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The newest messages.
    Newest,
    /// The last messages before this one.
    Before(MessageId),
    /// The first messages after this one.
    After(MessageId),
}

/// Reads one page of history.
pub(crate) async fn history(
    conn: &mut AsyncPgConnection,
    reading: Reading,
    place: Place,
    limit: u16,
) -> Result<History, Error> {
    let ActorColumns { kind: principal, user_id, issued_at, login, .. } = ActorColumns::of(reading.actor);
    let chat_id = reading.chat.0;
    let (sees_notes, count) = (reading.notes, i64::from(limit) + 1);
    let before = |position| Before { chat_id, principal, user_id, issued_at, login, sees_notes, position, count };
    let rows: Vec<PageRow> = match place {
        Place::Newest => before(i64::MAX).load(conn).await?,
        Place::Before(id) => before(position_of(conn, reading, id, "before_id").await?).load(conn).await?,
        Place::After(id) => {
            let position = position_of(conn, reading, id, "after_id").await?;
            After { chat_id, principal, user_id, issued_at, login, sees_notes, position, count }.load(conn).await?
        }
    };
    let page = Page::read(rows, limit)?;
    let kind = parse_kind(&page.text)?;
    let mut messages: Vec<Message> = page.rows.into_iter().map(|row| row.into_message(kind)).collect();
    if !matches!(place, Place::After(_)) {
        messages.reverse();
    }
    Ok(History { messages, has_more: page.has_more, top: Seq(page.number) })
}

/// Reads what changed after a cursor, with the chat's state, in one snapshot.
pub(crate) async fn changes(
    conn: &mut AsyncPgConnection,
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
    let page = Page::read(rows, limit)?;
    let chat: ChatState = serde_json::from_str(&page.text)?;
    let next = if page.has_more { page.last_seq } else { chat.seq };
    let messages: Vec<Message> = page.rows.into_iter().map(|row| row.into_message(chat.kind)).collect();
    let epoch = Epoch(i32::try_from(page.number).map_err(|_| Error::Internal("the epoch is not a number".into()))?);
    Ok(SyncPage { epoch, chat, messages, members: page.members, next, has_more: page.has_more })
}

/// The rows of one read, checked and cut to the limit.
struct Page {
    text: String,
    number: i64,
    rows: Vec<MessageRow>,
    members: Vec<MemberChange>,
    last_seq: Seq,
    has_more: bool,
}

impl Page {
    fn read(rows: Vec<PageRow>, limit: u16) -> Result<Self, Error> {
        let mut rows = rows.into_iter();
        let Some((may_read, text, number, _)) = rows.next() else {
            return Err(Error::not_found("there is no such chat"));
        };
        check_read(may_read.as_deref())?;
        let mut page = Self {
            text: text.unwrap_or_default(),
            number: number.unwrap_or_default(),
            rows: Vec::new(),
            members: Vec::new(),
            last_seq: Seq::ZERO,
            has_more: rows.len() > usize::from(limit),
        };
        for row in rows.take(limit.into()) {
            page.push(row)?;
        }
        Ok(page)
    }

    fn push(&mut self, row: PageRow) -> Result<(), Error> {
        match row {
            (.., Some(message)) => {
                self.last_seq = Seq(message.changed_seq);
                self.rows.push(message);
            }
            (_, Some(member), Some(seq), None) => {
                self.last_seq = Seq(seq);
                self.members.push(MemberChange { seq: self.last_seq, member: serde_json::from_str(&member)? });
            }
            _ => {}
        }
        Ok(())
    }
}

fn parse_kind(name: &str) -> Result<ChatKind, Error> {
    Ok(serde_json::from_value(name.into())?)
}

/// The `seq` of a message that the reader may see in this chat.
async fn position_of(conn: &mut AsyncPgConnection, reading: Reading, id: MessageId, field: &str) -> Result<i64, Error> {
    let found: Option<(i64, i64, Stored<Visibility>)> = messages::table
        .filter(messages::id.eq(id.0))
        .select((messages::chat_id, messages::seq, messages::visibility))
        .first(conn)
        .await
        .optional()?;
    match found {
        Some((chat, seq, visibility)) if chat == reading.chat.0 => {
            let visible = reading.notes || visibility.0 == Visibility::Public;
            visible.then_some(seq).ok_or_else(|| unknown_message(field))
        }
        _ => Err(unknown_message(field)),
    }
}

/// There is no such message in this chat, for this reader.
fn unknown_message(field: &str) -> Error {
    Error::field(chat_events::ErrorCode::NotFound, field, "there is no such message in this chat")
}
