//! Routing keys, queue names, Redis channels and stream keys: the only place that spells them.

use crate::event::{Event, EventKind};
use crate::gateway_api::Principal;
use crate::ids::{ChatId, Epoch, Lane, SiteId, UserId};
use crate::message::ChatKind;
use crate::signal::{Signal, SignalData};

/// The durable topic exchange that every event goes to.
pub const EXCHANGE: &str = "chat.events";
/// The exchange and queue of dead letters: deliveries that could not be parsed.
pub const DEAD_LETTER: &str = "chat.events.dead";
/// The exchange of signals, which keeps nothing, and the queue that the dispatchers take them from.
pub const SIGNALS: &str = "chat.signals";
/// The subject of beats in routing keys.
const BEAT: &str = "pipeline.beat";
/// PostgreSQL channel of (chat, seq, kind) hints to gateways.
pub const PG_HINTS: &str = "switchboard_hints";
/// PostgreSQL channel of signals to gateways.
pub const PG_SIGNALS: &str = "switchboard_signals";
/// PostgreSQL channel of beats to gateways.
pub const PG_BEATS: &str = "switchboard_beats";
/// PostgreSQL channel that wakes the holder of a lane.
pub const PG_LANE_WAKE: &str = "switchboard_lane_wake";

/// The routing key of an event: its subject, then its lane, so that `chat.message.sent.#` binds all lanes.
#[must_use]
pub fn routing_key(kind: EventKind, lane: Lane) -> String {
    let subject = match kind {
        EventKind::SessionAssigned | EventKind::SessionStatus => "chat.session.updated",
        other => other.as_str(),
    };
    format!("{subject}.{lane}")
}

/// The routing key of a lane's beats: a binding to `chat.…` never gets one.
#[must_use]
pub fn beat_key(lane: Lane) -> String {
    format!("{BEAT}.{lane}")
}

/// Whether a routing key is that of a beat.
#[must_use]
pub fn is_beat_key(key: &str) -> bool {
    key.strip_prefix(BEAT).is_some_and(|rest| rest.starts_with('.'))
}

/// Binds every event and beat of one lane.
#[must_use]
pub fn lane_binding(lane: Lane) -> String {
    format!("#.{lane}")
}

/// The dispatcher's quorum queue for one lane.
#[must_use]
pub fn dispatch_queue(lane: Lane) -> String {
    format!("chat.dispatch.{lane}")
}

/// A channel on which events and signals are published to listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// One chat.
    Chat(ChatId),
    /// All support sessions.
    Staff,
    /// The support sessions of one site.
    Site(SiteId),
    /// One user in person.
    User(UserId),
    /// Whether operators take sessions.
    Operators,
    /// The beats of all lanes.
    Beats,
}

impl std::fmt::Display for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Chat(id) => write!(f, "chat:{id}"),
            Self::Staff => f.write_str("chat:staff"),
            Self::Site(id) => write!(f, "staff:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Operators => f.write_str("operators:states"),
            Self::Beats => f.write_str("pipeline:beats"),
        }
    }
}

impl Channel {
    /// The channel of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name.split_once(':')? {
            ("chat", "staff") => Some(Self::Staff),
            ("pipeline", "beats") => Some(Self::Beats),
            ("operators", "states") => Some(Self::Operators),
            ("chat", id) => id.parse().ok().map(|id| Self::Chat(ChatId(id))),
            ("staff", id) => id.parse().ok().map(|id| Self::Site(SiteId(id))),
            ("user", id) => id.parse().ok().map(|id| Self::User(UserId(id))),
            _ => None,
        }
    }
}

/// The stream of a chat's last events, entry ids `<seq>-0`. The epoch is in the key: another database's history
/// is never replayed.
#[must_use]
pub fn chat_stream(epoch: Epoch, chat: ChatId) -> String {
    format!("chat:{chat}@{epoch}")
}

/// The hash of the times when readers were last seen in a chat: a field `client:<id>` or `user:<id>` for each reader,
/// with the time when its delivered or read mark last rose (RFC 3339).
#[must_use]
pub fn last_seen(chat: ChatId) -> String {
    format!("last_seen:{chat}")
}

/// The key of a lane's last beat.
#[must_use]
pub fn last_beat(lane: Lane) -> String {
    format!("pipeline:beat:{lane}")
}

/// The sorted set of an owner's connections to all gateways, the oldest first. Without the epoch: it says nothing of the
/// database, and lives no longer than the gateways that hold the connections.
#[must_use]
pub fn connections(owner: Principal) -> String {
    match owner {
        Principal::Client { session_id } => format!("connections:client:{session_id}"),
        Principal::Staff { user_id } => format!("connections:staff:{user_id}"),
        Principal::User { user_id } => format!("connections:user:{user_id}"),
    }
}

/// The name by which a gateway is known while it lives: a key with a time to live, and a channel that it alone listens
/// on. `term` is a time during which it and Redis did not lose each other.
#[must_use]
pub fn gateway(term: &str) -> String {
    format!("gateway:{term}")
}

/// The advisory lock that the relay of a lane holds; the first number keeps clear of other users of the database.
#[must_use]
pub fn lane_lock(lane: Lane) -> (i32, i32) {
    (0x5b_0a_2d, i32::from(lane.0))
}

/// Channels that an event is published to, its own chat's first.
#[must_use]
pub fn channels_of(event: &Event) -> Vec<Channel> {
    let mut channels = channels_of_chat(event.chat_id, event.chat_kind, event.site_id);
    channels.extend(event.user_ids.iter().map(|id| Channel::User(*id)));
    channels
}

/// Channels that a signal is published to, its own chat's first.
#[must_use]
pub fn channels_of_signal(signal: &Signal) -> Vec<Channel> {
    if let SignalData::Operator { .. } = signal.data {
        return vec![Channel::Operators];
    }
    channels_of_chat(signal.chat_id, signal.chat_kind, signal.site_id)
}

fn channels_of_chat(chat: ChatId, kind: ChatKind, site: Option<SiteId>) -> Vec<Channel> {
    let mut channels = vec![Channel::Chat(chat)];
    if kind == ChatKind::Session {
        channels.push(Channel::Staff);
        channels.extend(site.map(Channel::Site));
    }
    channels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_reads_back_from_its_name() {
        for channel in [
            Channel::Chat(ChatId(7)),
            Channel::Staff,
            Channel::Site(SiteId(2)),
            Channel::User(UserId(3)),
            Channel::Operators,
            Channel::Beats,
        ] {
            assert_eq!(Channel::parse(&channel.to_string()), Some(channel));
        }
        assert_eq!(Channel::parse("chat:x"), None);
    }

    #[test]
    fn a_beat_goes_to_its_lanes_queue_and_to_none_that_is_bound_to_events() {
        assert_eq!((beat_key(Lane(3)), lane_binding(Lane(3))), ("pipeline.beat.3".into(), "#.3".into()));
        assert!(is_beat_key(&beat_key(Lane(0))));
        assert!(EventKind::ALL.iter().all(|kind| !is_beat_key(&routing_key(*kind, Lane(0)))));
    }

    #[test]
    fn status_and_assignment_are_updates_of_the_session() {
        assert_eq!(routing_key(EventKind::MessageSent, Lane(3)), "chat.message.sent.3");
        assert_eq!(routing_key(EventKind::SessionStatus, Lane(0)), "chat.session.updated.0");
    }
}
