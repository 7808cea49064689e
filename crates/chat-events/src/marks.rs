//! Delivered and read marks: per-reader cursors that only rise and carry no `seq`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::Seq;

/// Whose mark it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "reader_type", content = "reader_id", rename_all = "snake_case")]
pub enum Reader {
    /// The visitor of a support session, by client id.
    Client(i64),
    /// An operator or a user, by user id.
    User(i64),
}

impl std::fmt::Display for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

/// Which of the two cursors moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// It reached a device.
    Delivered,
    /// It was seen. Read implies delivered.
    Read,
}

/// How far one reader has come in one chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Mark {
    /// Who.
    #[serde(flatten)]
    pub reader: Reader,
    /// Everything up to here has reached it.
    pub delivered_seq: Seq,
    /// Everything up to here it has read.
    pub read_seq: Seq,
    /// When a cursor last rose.
    #[serde(serialize_with = "crate::time::micros")]
    pub updated_at: DateTime<Utc>,
}
