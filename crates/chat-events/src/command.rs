//! Commands: the writes of clients, the same in a frame and in a gateway's request to chat-service. A new writing frame
//! is a variant here, its handler in chat-service, and its example in `docs/protocol.md`.

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{ChatId, MessageId};
use crate::message::MessageDraft;

/// Something to write in a chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A message.
    Message(MessageDraft),
    /// Everything up to this message has arrived.
    Ack(UpTo),
    /// Everything up to this message was read.
    Read(UpTo),
}

/// A place in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpTo {
    /// The last message.
    pub last_id: MessageId,
}

/// A frame that writes: a command, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandFrame {
    /// Where; a client of a session may leave it out.
    pub chat_id: Option<ChatId>,
    /// The command.
    pub command: Command,
}

impl Command {
    /// The types of all frames that write.
    pub const TYPES: [&str; 3] = ["message", "ack", "read"];

    /// Reads the frame of a type that writes; none for any other. It is read from its own text: in a tagged enum of
    /// serde, numbers lose digits.
    pub(crate) fn read<'de, D: Deserializer<'de>>(kind: &str, frame: D) -> Option<Result<Self, D::Error>> {
        Some(match kind {
            "message" => MessageDraft::deserialize(frame).map(Self::Message),
            "ack" => UpTo::deserialize(frame).map(Self::Ack),
            "read" => UpTo::deserialize(frame).map(Self::Read),
            _ => return None,
        })
    }

    /// The id that the answer repeats, so that the client knows which of its frames it is about.
    #[must_use]
    pub fn client_id(&self) -> Option<String> {
        match self {
            Self::Message(draft) => Some(draft.client_id.to_string()),
            Self::Ack(_) | Self::Read(_) => None,
        }
    }
}
