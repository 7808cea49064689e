//! What a gateway asks chat-service, over HTTP with the internal secret or within one process.
//!
//! | route (POST, JSON) | asks | answers |
//! | --- | --- | --- |
//! | `/internal/connect` | [`Connect`] | [`Welcome`] |
//! | `/internal/sync` | [`SyncRequest`] | [`SyncPage`] |
//! | `/internal/send` | [`Send`] | [`crate::Message`] |
//! | `/internal/mark` | [`SetMark`] | [`MarkSet`] |
//! | `/internal/tops` | [`TopsRequest`] | [`Tops`] |
//!
//! Errors are [`crate::ErrorEnvelope`], as in all of REST.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{ChatId, Epoch, MessageId, Seq, UserId};
use crate::marks::{Mark, MarkKind};
use crate::message::{ChatKind, Message, Visibility};
use crate::session::Session;

/// Who a connection belongs to, proved by its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Principal {
    /// The client of one support session.
    Client {
        /// Its session.
        session_id: ChatId,
    },
    /// An operator: all sessions.
    Staff {
        /// Who.
        user_id: UserId,
    },
    /// A user: the chats that it is a member of.
    User {
        /// Who.
        user_id: UserId,
    },
}

impl Principal {
    /// Whether it sees notes and other staff events.
    #[must_use]
    pub fn sees(&self, visibility: Visibility) -> bool {
        visibility == Visibility::Public || matches!(self, Self::Staff { .. })
    }
}

/// A new connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connect {
    /// Whose.
    pub principal: Principal,
}

/// What a new connection is told, read in one snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Welcome {
    /// Of this database.
    pub epoch: Epoch,
    /// The client's id, or the user's.
    pub self_id: i64,
    /// The name to show.
    pub name: Option<String>,
    /// A client's one chat; a user's chats; for staff empty (its feed is `chat:staff`).
    pub chats: Vec<ChatState>,
}

/// A chat, as `connected` and `sync` tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatState {
    /// Its id.
    pub chat_id: ChatId,
    /// Its kind.
    pub kind: ChatKind,
    /// Its title, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The last seq that was given out.
    pub seq: Seq,
    /// The seq of the last change to the chat itself, its session or its members.
    pub state_seq: Seq,
    /// The session, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// Delivered and read marks.
    pub marks: Vec<Mark>,
}

/// What changed in a chat after a cursor, notes included: the gateway filters by socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SyncRequest {
    /// Whose right to read is checked; none for a gateway's own filling.
    pub principal: Option<Principal>,
    /// Which chat.
    pub chat_id: ChatId,
    /// Only what changed after it.
    pub after: Seq,
    /// At most so many messages, 1 to 1,000.
    pub limit: u16,
}

/// One page of `sync`, read in one snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncPage {
    /// Of this database.
    pub epoch: Epoch,
    /// The chat, always (the state is what changed if `state_seq` is after the cursor).
    pub chat: ChatState,
    /// Messages whose `changed_seq` is after the cursor, in that order.
    pub messages: Vec<Message>,
    /// Where to go on from: the chat's top when `has_more` is false.
    pub next: Seq,
    /// Whether another page follows.
    pub has_more: bool,
}

/// A message written on a socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Send {
    /// Who writes.
    pub principal: Principal,
    /// Where.
    pub chat_id: ChatId,
    /// The text, not yet checked.
    pub body: String,
    /// Makes the send idempotent.
    pub client_id: Uuid,
    /// `staff` makes a note; missing means public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
}

/// A mark to raise.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetMark {
    /// Whose.
    pub principal: Principal,
    /// Where.
    pub chat_id: ChatId,
    /// Which.
    pub kind: MarkKind,
    /// Up to this message.
    pub last_id: MessageId,
}

/// A mark after [`SetMark`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MarkSet {
    /// As it now stands.
    pub mark: Mark,
    /// Whether it rose; if not, nobody needs to be told.
    pub rose: bool,
    /// The chat's kind, for the gateway's signal.
    pub chat_kind: ChatKind,
}

/// Where chats stand.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TopsRequest {
    /// These chats; unknown ones are left out of the answer.
    #[serde(default)]
    pub chats: Vec<ChatId>,
    /// Also the sessions that changed in this many seconds, for staff; 0 for none.
    #[serde(default)]
    pub sessions_changed_within: u32,
}

/// The top `seq` of chats.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tops {
    /// Of this database.
    pub epoch: Epoch,
    /// The chats asked for and the sessions that changed lately.
    pub tops: Vec<Top>,
}

/// The top `seq` of one chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top {
    /// Which.
    pub chat_id: ChatId,
    /// Its kind.
    pub kind: ChatKind,
    /// The last seq that was given out.
    pub seq: Seq,
}
