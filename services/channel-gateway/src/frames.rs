//! A server frame, encoded once and shared by every socket that it goes to.

use actix_http::ws::{OpCode, Parser};
use bytes::{Bytes, BytesMut};
use chat_events::frame::{self, ServerFrame};
use chat_events::gateway_api::MemberChange;
use chat_events::{ChatId, ChatKind, Event, EventKind, Message, Seq, Session, SessionDesk, Signal, Visibility};

/// A text frame with its WebSocket header in front. Cloning shares the bytes.
#[derive(Debug, Clone)]
pub struct Frame {
    wire: Bytes,
    header: usize,
}

impl Frame {
    /// Encodes JSON text.
    #[must_use]
    pub fn text(json: &str) -> Self {
        let mut wire = BytesMut::with_capacity(json.len() + 10);
        Parser::write_message(&mut wire, json, OpCode::Text, true, false);
        Self { header: wire.len() - json.len(), wire: wire.freeze() }
    }

    /// As a WebSocket sends it.
    #[must_use]
    pub fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// The JSON alone, as SSE sends it.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.wire.slice(self.header..)
    }
}

impl From<&ServerFrame> for Frame {
    fn from(frame: &ServerFrame) -> Self {
        Self::text(&frame.to_json())
    }
}

/// A frame that belongs to a place in a chat: what the hub delivers and what history replays.
#[derive(Debug, Clone)]
pub struct ChatFrame {
    /// Which chat.
    pub chat_id: ChatId,
    /// The change's position.
    pub seq: Seq,
    /// Who may see it.
    pub visibility: Visibility,
    /// Encoded.
    pub frame: Frame,
}

impl ChatFrame {
    /// Of an event.
    #[must_use]
    pub fn of_event(event: &Event) -> Self {
        Self {
            chat_id: event.chat_id,
            seq: event.seq,
            visibility: event.visibility,
            frame: Frame::text(&frame::event_frame(event)),
        }
    }

    /// Of a message that history returned: its last change, whole.
    #[must_use]
    pub fn of_message(kind: ChatKind, message: &Message, after: Seq) -> Self {
        let frame_type = match message {
            deleted if deleted.is_deleted => "chat.message.deleted",
            edited if edited.seq <= after => "chat.message.edited",
            _ => "chat.message",
        };
        let json = frame::replay_frame(frame_type, kind, message.chat_id, message.changed_seq, message);
        Self {
            chat_id: message.chat_id,
            seq: message.changed_seq,
            visibility: message.visibility,
            frame: Frame::text(&json),
        }
    }

    /// Of a member that came, changed or went: to whoever has not seen it come, it came.
    #[must_use]
    pub fn of_member(kind: ChatKind, chat_id: ChatId, change: &MemberChange, after: Seq) -> Self {
        let kind_of_change = match change {
            gone if !gone.member.is_active => EventKind::MemberRemoved,
            known if known.added_seq <= after => EventKind::MemberChanged,
            _ => EventKind::MemberAdded,
        };
        let json = frame::replay_frame(kind_of_change.frame_type(), kind, chat_id, change.seq, &change.member);
        Self { chat_id, seq: change.seq, visibility: Visibility::Public, frame: Frame::text(&json) }
    }

    /// Of what operators alone see of a session.
    #[must_use]
    pub fn of_desk(desk: &SessionDesk) -> Self {
        let kind = EventKind::SessionDesk.frame_type();
        let json = frame::replay_frame(kind, ChatKind::Session, desk.session_id, desk.desk_seq, desk);
        Self { chat_id: desk.session_id, seq: desk.desk_seq, visibility: Visibility::Staff, frame: Frame::text(&json) }
    }

    /// Of a session whose state changed after a cursor.
    #[must_use]
    pub fn of_session(session: &Session) -> Self {
        let frame_type = if session.state_seq == Seq(1) { "chat.session.created" } else { "chat.session.status" };
        let json = frame::replay_frame(frame_type, ChatKind::Session, session.session_id, session.state_seq, session);
        Self {
            chat_id: session.session_id,
            seq: session.state_seq,
            visibility: Visibility::Public,
            frame: Frame::text(&json),
        }
    }
}

/// Encodes a signal.
#[must_use]
pub fn signal(signal: &Signal) -> Frame {
    Frame::text(&frame::signal_frame(signal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_found_behind_a_header_of_any_length() {
        for length in [1, 125, 126, 65_535, 65_536] {
            let text = "x".repeat(length);
            assert_eq!(Frame::text(&text).json(), text.as_bytes());
        }
    }
}
