//! What a client wants to be written: the same in its frame and in what the gateway asks of chat-service. A new writing frame
//! is a variant here, its handler in chat-service, and its example in `docs/protocol.md`.

use serde::{Deserialize, Serialize};

use crate::ids::{ChatId, MessageId};
use crate::message::MessageDraft;

/// Something to write in a chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// A message.
    Message(MessageDraft),
    /// Everything up to this message has arrived.
    Ack {
        /// The last message that arrived.
        last_id: MessageId,
    },
    /// Everything up to this message was read.
    Read {
        /// The last message that was read.
        last_id: MessageId,
    },
}

/// A frame that writes: a command, and where.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CommandFrame {
    /// Where; a client of a session may leave it out.
    #[serde(default, alias = "session_id")]
    pub chat_id: Option<ChatId>,
    /// What.
    #[serde(flatten)]
    pub command: Command,
}

impl Command {
    /// The types of all frames that write.
    pub const TYPES: [&str; 3] = ["message", "ack", "read"];

    /// What the answer repeats, so that the client knows which of its frames it is about.
    #[must_use]
    pub fn client_id(&self) -> Option<String> {
        match self {
            Self::Message(draft) => Some(draft.client_id.to_string()),
            Self::Ack { .. } | Self::Read { .. } => None,
        }
    }
}
