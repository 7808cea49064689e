//! A member of a chat, as its events carry it. A support session has no members.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::UserId;

/// A member and its rights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// The name to show.
    pub name: String,
    /// False for one who left or was removed.
    pub is_active: bool,
    /// May manage the chat, and write in a channel.
    pub is_admin: bool,
    /// May read.
    pub can_read: bool,
    /// May write.
    pub can_write: bool,
    /// May pin messages.
    pub can_pin: bool,
    /// May bring others in.
    pub can_invite: bool,
    /// May delete what others wrote.
    pub can_delete_others: bool,
    /// When it came in, or came back.
    #[serde(serialize_with = "crate::time::micros")]
    pub joined_at: DateTime<Utc>,
}
