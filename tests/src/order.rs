//! What order and duplicate mean: new messages of a chat appear in rising `data.seq`, and no frame tells what an earlier
//! one told already.

use std::collections::HashMap;

use serde_json::Value;

/// What one client has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// By chat, the highest seq of a frame.
    frames: HashMap<i64, i64>,
    /// By chat, the highest place of a new message.
    messages: HashMap<i64, i64>,
    /// By chat, the texts of new messages as they came.
    bodies: HashMap<i64, Vec<String>>,
}

impl Seen {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more frame. Panics when it comes out of order or twice.
    #[track_caller]
    pub fn frame(&mut self, frame: &Value) {
        let (Some(chat), Some(seq)) = (chat_of(frame), frame["seq"].as_i64()) else { return };
        let before = self.frames.insert(chat, seq).unwrap_or(0);
        assert!(before < seq, "frame {seq} after frame {before}: {frame}");
        if frame["type"] == "chat.message" {
            let place = frame["data"]["seq"].as_i64().expect("a message has a place");
            let before = self.messages.insert(chat, place).unwrap_or(0);
            assert!(before < place, "message {place} after message {before}: {frame}");
            self.bodies.entry(chat).or_default().push(frame["data"]["body"].as_str().expect("a text").to_owned());
        }
    }

    /// The texts of a chat's new messages, as they came.
    #[must_use]
    pub fn bodies(&self, chat: i64) -> &[String] {
        self.bodies.get(&chat).map_or(&[], Vec::as_slice)
    }

    /// How many new messages came in all chats.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bodies.values().map(Vec::len).sum()
    }
}

/// The chat that a frame is about.
#[must_use]
pub fn chat_of(frame: &Value) -> Option<i64> {
    frame["session_id"].as_i64().or_else(|| frame["chat_id"].as_i64())
}
