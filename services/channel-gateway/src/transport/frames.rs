//! A server frame, encoded once and shared by every socket that it goes to.

use actix_http::ws::{OpCode, Parser};
use bytes::{Bytes, BytesMut};
use chat_events::frame::{self, ServerFrame};
use chat_events::gateway_api::MemberChange;
use chat_events::{
    ChatId, ChatKind, Event, EventKind, Message, PlacedActivity, Seq, Session, SessionDesk, Signal, Visibility,
};
use serde::Serialize;

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

/// A frame that belongs to a place in a chat: the hub delivers it, and history replays it.
#[derive(Debug, Clone)]
pub struct ChatFrame {
    /// Which chat.
    pub chat_id: ChatId,
    /// The change's position.
    pub seq: Seq,
    /// The readers who may see it.
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
    pub fn of_message(kind: ChatKind, message: &Message, after: Seq, activity: Option<&PlacedActivity>) -> Self {
        let frame_type = match message {
            deleted if deleted.is_deleted => "chat.message.deleted",
            edited if edited.seq <= after => "chat.message.edited",
            _ => "chat.message",
        };
        let place = Slot { kind, chat_id: message.chat_id, seq: message.changed_seq, visibility: message.visibility };
        Self::replayed(frame_type, place, message, activity)
    }

    /// Of a member that was added, changed or removed: for readers that have not seen it added, a change is an
    /// addition.
    #[must_use]
    pub fn of_member(
        (kind, chat_id): (ChatKind, ChatId),
        change: &MemberChange,
        after: Seq,
        activity: Option<&PlacedActivity>,
    ) -> Self {
        let kind_of_change = match change {
            gone if !gone.member.is_active => EventKind::MemberRemoved,
            known if known.added_seq <= after => EventKind::MemberChanged,
            _ => EventKind::MemberAdded,
        };
        let place = Slot { kind, chat_id, seq: change.seq, visibility: Visibility::Public };
        Self::replayed(kind_of_change.frame_type(), place, &change.member, activity)
    }

    /// Of the part of a session that operators alone see.
    #[must_use]
    pub fn of_desk(desk: &SessionDesk, activity: Option<&PlacedActivity>) -> Self {
        let (chat_id, seq, visibility) = (desk.session_id, desk.desk_seq, Visibility::Staff);
        let place = Slot { kind: ChatKind::Session, chat_id, seq, visibility };
        Self::replayed(EventKind::SessionDesk.frame_type(), place, desk, activity)
    }

    /// Of a session whose state changed after a cursor.
    #[must_use]
    pub fn of_session(session: &Session, activity: Option<&PlacedActivity>) -> Self {
        let frame_type = if session.state_seq == Seq(1) { "chat.session.created" } else { "chat.session.status" };
        let (chat_id, seq, visibility) = (session.session_id, session.state_seq, Visibility::Public);
        let place = Slot { kind: ChatKind::Session, chat_id, seq, visibility };
        Self::replayed(frame_type, place, session, activity)
    }

    /// Of an activity alone, whose change a later one supersedes.
    #[must_use]
    pub fn of_activity((kind, chat_id): (ChatKind, ChatId), placed: &PlacedActivity) -> Self {
        let PlacedActivity { seq, visibility, ref activity } = *placed;
        Self::replayed(frame::ACTIVITY, Slot { kind, chat_id, seq, visibility }, activity, None)
    }

    /// The activity is that of the same place. A frame never shows it to more readers than may see it.
    fn replayed(frame_type: &str, place: Slot, data: &impl Serialize, activity: Option<&PlacedActivity>) -> Self {
        let Slot { kind, chat_id, seq, visibility } = place;
        let is_for_all_readers =
            |placed: &&PlacedActivity| visibility == Visibility::Staff || placed.visibility == Visibility::Public;
        let activity = activity.filter(is_for_all_readers).map(|placed| &placed.activity);
        let json = frame::replay_frame(frame_type, (kind, chat_id, seq), data, activity);
        Self { chat_id, seq, visibility, frame: Frame::text(&json) }
    }
}

/// Where a frame of history belongs.
#[derive(Clone, Copy)]
struct Slot {
    kind: ChatKind,
    chat_id: ChatId,
    seq: Seq,
    visibility: Visibility,
}

/// Encodes a signal.
#[must_use]
pub(crate) fn signal(signal: &Signal) -> Frame {
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
