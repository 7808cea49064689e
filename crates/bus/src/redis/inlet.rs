//! Turns pushed messages into [`Incoming`]. Runs inside the connection's task, so it never waits.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chat_events::names::{Channel, channels_of, channels_of_signal};
use chat_events::{Event, Lane, Signal};
use redis::{PushInfo, PushKind, Value};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::{Envelope, Incoming, Inlets};

/// How a signal is told from an event.
const SIGNAL_START: &[u8] = b"{\"signal\":";

/// A signal, as published.
#[derive(Serialize, Deserialize)]
pub(super) struct SignalEnvelope {
    pub(super) signal: Signal,
}

/// The receiving end of one connection.
pub(super) struct Inlet {
    incoming: Inlets,
    prefix: String,
    /// As the server has confirmed them, in the order of the connection.
    in_force: Mutex<HashSet<Channel>>,
    broken: CancellationToken,
}

impl Inlet {
    pub(super) fn new(incoming: Inlets, prefix: String) -> Self {
        Self { incoming, prefix, in_force: Mutex::default(), broken: CancellationToken::new() }
    }

    /// Waits until the connection is gone, or is to be given up since the gateway does not keep up.
    pub(super) async fn broken(&self) {
        self.broken.cancelled().await;
    }

    pub(super) fn is_in_force(&self, channel: &Channel) -> bool {
        self.lock().contains(channel)
    }

    /// Something that the server pushed.
    pub(super) fn take(&self, push: &PushInfo) {
        match push.kind {
            PushKind::Message => self.take_message(&push.data),
            PushKind::Subscribe => {
                self.channel(push.data.first()).map(|channel| self.lock().insert(channel));
            }
            PushKind::Unsubscribe => {
                self.channel(push.data.first()).map(|channel| self.lock().remove(&channel));
            }
            PushKind::Disconnection => self.broken.cancel(),
            _ => {}
        }
    }

    fn take_message(&self, data: &[Value]) {
        let [channel, Value::BulkString(payload)] = data else { return };
        let Some(channel) = self.channel(Some(channel)) else { return };
        if self.broken.is_cancelled() {
            return;
        }
        match self.read(channel, payload) {
            Ok(Some(incoming)) => {
                if !self.incoming.try_send(incoming) {
                    self.broken.cancel();
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%channel, %error, "a published message could not be read"),
        }
    }

    fn read(&self, channel: Channel, payload: &[u8]) -> serde_json::Result<Option<Incoming>> {
        if channel == Channel::Beats {
            return Ok(Some(Incoming::Beat(serde_json::from_slice(payload)?)));
        }
        let (incoming, channels) = if payload.starts_with(SIGNAL_START) {
            let SignalEnvelope { signal } = serde_json::from_slice(payload)?;
            let channels = channels_of_signal(&signal);
            (Incoming::Signal(signal), channels)
        } else {
            let event: Event = serde_json::from_slice(payload)?;
            let channels = channels_of(&event);
            let json = Bytes::copy_from_slice(payload);
            // Lanes are of no use behind the dispatcher.
            (Incoming::Event(Envelope { lane: Lane(0), event, json }), channels)
        };
        Ok(self.is_first_copy(channel, &channels).then_some(incoming))
    }

    /// A message to several channels comes once for each that is in force; all but the first are dropped. The
    /// copies are published at one moment, so no subscription comes between them.
    fn is_first_copy(&self, channel: Channel, channels: &[Channel]) -> bool {
        let in_force = self.lock();
        channels.iter().find(|channel| in_force.contains(channel)).is_none_or(|first| *first == channel)
    }

    fn channel(&self, name: Option<&Value>) -> Option<Channel> {
        let Some(Value::BulkString(name)) = name else { return None };
        Channel::parse(std::str::from_utf8(name).ok()?.strip_prefix(&self.prefix)?)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Channel>> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
