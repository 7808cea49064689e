//! The roles of accounts.

use serde::{Deserialize, Serialize};

/// What an account may do, the same three everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Talks in its own chats.
    #[default]
    User,
    /// Staff: also sees and answers all support sessions.
    Operator,
    /// Staff that also manages accounts and every chat's members.
    Admin,
}

impl Role {
    /// Whether it sees support sessions and notes.
    #[must_use]
    pub fn is_staff(self) -> bool {
        matches!(self, Self::Operator | Self::Admin)
    }

    /// As stored in PostgreSQL and written in a JWT.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::User, Self::Operator, Self::Admin].into_iter().find(|role| role.as_str() == name)
    }
}
