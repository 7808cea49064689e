//! Whether operators take sessions.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::UserId;

/// Whether an operator takes sessions, as others see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It is connected, and takes them.
    Online,
    /// It is connected, and does not.
    Away,
    /// It is not connected.
    Off,
}

impl Availability {
    /// As stored in PostgreSQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Off => "off",
        }
    }
}

/// The content of an `operator.state` frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorState {
    /// The operator.
    pub user_id: UserId,
    /// The name to show.
    pub name: String,
    /// Whether it takes sessions.
    pub availability: Availability,
    /// Whether it said so itself, rather than its console for it.
    pub by_hand: bool,
    /// Since when.
    #[serde(serialize_with = "crate::time::micros")]
    pub since: DateTime<Utc>,
}
