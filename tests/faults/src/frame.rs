//! What comes on the channel, as far as the checker needs it. Types of our own, read from the JSON of docs/protocol.md.

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// Anything that the server says.
#[derive(Debug, Clone, Deserialize)]
pub struct Incoming {
    /// The frame's type.
    #[serde(rename = "type")]
    pub kind: String,
    session_id: Option<i64>,
    chat_id: Option<i64>,
    /// Where the change stands in its chat; none for signs of life.
    pub seq: Option<i64>,
    /// Which message an `ack` or an `error` is about.
    pub client_id: Option<Uuid>,
    /// What it is about.
    #[serde(default)]
    pub data: Value,
    /// Why something was refused.
    #[serde(default)]
    pub error: Value,
    /// Why a cursor was not honoured.
    pub why: Option<String>,
    /// Whose cursors.
    #[serde(default)]
    pub chats: Vec<i64>,
    /// Of a `subscribed` that nobody asked for: the server brought the user in.
    #[serde(default)]
    pub invited: bool,
}

/// A durable change in a chat, as a client shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which chat.
    pub chat: i64,
    /// Where the change stands in the chat.
    pub seq: i64,
    /// What changed.
    pub what: What,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A message came or changed.
    Message(Message),
    /// A support session has another state.
    State {
        /// Which state.
        state_seq: i64,
    },
    /// Somebody came or went.
    Member {
        /// Who.
        user: i64,
        /// Whether it is a member from there on.
        is_in: bool,
    },
    /// Something else that has a place in the chat.
    Other(String),
}

/// A message, on the wire and in PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: i64,
    /// The chat that it is in.
    pub chat_id: i64,
    /// Where it was written.
    pub seq: i64,
    /// Where it changed last.
    pub changed_seq: i64,
    /// The role of who wrote it.
    pub sender_type: String,
    /// Who wrote it.
    pub sender_id: i64,
    /// Its text.
    pub body: String,
    /// What its sender called it.
    pub client_id: Uuid,
    /// `public` or `staff`.
    pub visibility: String,
}

impl Incoming {
    /// The chat that it is about.
    #[must_use]
    pub fn chat(&self) -> Option<i64> {
        self.session_id.or(self.chat_id)
    }

    /// The durable change that it tells of, if it is one.
    #[must_use]
    pub fn durable(&self) -> Option<Frame> {
        let (chat, seq) = (self.chat()?, self.seq?);
        let what = match self.kind.as_str() {
            "connected" | "subscribed" | "unsubscribed" | "ack" => return None,
            kind if kind.starts_with("chat.message") => What::Message(serde_json::from_value(self.data.clone()).ok()?),
            "chat.session.desk" => What::State { state_seq: self.data["desk_seq"].as_i64()? },
            kind if kind.starts_with("chat.session.") => What::State { state_seq: self.data["state_seq"].as_i64()? },
            kind if kind.starts_with("chat.member.") => {
                What::Member { user: self.data["user_id"].as_i64()?, is_in: kind != "chat.member.removed" }
            }
            kind => What::Other(kind.to_owned()),
        };
        Some(Frame { chat, seq, what })
    }
}

impl Frame {
    /// A message that was read over REST, which stands where it changed last.
    #[must_use]
    pub fn of_history(message: Message) -> Self {
        Self { chat: message.chat_id, seq: message.changed_seq, what: What::Message(message) }
    }

    /// The message, if it is about one.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        match &self.what {
            What::Message(message) => Some(message),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Incoming {
        serde_json::from_str(text).expect("a frame")
    }

    #[test]
    fn a_message_of_a_session_is_durable() {
        let frame = parse(
            r#"{"type": "chat.message", "session_id": 42, "seq": 20, "data": {"id": 1010, "chat_id": 42, "seq": 20,
                "changed_seq": 20, "sender_type": "operator", "sender_id": 3, "body": "It is on its way.",
                "client_id": "5e0c1f5a-6b0e-4a52-9c41-6a4c3d2f9b10", "visibility": "public"}}"#,
        );
        let durable = frame.durable().expect("durable");
        assert_eq!((durable.chat, durable.seq), (42, 20));
        assert_eq!(durable.message().expect("a message").body, "It is on its way.");
    }

    #[test]
    fn an_activity_is_durable_and_no_state() {
        let frame =
            parse(r#"{"type": "chat.activity", "session_id": 42, "seq": 21, "data": {"kind": "session.status"}}"#);
        let expected = Frame { chat: 42, seq: 21, what: What::Other("chat.activity".into()) };
        assert_eq!(frame.durable(), Some(expected));
    }

    #[test]
    fn signs_of_life_and_answers_are_not_durable() {
        for text in [
            r#"{"type": "chat.typing", "session_id": 42, "data": {}}"#,
            r#"{"type": "connected", "session_id": 42, "seq": 17, "data": {}}"#,
            r#"{"type": "subscribed", "chat_id": 7, "seq": 120, "data": {}}"#,
            r#"{"type": "ping"}"#,
        ] {
            assert_eq!(parse(text).durable(), None, "{text}");
        }
    }
}
