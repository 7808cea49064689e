//! A support session as its events, `sync` and REST carry it. [`Session`] holds nothing that its client may not see;
//! the part for operators alone is in [`SessionDesk`].

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{ChatId, ClientId, Seq, SiteId, UserId};

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// Waiting for an operator, or being worked on.
    Open,
    /// Waiting for the client, or for something outside.
    Pending,
    /// Done; a client's message opens it again.
    Closed,
}

impl SessionStatus {
    /// As stored in PostgreSQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Closed => "closed",
        }
    }
}

/// An operator or a user, as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Person {
    /// Its id.
    pub id: UserId,
    /// The name to show.
    pub name: String,
}

/// The client of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Visitor {
    /// Its id.
    pub id: ClientId,
    /// As it named itself.
    pub name: Option<String>,
    /// As it gave it.
    pub email: Option<String>,
    /// The page where the chat began.
    pub page_url: Option<String>,
    /// BCP 47, as the browser said.
    pub locale: Option<String>,
}

/// A session's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Session {
    /// Also the chat's id.
    pub session_id: ChatId,
    /// The web site that it belongs to. Events from before there were sites are of the first.
    #[serde(default = "SiteId::first")]
    pub site_id: SiteId,
    /// Where it stands.
    pub status: SessionStatus,
    /// The operator who has it, or null.
    pub assignee: Option<Person>,
    /// The visitor.
    pub client: Visitor,
    /// When it was opened.
    #[serde(serialize_with = "crate::time::micros")]
    pub created_at: DateTime<Utc>,
    /// The seq of its last change of state (not of a message).
    pub state_seq: Seq,
}

/// What only operators see of a session's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SessionDesk {
    /// Also the chat's id.
    pub session_id: ChatId,
    /// Whether an operator has banned the client.
    pub is_banned: bool,
    /// The contact that the client has proved to be. Events from before there were contacts have none.
    #[serde(default)]
    pub contact_id: Option<i64>,
    /// The seq of its last change.
    pub desk_seq: Seq,
}
