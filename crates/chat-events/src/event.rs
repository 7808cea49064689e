//! One durable change on its way from the outbox to the sockets.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::{ChatId, Epoch, Seq, SiteId, UserId};
use crate::message::{ChatKind, Visibility};

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// A message was written.
    #[serde(rename = "chat.message.sent")]
    MessageSent,
    /// A message has another text.
    #[serde(rename = "chat.message.edited")]
    MessageEdited,
    /// A message was deleted.
    #[serde(rename = "chat.message.deleted")]
    MessageDeleted,
    /// A message was pinned or unpinned.
    #[serde(rename = "chat.message.pinned")]
    MessagePinned,
    /// A reaction was set or taken back.
    #[serde(rename = "chat.message.reacted")]
    MessageReacted,
    /// A support session was opened.
    #[serde(rename = "chat.session.created")]
    SessionCreated,
    /// A session has another operator, or none.
    #[serde(rename = "chat.session.assigned")]
    SessionAssigned,
    /// A session's status changed.
    #[serde(rename = "chat.session.status")]
    SessionStatus,
    /// Something changed about a session that only operators see: its client was banned, or let in again.
    #[serde(rename = "chat.session.desk")]
    SessionDesk,
    /// A user came into a chat.
    #[serde(rename = "chat.member.added")]
    MemberAdded,
    /// A member left a chat or was removed.
    #[serde(rename = "chat.member.removed")]
    MemberRemoved,
    /// A member's rights changed.
    #[serde(rename = "chat.member.changed")]
    MemberChanged,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::MessageSent,
        Self::MessageEdited,
        Self::MessageDeleted,
        Self::MessagePinned,
        Self::MessageReacted,
        Self::SessionCreated,
        Self::SessionAssigned,
        Self::SessionStatus,
        Self::SessionDesk,
        Self::MemberAdded,
        Self::MemberRemoved,
        Self::MemberChanged,
    ];

    /// As stored in the outbox and in an [`Event`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageSent => "chat.message.sent",
            Self::MessageEdited => "chat.message.edited",
            Self::MessageDeleted => "chat.message.deleted",
            Self::MessagePinned => "chat.message.pinned",
            Self::MessageReacted => "chat.message.reacted",
            Self::SessionCreated => "chat.session.created",
            Self::SessionAssigned => "chat.session.assigned",
            Self::SessionStatus => "chat.session.status",
            Self::SessionDesk => "chat.session.desk",
            Self::MemberAdded => "chat.member.added",
            Self::MemberRemoved => "chat.member.removed",
            Self::MemberChanged => "chat.member.changed",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The `type` of the server frame that announces it.
    #[must_use]
    pub fn frame_type(self) -> &'static str {
        match self {
            Self::MessageSent => "chat.message",
            Self::MessageReacted => "chat.reaction",
            other => other.as_str(),
        }
    }
}

/// One durable change, as written to the outbox, RabbitMQ and Redis: JSON, one shape everywhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Of the database that it comes from.
    pub epoch: Epoch,
    /// The kind of the change.
    pub kind: EventKind,
    /// Where.
    pub chat_id: ChatId,
    /// The kind of the chat; `session` means that `chat_id` is a session id.
    pub chat_kind: ChatKind,
    /// The change's own position in its chat.
    pub seq: Seq,
    /// The readers who may see it. Missing counts as staff.
    #[serde(default)]
    pub visibility: Visibility,
    /// The site of a session. Without it, operators of all sites alone are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_id: Option<SiteId>,
    /// The operator who has the session, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_user_id: Option<UserId>,
    /// The users whom it concerns in person (who were added, removed, assigned): it goes to their `user:<id>` also.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_ids: Vec<UserId>,
    /// When it was written, RFC 3339 UTC: the start of the commit-to-socket latency.
    pub committed_at: DateTime<Utc>,
    /// W3C trace context of the request that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The message, session or member, whole, in its state at `seq`.
    pub data: Box<RawValue>,
    /// The [`crate::Activity`] of the change, if it is remembered as one. It is as visible as the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Box<RawValue>>,
}

impl Event {
    /// The session's id, where the chat is a support session.
    #[must_use]
    pub fn session_id(&self) -> Option<ChatId> {
        (self.chat_kind == ChatKind::Session).then_some(self.chat_id)
    }
}

/// The place of an event, without its text: an entry of the stream of all sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPointer {
    /// Of the database that it comes from.
    pub epoch: Epoch,
    /// Where.
    pub chat_id: ChatId,
    /// The change's own position in its chat.
    pub seq: Seq,
    /// The kind of the change.
    pub kind: EventKind,
    /// The readers who may see it.
    pub visibility: Visibility,
}

impl EventPointer {
    /// Of an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let Event { epoch, chat_id, seq, kind, visibility, .. } = *event;
        Self { epoch, chat_id, seq, kind, visibility }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name_everywhere() {
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("a string"), kind.as_str());
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn an_event_without_a_visibility_counts_as_staff() {
        let event: Event = serde_json::from_str(
            r#"{"epoch":1,"kind":"chat.message.sent","chat_id":1,"chat_kind":"session","seq":2,
                "committed_at":"2026-01-01T00:00:00Z","data":{}}"#,
        )
        .expect("an event");
        assert_eq!((event.visibility, event.activity.is_none()), (Visibility::Staff, true));
    }
}
