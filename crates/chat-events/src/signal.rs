//! Signals: gateways and chat-service tell them to all gateways, and nobody stores them. A lost one is repaired by the next one
//! or by `sync`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{ChatId, SiteId, UserId};
use crate::marks::{Mark, MarkKind};
use crate::message::{ChatKind, SenderType, Visibility};
use crate::operator::OperatorState;
use crate::scope::Scope;

/// A fleeting sign of life in a chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// New for each signal: one may come on two channels, and counts once.
    pub id: Uuid,
    /// Where; 0 for what is of no chat.
    pub chat_id: ChatId,
    /// The kind of the chat.
    pub chat_kind: ChatKind,
    /// The site of a session. Without it, operators of all sites alone are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_id: Option<SiteId>,
    /// The readers who may see it. Missing counts as staff.
    #[serde(default)]
    pub visibility: Visibility,
    /// The connection that caused it and does not need to hear of it, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The content.
    pub data: SignalData,
}

/// The content of a signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum SignalData {
    /// A participant types, or stopped.
    #[serde(rename = "chat.typing")]
    Typing {
        /// The kind of the sender.
        sender_type: SenderType,
        /// The sender's id.
        sender_id: i64,
        /// The name to show.
        sender_name: Option<String>,
        /// False when it stopped.
        is_typing: bool,
        /// `staff` while an operator types a note. Gateways of before said nothing, and meant public.
        #[serde(default = "public")]
        visibility: Visibility,
    },
    /// A visitor looks at a page. Only operators hear of it.
    #[serde(rename = "chat.page")]
    Page {
        /// The visitor.
        client_id: i64,
        /// The address of the page.
        url: String,
        /// Its title.
        title: Option<String>,
        /// Since when.
        #[serde(serialize_with = "crate::time::micros")]
        at: DateTime<Utc>,
    },
    /// An operator looks at a session, or has left it. Only operators hear of it.
    #[serde(rename = "chat.viewing")]
    Viewing {
        /// The operator.
        user_id: UserId,
        /// The name to show.
        name: Option<String>,
        /// False when it left.
        is_viewing: bool,
    },
    /// An operator takes sessions, takes none, or has gone. It is of no chat: the operators who share a site with it hear of it.
    #[serde(rename = "operator.state")]
    Operator {
        /// What they hear.
        #[serde(flatten)]
        state: OperatorState,
        /// The sites in which it works.
        scope: Scope,
    },
    /// A mark rose.
    #[serde(rename = "chat.mark")]
    Mark {
        /// Which.
        kind: MarkKind,
        /// To where.
        mark: Mark,
    },
}

fn public() -> Visibility {
    Visibility::Public
}

impl SignalData {
    /// The `type` of the server frame that tells of it.
    #[must_use]
    pub fn frame_type(&self) -> &'static str {
        match self {
            Self::Typing { .. } => "chat.typing",
            Self::Page { .. } => "chat.page",
            Self::Viewing { .. } => "chat.viewing",
            Self::Operator { .. } => "operator.state",
            Self::Mark { kind: MarkKind::Delivered, .. } => "chat.delivered",
            Self::Mark { kind: MarkKind::Read, .. } => "chat.read",
        }
    }
}
