//! The owner of a connection.

use serde::{Deserialize, Serialize};

use crate::ids::{ChatId, UserId};
use crate::message::Visibility;

/// The owner of a connection, proved by its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Principal {
    /// The client of one support session.
    Client {
        /// Its session.
        session_id: ChatId,
    },
    /// An operator: the sessions of its sites.
    Staff {
        /// The operator's account.
        user_id: UserId,
    },
    /// A user: the chats that it is a member of.
    User {
        /// The user's account.
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
