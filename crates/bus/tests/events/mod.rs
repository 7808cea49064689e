//! Events to send through the bus.
#![allow(dead_code, reason = "each test file uses its part")]

use std::time::Duration;

use bus::{Arrival, BusError, Load, Parcel, Source};
use bytes::Bytes;
use chat_events::{Beat, ChatId, ChatKind, Epoch, Event, EventKind, Lane, LaneCount, Seq, UserId, Visibility};
use chrono::Utc;
use serde_json::value::RawValue;
use telemetry::{Health, Part};
use tokio::sync::mpsc;

/// A message in a support session.
pub(crate) fn message(chat: i64, seq: i64) -> Parcel {
    parcel(event(chat, seq, EventKind::MessageSent))
}

/// A message that was deleted.
pub(crate) fn deletion(chat: i64, seq: i64) -> Parcel {
    parcel(event(chat, seq, EventKind::MessageDeleted))
}

/// An event that also concerns users in person.
pub(crate) fn for_users(chat: i64, seq: i64, users: &[i64]) -> Parcel {
    let mut event = event(chat, seq, EventKind::MemberAdded);
    event.chat_kind = ChatKind::Group;
    event.user_ids = users.iter().map(|id| UserId(*id)).collect();
    parcel(event)
}

pub(crate) fn event(chat: i64, seq: i64, kind: EventKind) -> Event {
    Event {
        epoch: Epoch(1),
        kind,
        chat_id: ChatId(chat),
        chat_kind: ChatKind::Session,
        seq: Seq(seq),
        visibility: Visibility::Public,
        assigned_user_id: None,
        user_ids: vec![],
        committed_at: Utc::now(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        data: RawValue::from_string(format!(r#"{{"body":"message {seq}"}}"#)).expect("JSON"),
    }
}

pub(crate) fn parcel(event: Event) -> Parcel {
    let json = Bytes::from(serde_json::to_vec(&event).expect("an event"));
    Parcel { lane: Lane(0), event, json }
}

/// The next events; beats are passed over.
pub(crate) async fn next_batch(source: &mut impl Source) -> Result<Vec<Parcel>, BusError> {
    loop {
        match source.next().await? {
            Load::Events(batch) => return Ok(batch),
            Load::Beat(_) => source.forget_beat().await?,
        }
    }
}

/// The next beat; there must be no event before it.
pub(crate) async fn next_beat(source: &mut impl Source) -> Beat {
    match test_support::wait::in_time("a beat", source.next()).await {
        Ok(Load::Beat(beat)) => beat,
        other => panic!("{other:?}"),
    }
}

/// The first of two lanes is alive.
pub(crate) fn beat() -> Beat {
    Beat { lane: Lane(0), lanes: LaneCount::new(2).expect("in range"), committed_at: Utc::now() }
}

/// Where each is in its chat.
pub(crate) fn places(parcels: &[Parcel]) -> Vec<(i64, i64)> {
    parcels.iter().map(|parcel| (parcel.event.chat_id.0, parcel.event.seq.0)).collect()
}

/// A part that nobody looks at.
pub(crate) fn part() -> Part {
    Health::new().part("test")
}

/// The next arrival.
pub(crate) async fn arrival(arrivals: &mut mpsc::Receiver<Arrival>) -> Arrival {
    tokio::time::timeout(Duration::from_secs(30), arrivals.recv()).await.expect("an arrival in time").expect("a link")
}

/// Reads on until the link is whole.
pub(crate) async fn restored(arrivals: &mut mpsc::Receiver<Arrival>) {
    while !matches!(arrival(arrivals).await, Arrival::Restored) {}
}
