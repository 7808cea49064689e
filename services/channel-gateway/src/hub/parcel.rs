//! Parcels: the frames and signals that a room sends, and the queue of those on their way.

use std::collections::VecDeque;
use std::sync::Arc;

use chat_events::{Event, Signal, UserId};
use chrono::{DateTime, Utc};
use tracing::Span;

use super::staff::Staff;
use crate::catch_up::history::batch::{self, Item};
use crate::connection::Connection;
use crate::transport::frames::{ChatFrame, Frame};

/// Few enough to stay in the cache until they are delivered to: a delivery goes through all of TCP.
const FETCHED_TOGETHER: usize = 8;

/// A frame or a signal for all listeners that may see it.
pub(super) enum Parcel {
    /// A change.
    Frame {
        /// Encoded once.
        frame: ChatFrame,
        /// Users whose removal it tells of: they hear nothing more.
        removed: Vec<UserId>,
        /// When it was committed, if it is live.
        committed_at: Option<DateTime<Utc>>,
        /// Of the delivery.
        span: Span,
    },
    /// A signal: typing, or a mark. It is never stored.
    Signal(Arc<Signal>, Frame),
}

/// The parcels of a room with many listeners, of which the first is being delivered.
pub(super) struct Outgoing {
    pub(super) parcels: VecDeque<Parcel>,
    /// The operators who get the first too, as they were when its delivery began.
    pub(super) staff: Arc<Staff>,
    /// How many of them have it.
    pub(super) staff_served: usize,
}

impl Parcel {
    /// A live event.
    pub(super) fn of_event(event: &Event) -> Self {
        let span = tracing::info_span!("hub.deliver", chat = event.chat_id.0, seq = event.seq.0);
        telemetry::trace::continue_from(&span, event.traceparent.as_deref());
        let removed = batch::removed(event).to_vec();
        Self::Frame { frame: ChatFrame::of_event(event), removed, committed_at: Some(event.committed_at), span }
    }

    /// A piece of history that did not go out live.
    pub(super) fn of_history(item: &Item) -> Self {
        let removed = item.removed.into_iter().collect();
        Self::Frame { frame: item.frame.clone(), removed, committed_at: None, span: Span::none() }
    }

    /// Connections lie anywhere in memory. The memory of several connections is fetched in one go, so that the
    /// processor waits for all of it at the same time instead of once for each.
    pub(super) fn give_to(&self, listeners: &[Arc<Connection>]) {
        match self {
            Self::Frame { frame, span, .. } => {
                let _entered = span.enter();
                for some in listeners.chunks(FETCHED_TOGETHER) {
                    some.iter().for_each(|listener| listener.prefetch());
                    some.iter().for_each(|listener| listener.deliver(frame));
                }
            }
            Self::Signal(signal, frame) => listeners.iter().for_each(|listener| listener.signal(signal, frame)),
        }
    }
}
