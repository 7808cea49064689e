//! The channel protocol: JSON text frames, UTF-8, bounded both ways.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_path_to_error::Track;
use uuid::Uuid;

use crate::activity::Activity;
use crate::command::{Command, CommandFrame};
use crate::error::{ErrorBody, ErrorCode};
use crate::event::Event;
use crate::fault::Fault;
use crate::gateway_api::ChatState;
use crate::ids::{ChatId, Epoch, Seq, WorkspaceVersion};
use crate::message::ChatKind;
use crate::sign::{Sign, SignFrame};
use crate::signal::Signal;
use crate::workspace::WorkspaceNews;

/// The largest frame that a server sends, in bytes.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;
/// The largest frame of a client, in bytes, however it is fragmented: the longest message fits with its envelope, each
/// character an escaped pair of surrogates of 12 bytes.
pub const MAX_CLIENT_FRAME_BYTES: usize = 128 * 1024;
/// A frame larger than [`MAX_CLIENT_FRAME_BYTES`] is refused, and the connection stays; a frame larger than this ends
/// it.
pub const MAX_REFUSED_FRAME_BYTES: usize = 1024 * 1024;

/// A frame of a client. Unknown fields are ignored; an unknown `type` is answered with an error.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// First frame of a socket that was opened without a token.
    Init {
        /// A JWT.
        access_token: String,
    },
    /// A fresh token for the connection that stands.
    Auth {
        /// Of the same kind, and of the same owner, as the token that it was opened with.
        #[serde(alias = "access_token")]
        token: String,
    },
    /// Fetch the changes of many chats after their cursors. With `resume=1` in the address it is the first frame, and
    /// nothing newer goes out before it.
    Resume {
        /// For each chat the last seq that came on the stream. At most 1,000; beyond that `resync`.
        #[serde(deserialize_with = "cursors")]
        cursors: BTreeMap<ChatId, Seq>,
        /// `data.epoch` of the `connected` that the cursors are from.
        #[serde(default)]
        epoch: Option<Epoch>,
        /// Another frame with more cursors follows.
        #[serde(default)]
        more: bool,
    },
    /// Watch a chat, or fetch its changes after a cursor.
    Subscribe {
        /// Which; a support session may say `session_id`.
        #[serde(alias = "session_id")]
        chat_id: ChatId,
        /// Replay the changes after it; missing means only new ones.
        #[serde(default)]
        after: Option<Seq>,
        /// `data.epoch` of the `connected` that `after` is from.
        #[serde(default)]
        epoch: Option<Epoch>,
    },
    /// No longer watch a chat.
    Unsubscribe {
        /// Which.
        #[serde(alias = "session_id")]
        chat_id: ChatId,
    },
    /// Write something: a frame of one of [`Command::TYPES`].
    #[serde(skip)]
    Command(CommandFrame),
    /// A sign of life: a frame of one of [`Sign::TYPES`].
    #[serde(skip)]
    Sign(SignFrame),
    /// Is the server there? Answered with `pong`.
    Ping {},
    /// The answer to the server's `ping` frame.
    Pong {},
}

/// Cursors by the ids of their chats, of which a name that is none is a fault of the value. In a tagged enum serde keeps the names
/// of a map as texts.
pub fn cursors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<ChatId, Seq>, D::Error> {
    let texts = BTreeMap::<String, Seq>::deserialize(deserializer)?;
    let parsed = texts.into_iter().map(|(chat, seq)| chat.parse().map(|chat: ChatId| (chat, seq)));
    parsed.collect::<Result<_, _>>().map_err(|_| D::Error::custom("a name in cursors is not the id of a chat"))
}

/// The types of the other frames.
const OTHER_TYPES: [&str; 7] = ["init", "auth", "resume", "subscribe", "unsubscribe", "ping", "pong"];

/// The type of a frame.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// What chat a frame is for.
#[derive(Deserialize)]
struct Where {
    #[serde(default, alias = "session_id")]
    chat_id: Option<ChatId>,
}

/// A frame that was refused: the error, and the `client_id` that it gave, if it gave one.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Why.
    pub error: ErrorBody,
    /// For the answer to repeat.
    pub client_id: Option<String>,
}

impl ClientFrame {
    /// Reads one frame.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        Self::read(text).map_err(|why| Self::refuse(text, &why))
    }

    fn read(text: &str) -> serde_json::Result<Self> {
        let Head { kind } = serde_json::from_str(text)?;
        match Command::read(&kind, &mut serde_json::Deserializer::from_str(text)) {
            Some(command) => {
                let command = command?;
                let Where { chat_id } = serde_json::from_str(text)?;
                Ok(Self::Command(CommandFrame { chat_id, command }))
            }
            None => match Sign::read(&kind, &mut serde_json::Deserializer::from_str(text)) {
                Some(sign) => {
                    let sign = sign?;
                    let Where { chat_id } = serde_json::from_str(text)?;
                    Ok(Self::Sign(SignFrame { chat_id, sign }))
                }
                None => serde_json::from_str(text),
            },
        }
    }

    /// The chat that it names, if it names one.
    #[must_use]
    pub fn chat_id(&self) -> Option<ChatId> {
        match self {
            Self::Subscribe { chat_id, .. } | Self::Unsubscribe { chat_id } => Some(*chat_id),
            Self::Command(CommandFrame { chat_id, .. }) | Self::Sign(SignFrame { chat_id, .. }) => *chat_id,
            Self::Init { .. } | Self::Auth { .. } | Self::Resume { .. } | Self::Ping {} | Self::Pong {} => None,
        }
    }

    /// Looks at a bad frame once more, to name its fault as well as possible.
    fn refuse(text: &str, why: &serde_json::Error) -> Refused {
        let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(text) else {
            let message = "a frame is one JSON object with a \"type\"";
            return Refused { error: ErrorBody::new(ErrorCode::BadRequest, message), client_id: None };
        };
        let client_id = fields.get("client_id").and_then(|id| id.as_str()).map(|id| id.chars().take(64).collect());
        let error = match fields.get("type").and_then(|kind| kind.as_str()) {
            None => ErrorBody::field(ErrorCode::BadRequest, "type", "the frame has no \"type\""),
            Some(kind)
                if [&OTHER_TYPES[..], &Command::TYPES, &Sign::TYPES].iter().all(|types| !types.contains(&kind)) =>
            {
                let message = "frames of this type are not known";
                ErrorBody::field(ErrorCode::UnknownType, "type", message)
            }
            Some(kind) => match Fault::in_words(&without_position(why)) {
                Some(fault) => fault.of(&path_of_the_fault(kind, text)),
                None => ErrorBody::new(ErrorCode::Invalid, without_position(why)),
            },
        };
        Refused { error, client_id }
    }
}

/// The field of a frame that could not be read. To keep the path costs as much as the reading, so it is kept only then.
fn path_of_the_fault(kind: &str, text: &str) -> String {
    let mut path = Track::new();
    let mut frame = serde_json::Deserializer::from_str(text);
    let frame = serde_path_to_error::Deserializer::new(&mut frame, &mut path);
    if Sign::TYPES.contains(&kind) {
        let _refused = Sign::read(kind, frame);
    } else {
        let _refused = Command::read(kind, frame);
    }
    path.path().to_string()
}

/// serde's words without "at line 1 column 7", which says nothing here.
fn without_position(why: &serde_json::Error) -> String {
    let text = why.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].chars().take(300).collect()
}

/// The frame of a durable event or a signal: `{"type", "session_id" | "chat_id", "seq", "data", "activity"}`.
#[derive(Serialize)]
struct ChatFrame<'a, D, A> {
    #[serde(rename = "type")]
    frame_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<ChatId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_id: Option<ChatId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<Seq>,
    data: D,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<A>,
}

fn chat_frame<D: Serialize, A: Serialize>(
    frame_type: &str,
    (kind, chat, seq): (ChatKind, ChatId, Option<Seq>),
    data: D,
    activity: Option<A>,
) -> String {
    let session = kind == ChatKind::Session;
    to_json(&ChatFrame {
        frame_type,
        session_id: session.then_some(chat),
        chat_id: (!session).then_some(chat),
        seq,
        data,
        activity,
    })
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("frames hold nothing that JSON cannot")
}

/// The frame of a durable event.
#[must_use]
pub fn event_frame(event: &Event) -> String {
    let data: &RawValue = &event.data;
    let place = (event.chat_kind, event.chat_id, Some(event.seq));
    chat_frame(event.kind.frame_type(), place, data, event.activity.as_deref())
}

/// The frame of a message or session that `sync` returned, in its present state, at the seq of its last change, with
/// the activity of that change.
pub fn replay_frame(
    frame_type: &str,
    (kind, chat, seq): (ChatKind, ChatId, Seq),
    data: &impl Serialize,
    activity: Option<&Activity>,
) -> String {
    chat_frame(frame_type, (kind, chat, Some(seq)), data, activity)
}

/// The type of the frame of an activity whose change is not told, since a later one supersedes it.
pub const ACTIVITY: &str = "chat.activity";

/// The frame of a signal. It has no `seq`: it is not stored. What is of no chat names none.
#[must_use]
pub fn signal_frame(signal: &Signal) -> String {
    use crate::signal::SignalData;
    let frame_type = signal.data.frame_type();
    let place = (signal.chat_kind, signal.chat_id, None);
    let no_activity: Option<()> = None;
    match &signal.data {
        SignalData::Mark { mark, .. } => chat_frame(frame_type, place, mark, no_activity),
        SignalData::Typing { sender_type, sender_id, sender_name, is_typing, visibility } => {
            let data = serde_json::json!({
                "sender_type": sender_type, "sender_id": sender_id,
                "sender_name": sender_name, "is_typing": is_typing, "visibility": visibility,
            });
            chat_frame(frame_type, place, data, no_activity)
        }
        SignalData::Viewing { user_id, name, is_viewing } => {
            let data = serde_json::json!({"user_id": user_id, "name": name, "is_viewing": is_viewing});
            chat_frame(frame_type, place, data, no_activity)
        }
        SignalData::Operator { state, .. } => to_json(&serde_json::json!({"type": frame_type, "data": state})),
        SignalData::Page { client_id, url, title, at } => {
            let at = crate::time::text(at);
            let data = serde_json::json!({"client_id": client_id, "url": url, "title": title, "at": at});
            chat_frame(frame_type, place, data, no_activity)
        }
    }
}

/// The content of `connected`, the first frame of a new connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connected {
    /// Of this socket, for logs and support.
    pub connection_id: String,
    /// `client`, `staff` or `user`.
    pub role: String,
    /// The client's or user's own id.
    pub self_id: i64,
    /// The name that others see.
    pub name: Option<String>,
    /// Cursors of another epoch are worth nothing.
    pub epoch: Epoch,
    /// Seconds between pings.
    pub ping_interval: u64,
    /// The chats of this connection with their tops and states; of a user the chats that changed last, with its own
    /// mark alone, as many as fit in a frame. Empty for staff.
    pub chats: Vec<ChatState>,
    /// A cursor for the others; none if these are all.
    pub more: Option<String>,
    /// The version of the workspace; none for a client, which is told nothing of that.
    pub workspace: Option<WorkspaceVersion>,
    /// Good in place of the access token at any gateway, as long as the token; none for a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_ticket: Option<String>,
}

/// The content of an `authenticated` frame.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Authenticated {
    /// In place of the one before, which ends with the old token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_ticket: Option<String>,
}

/// Server frames that do not come from an event or a signal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The connection stands.
    Connected {
        /// A client's session.
        #[serde(skip_serializing_if = "Option::is_none")]
        session_id: Option<ChatId>,
        /// A client's cursor to start from.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<Seq>,
        /// The rest.
        data: Connected,
    },
    /// A `subscribe` was served: replay is done, the chat is live from here.
    Subscribed {
        /// Which.
        chat_id: ChatId,
        /// The cursor reached.
        seq: Seq,
        /// True where nobody subscribed: the user was added to the chat.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        invited: bool,
        /// The chat's state.
        data: ChatState,
    },
    /// A `resume` was served: the missed changes are out.
    Resumed {
        /// The cursors reached, for the chats that were named and could be resumed.
        #[serde(deserialize_with = "cursors")]
        cursors: BTreeMap<ChatId, Seq>,
        /// Another frame with more of them follows.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    },
    /// Something changed that is not of a chat.
    #[serde(rename = "workspace.changed")]
    WorkspaceChanged {
        /// The kinds of changes, and the version after them.
        data: WorkspaceNews,
    },
    /// An `auth` was served: the connection may stay as long as the new token is good.
    Authenticated {
        /// The content.
        #[serde(default)]
        data: Authenticated,
    },
    /// An `unsubscribe` was served.
    Unsubscribed {
        /// Which.
        chat_id: ChatId,
    },
    /// The answer to `message`: it is stored. The live frame comes on its own.
    Ack {
        /// As in the `message` frame.
        client_id: Uuid,
        /// The stored message.
        data: crate::Message,
    },
    /// Cursors that cannot be honoured: fetch these chats anew.
    Resync {
        /// `epoch`: another database; `ahead`: above the chat's top; `gone`: not to be read; `several`: cannot be told by
        /// one id; `too_many`: beyond 1,000.
        why: String,
        /// Which; empty means all.
        chats: Vec<ChatId>,
    },
    /// Answer with `pong`.
    Ping {},
    /// The answer to `ping`.
    Pong {},
    /// Something was refused; the connection stays unless a close follows.
    Error {
        /// As the frame gave it.
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<String>,
        /// The chat that the frame named, if it named one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chat_id: Option<ChatId>,
        /// The error.
        error: ErrorBody,
    },
}

impl ServerFrame {
    /// Cursors that cannot be honoured.
    #[must_use]
    pub fn resync(why: &str, chats: Vec<ChatId>) -> Self {
        Self::Resync { why: why.to_owned(), chats }
    }

    /// As sent.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// Why a socket is closed: 40xx reconnect with jitter, 45xx final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The token's time is over: get a fresh one and reconnect.
    TokenExpired,
    /// More than 256 KiB unsent: reconnect with the cursor, nothing is lost.
    SlowConsumer,
    /// Two pings unanswered, or half of a message and no more for a minute.
    Idle,
    /// The server restarts.
    Restart,
    /// A part behind the gateway does not answer.
    Unavailable,
    /// Too many handshakes, or frames of any kind that went on above the limit.
    RateLimited,
    /// The sites in which the operator works are others now: reconnect with the cursors.
    ScopeChanged,
    /// The token is not good.
    BadToken,
    /// The right to be here was taken.
    Revoked,
    /// A newer connection of this token took its place.
    TooManyConnections,
    /// Not a text frame, not UTF-8, or against RFC 6455.
    BadFrame,
    /// A frame over 1 MiB.
    TooLarge,
    /// No `init` within 5 s.
    InitTimeout,
}

impl CloseCode {
    /// Every code.
    pub const ALL: [Self; 13] = [
        Self::TokenExpired,
        Self::SlowConsumer,
        Self::Idle,
        Self::Restart,
        Self::Unavailable,
        Self::RateLimited,
        Self::ScopeChanged,
        Self::BadToken,
        Self::Revoked,
        Self::TooManyConnections,
        Self::BadFrame,
        Self::TooLarge,
        Self::InitTimeout,
    ];

    /// On the wire.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::TokenExpired => 4001,
            Self::SlowConsumer => 4002,
            Self::Idle => 4003,
            Self::Restart => 4004,
            Self::Unavailable => 4005,
            Self::RateLimited => 4006,
            Self::ScopeChanged => 4007,
            Self::BadToken => 4500,
            Self::Revoked => 4501,
            Self::TooManyConnections => 4502,
            Self::BadFrame => 4503,
            Self::TooLarge => 4504,
            Self::InitTimeout => 4505,
        }
    }

    /// Whether reconnecting as before cannot help.
    #[must_use]
    pub fn is_final(self) -> bool {
        self.code() >= 4500
    }

    /// The reason in the close frame, and the metric's label.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TokenExpired => "token expired",
            Self::SlowConsumer => "slow consumer",
            Self::Idle => "idle",
            Self::Restart => "restart",
            Self::Unavailable => "unavailable",
            Self::RateLimited => "rate limited",
            Self::ScopeChanged => "scope changed",
            Self::BadToken => "bad token",
            Self::Revoked => "revoked",
            Self::TooManyConnections => "too many connections",
            Self::BadFrame => "bad frame",
            Self::TooLarge => "too large",
            Self::InitTimeout => "no init",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_a_chat_id() {
        let frame = ClientFrame::parse(r#"{"type":"subscribe","session_id":7,"after":3,"later":true}"#);
        assert_eq!(frame, Ok(ClientFrame::Subscribe { chat_id: ChatId(7), after: Some(Seq(3)), epoch: None }));
    }

    #[test]
    fn cursors_are_named_by_the_ids_of_their_chats() {
        let frame = ClientFrame::parse(r#"{"type":"resume","cursors":{"7":3,"12":0},"epoch":1}"#);
        let cursors = BTreeMap::from([(ChatId(7), Seq(3)), (ChatId(12), Seq(0))]);
        assert_eq!(frame, Ok(ClientFrame::Resume { cursors, epoch: Some(Epoch(1)), more: false }));
        let refused = ClientFrame::parse(r#"{"type":"resume","cursors":{"seven":3}}"#).expect_err("no id");
        assert_eq!(refused.error.code, ErrorCode::Invalid);
        assert!(refused.error.message.contains("cursors"), "{}", refused.error.message);
    }

    #[test]
    fn a_sign_is_read_with_the_field_of_its_fault() {
        for (bad, field) in [
            (r#"{"type":"page","url":"javascript:alert(1)"}"#, "url"),
            (r#"{"type":"page","url":"https://a.b","title":"TITLE"}"#, "title"),
        ] {
            let refused = ClientFrame::parse(&bad.replace("TITLE", &"x".repeat(201))).expect_err(bad);
            assert_eq!((refused.error.code, &refused.error.details["field"]), (ErrorCode::Invalid, &field.into()));
        }
        for bad in [r#"{"type":"typing"}"#, r#"{"type":"typing","is_typing":true,"visibility":"secret"}"#] {
            assert_eq!(ClientFrame::parse(bad).expect_err(bad).error.code, ErrorCode::Invalid);
        }
    }

    #[test]
    fn a_refusal_says_what_was_wrong_and_repeats_the_client_id() {
        let unknown = ClientFrame::parse(r#"{"type":"dance","client_id":"a"}"#).expect_err("unknown");
        assert_eq!((unknown.error.code, unknown.client_id.as_deref()), (ErrorCode::UnknownType, Some("a")));
        let wrong = ClientFrame::parse(r#"{"type":"message","body":1,"client_id":"b"}"#).expect_err("wrong type");
        assert_eq!((wrong.error.code, wrong.client_id.as_deref()), (ErrorCode::Invalid, Some("b")));
        assert!(!wrong.error.message.contains("line"), "{}", wrong.error.message);
        let none = ClientFrame::parse("[]").expect_err("not an object");
        assert_eq!(none.error.code, ErrorCode::BadRequest);
    }
}
