//! The pub/sub that a gateway listens on.

use async_trait::async_trait;
use chat_events::names::Channel;
use chat_events::{Beat, ChatId, ChatKind, Epoch, Event, EventKind, Seq, Signal, SiteId, UserId};
use serde::{Deserialize, Serialize};

use crate::{BusError, Envelope};

/// An incoming item. One bounded queue of these per gateway, in the order in which they came.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// A whole event.
    Event(Envelope),
    /// Word of an event; the row is for the listener to read.
    Hint(Hint),
    /// A signal of a gateway, this one included, or of chat-service.
    Signal(Signal),
    /// A lane is alive, all the way from PostgreSQL.
    Beat(Beat),
    /// The link broke: items that came meanwhile are lost, and more may be.
    Interrupted,
    /// The link is back and every subscription is in force again.
    Restored,
}

/// Word of an event, without the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Where.
    pub chat_id: ChatId,
    /// The kind of the chat.
    pub chat_kind: ChatKind,
    /// The site of a session. Without it, operators of all sites alone are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_id: Option<SiteId>,
    /// The change's position.
    pub seq: Seq,
    /// The kind of the change.
    pub kind: EventKind,
    /// The users whom it concerns in person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_ids: Vec<UserId>,
}

impl Hint {
    /// Of an event.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Self {
        let Event { chat_id, chat_kind, site_id, seq, kind, user_ids, .. } = &envelope.event;
        let (chat_id, chat_kind, site_id) = (*chat_id, *chat_kind, *site_id);
        Self { chat_id, chat_kind, site_id, seq: *seq, kind: *kind, user_ids: user_ids.clone() }
    }
}

/// Redis or LISTEN/NOTIFY, as seen by a gateway.
#[async_trait]
pub trait PubSub: Send + Sync {
    /// Listens on these channels; returns when that is in force, so that history read afterwards leaves no gap.
    async fn subscribe(&self, channels: &[Channel]) -> Result<(), BusError>;

    /// No longer listens on these channels.
    async fn unsubscribe(&self, channels: &[Channel]) -> Result<(), BusError>;

    /// Passes a signal to all gateways that listen, this one included. Never waits: a signal for which there is no room is
    /// dropped and counted.
    fn signal(&self, signal: Signal);

    /// The last events of a chat after a position, in order, at most so many, as far as they are at hand without
    /// PostgreSQL. Any of them may be missing: a hole proves nothing. None where nothing is kept.
    async fn recent(
        &self,
        epoch: Epoch,
        chat: ChatId,
        after: Seq,
        count: usize,
    ) -> Result<Option<Vec<Event>>, BusError> {
        let _ = (epoch, chat, after, count);
        Ok(None)
    }

    /// Whether the link stands.
    fn is_connected(&self) -> bool;

    /// Gives the link up and makes another: it claims to stand, but the items that should come over it do not.
    fn renew(&self);
}
