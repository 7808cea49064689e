//! One row of `messages`: its columns, and how readers see it. The parts of a message are listed here alone: for reads,
//! for events, and for new rows.

use chat_events::metadata::ShownMetadata;
use chat_events::{ChatId, ChatKind, Message, MessageId, SenderType, Seq, Visibility};
use chrono::{DateTime, Utc};
use diesel::deserialize::{FromSql, FromSqlRow, Result};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::{BigInt, Bool, Nullable, Record, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::db::bad_rows::{BadRows, What};
use crate::db::stored::{Readable, Stored};

/// A row `m`, as one column.
macro_rules! message_record {
    () => {
        "ROW(m.id, m.chat_id, m.seq, m.changed_seq, m.sender_type, m.sender_id, m.sender_name, m.body, m.client_id,
             m.visibility, m.created_at, m.edited_at, m.is_deleted, m.metadata::text)"
    };
}

/// The type of [`message_record`].
pub(crate) type MessageRecord = Record<(
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    Text,
    BigInt,
    Nullable<Text>,
    Text,
    SqlUuid,
    Text,
    Timestamptz,
    Nullable<Timestamptz>,
    Bool,
    Nullable<Text>,
)>;

/// A row that was read.
#[derive(Debug, FromSqlRow)]
pub(crate) struct MessageRow {
    id: i64,
    chat_id: i64,
    pub(super) seq: i64,
    pub(super) changed_seq: i64,
    sender_type: Readable<Stored<SenderType>>,
    sender_id: i64,
    sender_name: Option<String>,
    body: String,
    client_id: Uuid,
    visibility: Readable<Stored<Visibility>>,
    created_at: Readable<DateTime<Utc>>,
    edited_at: Option<Readable<DateTime<Utc>>>,
    is_deleted: bool,
    metadata: Option<String>,
}

impl FromSql<MessageRecord, Pg> for MessageRow {
    fn from_sql(bytes: PgValue<'_>) -> Result<Self> {
        let (
            id,
            chat_id,
            seq,
            changed_seq,
            sender_type,
            sender_id,
            sender_name,
            body,
            client_id,
            visibility,
            created_at,
            edited_at,
            is_deleted,
            metadata,
        ) = FromSql::<MessageRecord, Pg>::from_sql(bytes)?;
        Ok(Self {
            id,
            chat_id,
            seq,
            changed_seq,
            sender_type,
            sender_id,
            sender_name,
            body,
            client_id,
            visibility,
            created_at,
            edited_at,
            is_deleted,
            metadata,
        })
    }
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
            metadata: self.metadata.and_then(ShownMetadata::of),
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

/// The fields of `chat_events::Message` from a row `m`, as a query; the chat's kind is given as SQL.
macro_rules! message_fields {
    ($kind:literal) => {
        concat!(
            "SELECT m.id, m.chat_id, CASE WHEN ",
            $kind,
            " = 'session' THEN m.chat_id END AS session_id, m.seq, m.changed_seq,
                m.sender_type, nullif(m.sender_id, 0) AS sender_id, m.sender_name,
                m.body, m.client_id, m.visibility, ",
            $crate::db::json::time_json!("m.created_at"),
            " AS created_at, ",
            $crate::db::json::time_json!("m.edited_at"),
            " AS edited_at, m.is_deleted, m.metadata"
        )
    };
}

/// `chat_events::Message` from a row `m`; the chat's kind is given as SQL.
macro_rules! message_json {
    ($kind:literal) => {
        concat!("(SELECT row_to_json(j) FROM (", $crate::messages::row::message_fields!($kind), ") j)")
    };
}

/// Inserts new messages, which rows `m` describe: `FROM` is to follow.
macro_rules! insert_messages {
    () => {
        "INSERT INTO messages (id, chat_id, seq, changed_seq, sender_type, sender_id, sender_name, body, client_id,
                               visibility, created_at, metadata)
         OVERRIDING SYSTEM VALUE
         SELECT m.id, m.chat_id, m.seq, m.changed_seq, m.sender_type, m.sender_id, m.sender_name, m.body, m.client_id,
                m.visibility, m.created_at, m.metadata "
    };
}

pub(crate) use {insert_messages, message_fields, message_json, message_record};
