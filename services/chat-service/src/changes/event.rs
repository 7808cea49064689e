//! The event and activity of one step of a change, and its author.

use chat_events::{ChatId, ChatKind, EventKind, Lane, SenderType, Seq, UserId, Visibility};
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;

/// An event to be written at the seq of its step. Whom else it reaches follows from the chat.
#[derive(Debug)]
pub(crate) struct Event {
    pub(super) kind: EventKind,
    pub(super) visibility: Visibility,
    /// JSON: the session or member, whole, at this seq.
    pub(super) data: String,
    /// The users whom it concerns in person.
    pub(super) user_ids: Vec<UserId>,
    pub(super) activity: Option<Activity>,
}

impl Event {
    /// An event that everybody in the chat may see.
    pub(crate) fn public(kind: EventKind, data: String) -> Self {
        Self { kind, visibility: Visibility::Public, data, user_ids: Vec::new(), activity: None }
    }

    /// An event that operators alone may see.
    pub(crate) fn staff(kind: EventKind, data: String) -> Self {
        Self { visibility: Visibility::Staff, ..Self::public(kind, data) }
    }

    /// It also goes to these users in person.
    pub(crate) fn concerning(self, users: impl IntoIterator<Item = UserId>) -> Self {
        Self { user_ids: users.into_iter().collect(), ..self }
    }

    /// With a row of activity, which stays when the state that the event tells of has changed again.
    pub(crate) fn with(self, activity: Activity) -> Self {
        Self { activity: Some(activity), ..self }
    }
}

/// The action of a requester, as it is remembered: from which value, to which. It is as visible as its event.
#[derive(Debug)]
pub(crate) struct Activity {
    /// As stored, such as `session.assigned`.
    pub(super) kind: &'static str,
    pub(super) from: Option<Value>,
    pub(super) to: Option<Value>,
}

impl Activity {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, from: None, to: None }
    }

    /// The same of something that had one value and has another; null stands for nothing.
    pub(crate) fn between(kind: &'static str, from: &impl Serialize, to: &impl Serialize) -> Result<Self, Error> {
        let value = |value: Value| if value.is_null() { None } else { Some(value) };
        Ok(Self { kind, from: value(serde_json::to_value(from)?), to: value(serde_json::to_value(to)?) })
    }
}

/// Whether a send that was checked before must look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Raises {
    /// It must: rights, status, members, the assignee of a session.
    State,
    /// It need not: sends do not look at the change.
    #[expect(dead_code, reason = "labels and priorities come with the desk")]
    Nothing,
}

/// The author of a change, as its activity names it.
#[derive(Debug)]
pub(crate) struct Author {
    pub(crate) kind: SenderType,
    /// 0 for the system.
    pub(crate) id: i64,
    pub(crate) name: Option<String>,
}

/// The event of one step, with its chat and seq.
pub(super) struct Told {
    pub(super) chat: ChatId,
    pub(super) chat_kind: ChatKind,
    pub(super) lane: Lane,
    pub(super) seq: Seq,
    pub(super) raises: Raises,
    pub(super) event: Event,
}
