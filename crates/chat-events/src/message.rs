//! A message as every reader sees it: the same JSON in REST, in `sync` and in frames.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use uuid::Uuid;

use crate::fault::Fault;
use crate::ids::{ChatId, MessageId, Seq};
use crate::metadata::{Metadata, ShownMetadata};
use crate::text::{INVISIBLE, close_directions, optional_name, shows_nothing};

/// What kind of conversation a chat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// Two users.
    Direct,
    /// Several users, all may write.
    Group,
    /// Many readers; only admins write.
    Channel,
    /// Bound to a record of a CRM.
    Record,
    /// A support session: a client and operators.
    Session,
}

impl ChatKind {
    /// As stored in PostgreSQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
            Self::Channel => "channel",
            Self::Record => "record",
            Self::Session => "session",
        }
    }
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SenderType {
    /// The visitor of a support session.
    Client,
    /// Staff, in a support session.
    Operator,
    /// A user, in any other chat.
    User,
    /// A program.
    Bot,
    /// Switchboard itself.
    System,
}

impl SenderType {
    /// As stored in PostgreSQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Operator => "operator",
            Self::User => "user",
            Self::Bot => "bot",
            Self::System => "system",
        }
    }
}

/// Who may see a message or an event. Where it is missing, it counts as staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody in the chat.
    Public,
    /// Operators only: a note.
    #[default]
    Staff,
}

impl Visibility {
    /// As stored in PostgreSQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Staff => "staff",
        }
    }
}

/// A message in its present state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Message {
    /// Unique over all chats.
    pub id: MessageId,
    /// The chat that it belongs to.
    pub chat_id: ChatId,
    /// The same number as `chat_id` in a support session, else null.
    pub session_id: Option<ChatId>,
    /// Where it was created in its chat: the order of display.
    pub seq: Seq,
    /// Its last change. Of two copies the one with the higher `changed_seq` is right.
    pub changed_seq: Seq,
    /// Who wrote it.
    pub sender_type: SenderType,
    /// The client's, operator's or user's id; null for the system.
    pub sender_id: Option<i64>,
    /// The name to show, as it was when the message was written.
    pub sender_name: Option<String>,
    /// The text; empty when deleted.
    pub body: String,
    /// The UUID that its sender gave.
    pub client_id: Uuid,
    /// `staff` is a note that only operators see.
    #[serde(default)]
    pub visibility: Visibility,
    /// RFC 3339, UTC.
    #[serde(serialize_with = "crate::time::micros")]
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    #[serde(serialize_with = "crate::time::micros_or_null")]
    pub edited_at: Option<DateTime<Utc>>,
    /// True when it was deleted: the body is gone.
    pub is_deleted: bool,
    /// What its sender's program said about it, or null.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<ShownMetadata>,
}

/// A message as its sender gives it, in a frame or to REST.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"body": "Hello", "client_id": "0190f5a2-7c1e-7c3a-9d55-2f1f3c5d7e90"}))]
pub struct MessageDraft {
    /// The text: 1 to 10,000 characters of which one at least shows something, no NUL. It is kept as it is, but for directions
    /// that it leaves open: those are closed.
    #[schema(schema_with = MessageBody::schema)]
    pub body: MessageBody,
    /// A UUID of the sender's making. Sent again with the same, the message is not written again.
    pub client_id: Uuid,
    /// `staff` from an operator in a session makes a note that its client never sees; left out, it is public.
    #[serde(default, deserialize_with = "optional_name", skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// What a program has to say about it, for programs: kept and shown as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = about_message)]
    pub metadata: Option<Metadata>,
}

fn about_message() -> Schema {
    Metadata::schema("What a program has to say about it, for programs: kept and shown as it is.")
}

impl MessageDraft {
    /// A public one.
    #[must_use]
    pub fn new(body: MessageBody, client_id: Uuid) -> Self {
        Self { body, client_id, visibility: None, metadata: None }
    }
}

/// The text of a message, known to be good: 1 to 10,000 characters as it was sent, of which one at least shows something, no
/// NUL, and no direction that goes on behind its paragraph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageBody(String);

/// Why a text cannot be a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Nothing, or nothing that shows.
    #[error("is empty")]
    Empty,
    /// More than [`MessageBody::MAX_CHARS`] characters.
    #[error("has more than 10000 characters")]
    TooLong,
    /// PostgreSQL's text holds no NUL.
    #[error("holds a NUL character")]
    Nul,
}

impl<'de> Deserialize<'de> for MessageBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(|why| Fault::new(why.to_string()).into_serde())
    }
}

impl MessageBody {
    /// The longest text, in Unicode characters.
    pub const MAX_CHARS: usize = 10_000;

    /// Checks a text. It is kept as it is, white space included; only directions that it leaves open are closed.
    pub fn parse(text: String) -> Result<Self, BodyError> {
        if shows_nothing(&text) {
            return Err(BodyError::Empty);
        }
        if text.contains('\0') {
            return Err(BodyError::Nul);
        }
        if text.len() > Self::MAX_CHARS && text.chars().count() > Self::MAX_CHARS {
            return Err(BodyError::TooLong);
        }
        Ok(Self(close_directions(text)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The texts that [`Self::parse`] takes, as far as JSON schema can say it.
    fn schema() -> Schema {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "The text: 1 to 10,000 characters of which one at least shows something, no NUL. It is kept as it is, but for \
                 directions that it leaves open: those are closed.",
            ))
            .min_length(Some(1))
            .max_length(Some(Self::MAX_CHARS))
            .pattern(Some(format!(r"^[^\x00]*[^{INVISIBLE}][^\x00]*$")))
            .build()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_counted_in_characters_and_kept_as_written() {
        let long = "й".repeat(MessageBody::MAX_CHARS);
        assert_eq!(MessageBody::parse(long.clone()).expect("fits").as_str(), long);
        assert_eq!(MessageBody::parse(long + "й"), Err(BodyError::TooLong));
        assert_eq!(MessageBody::parse(" \n\t".into()), Err(BodyError::Empty));
        assert_eq!(MessageBody::parse("a\0b".into()), Err(BodyError::Nul));
        assert_eq!(MessageBody::parse("\u{200b}\u{3164}".into()), Err(BodyError::Empty));
        let open = "\u{202e}".repeat(MessageBody::MAX_CHARS - 1) + "a";
        let kept = MessageBody::parse(open).expect("fits as it was sent");
        assert_eq!(kept.as_str().chars().count(), 2 * MessageBody::MAX_CHARS - 1);
        assert_eq!(MessageBody::parse(" hi ".into()).expect("good").as_str(), " hi ");
    }
}
