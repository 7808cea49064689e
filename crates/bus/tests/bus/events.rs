//! Events to send through the bus.
#![allow(dead_code, reason = "not all of it is used without PostgreSQL")]

use std::time::Duration;

use bus::{Batch, BusError, Envelope, Incoming, Source};
use bytes::Bytes;
use chat_events::signal::SignalData;
use chat_events::{
    Beat, ChatId, ChatKind, Epoch, Event, EventKind, Lane, LaneCount, Mark, MarkKind, Reader, Seq, Signal, UserId,
    Visibility,
};
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use telemetry::{Health, Part};
use tokio::sync::mpsc;
use uuid::Uuid;

/// A gateway with a single task.
pub(crate) fn one_way<P>((pubsub, mut ways): (P, bus::Incomings)) -> (P, mpsc::Receiver<Incoming>) {
    (pubsub, ways.remove(0))
}

/// A message in a support session.
pub(crate) fn message(chat: i64, seq: i64) -> Envelope {
    envelope(event(chat, seq, EventKind::MessageSent))
}

/// A message that was deleted.
pub(crate) fn deletion(chat: i64, seq: i64) -> Envelope {
    envelope(event(chat, seq, EventKind::MessageDeleted))
}

/// An event that also concerns users in person.
pub(crate) fn for_users(chat: i64, seq: i64, users: &[i64]) -> Envelope {
    let mut event = event(chat, seq, EventKind::MemberAdded);
    event.chat_kind = ChatKind::Group;
    event.user_ids = users.iter().map(|id| UserId(*id)).collect();
    envelope(event)
}

pub(crate) fn event(chat: i64, seq: i64, kind: EventKind) -> Event {
    Event {
        epoch: Epoch(1),
        kind,
        chat_id: ChatId(chat),
        chat_kind: ChatKind::Session,
        seq: Seq(seq),
        visibility: Visibility::Public,
        site_id: None,
        assigned_user_id: None,
        user_ids: vec![],
        committed_at: Utc::now(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        data: RawValue::from_string(format!(r#"{{"body":"message {seq}"}}"#)).expect("JSON"),
        activity: None,
    }
}

pub(crate) fn envelope(event: Event) -> Envelope {
    let json = Bytes::from(serde_json::to_vec(&event).expect("an event"));
    Envelope { lane: Lane(0), event, json }
}

/// A signal: a client's delivered mark in a session has risen.
pub(crate) fn mark(seq: i64) -> Signal {
    let updated_at = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).expect("a time");
    let mark = Mark { reader: Reader::Client(9), delivered_seq: Seq(seq), read_seq: Seq(0), updated_at };
    Signal {
        id: Uuid::new_v4(),
        chat_id: ChatId(4),
        chat_kind: ChatKind::Session,
        site_id: None,
        visibility: Visibility::Public,
        origin: Some("connection 1".into()),
        data: SignalData::Mark { kind: MarkKind::Delivered, mark },
    }
}

/// The next events; beats are passed over.
pub(crate) async fn next_batch(source: &mut impl Source) -> Result<Vec<Envelope>, BusError> {
    loop {
        match source.next().await? {
            Batch::Events(batch) => return Ok(batch),
            Batch::Beat(_) => source.forget_beat().await?,
        }
    }
}

/// The next beat; there must be no event before it.
pub(crate) async fn next_beat(source: &mut impl Source) -> Beat {
    match test_support::wait::in_time("a beat", source.next()).await {
        Ok(Batch::Beat(beat)) => beat,
        other => panic!("{other:?}"),
    }
}

/// The first of two lanes is alive.
pub(crate) fn beat() -> Beat {
    Beat { lane: Lane(0), lanes: LaneCount::new(2).expect("in range"), committed_at: Utc::now() }
}

/// Where each is in its chat.
pub(crate) fn places(envelopes: &[Envelope]) -> Vec<(i64, i64)> {
    envelopes.iter().map(|envelope| (envelope.event.chat_id.0, envelope.event.seq.0)).collect()
}

/// A part that nobody looks at.
pub(crate) fn part() -> Part {
    Health::new().part("test")
}

/// What comes in next.
pub(crate) async fn next(incoming: &mut mpsc::Receiver<Incoming>) -> Incoming {
    tokio::time::timeout(Duration::from_secs(30), incoming.recv()).await.expect("something in time").expect("a link")
}

/// Reads on until the link is whole.
pub(crate) async fn restored(incoming: &mut mpsc::Receiver<Incoming>) {
    while !matches!(next(incoming).await, Incoming::Restored) {}
}
