//! The outbox's statements. Each is prepared once per session.

use bytes::Bytes;
use chat_events::{ChatId, ChatKind, Epoch, Event, EventKind, Lane, Seq, SiteId, UserId, Visibility};
use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Double, Nullable, SmallInt, Text, Timestamptz};
use diesel::{ExpressionMethods, QueryResult, Queryable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde_json::value::RawValue;

use crate::postgres::{failed, in_time};
use crate::{BusError, Envelope};

/// How many rows are read at once.
pub(crate) const PAGE: usize = 500;

/// Over how many rows the oldest is sought: the cost of the question must not grow with the backlog.
const AGE_SAMPLE: i64 = 5000;

diesel::table! {
    outbox (lane, chat_id, seq) {
        lane -> Int2,
        chat_id -> Int8,
        seq -> Int8,
        kind -> Text,
        chat_kind -> Text,
        visibility -> Text,
        site_id -> Nullable<Int8>,
        assigned_user_id -> Nullable<Int8>,
        user_ids -> Array<Int8>,
        data -> Text,
        traceparent -> Nullable<Text>,
        activity -> Nullable<Text>,
    }
}

/// An event to be written in the transaction of its change.
#[derive(Debug, Clone)]
pub struct NewEvent<'a> {
    /// Its chat's lane.
    pub lane: Lane,
    /// Where.
    pub chat_id: ChatId,
    /// The change's position.
    pub seq: Seq,
    /// The kind of the change.
    pub kind: EventKind,
    /// The kind of the chat.
    pub chat_kind: ChatKind,
    /// The readers who may see it.
    pub visibility: Visibility,
    /// The site of a session.
    pub site_id: Option<SiteId>,
    /// The operator who has the session, if any.
    pub assigned_user_id: Option<UserId>,
    /// The users whom it concerns in person.
    pub user_ids: &'a [UserId],
    /// JSON: the message, session or member, whole, at this `seq`.
    pub data: &'a str,
    /// W3C trace context of the request.
    pub traceparent: Option<&'a str>,
    /// JSON: the activity of the change, if it is remembered as one.
    pub activity: Option<&'a str>,
}

/// Writes an event; nobody is told before the commit, and then by [`super::LaneWaker::committed`].
pub async fn write(conn: &mut AsyncPgConnection, event: &NewEvent<'_>) -> QueryResult<()> {
    let user_ids: Vec<i64> = event.user_ids.iter().map(|id| id.0).collect();
    let values = (
        outbox::lane.eq(event.lane.0),
        outbox::chat_id.eq(event.chat_id.0),
        outbox::seq.eq(event.seq.0),
        outbox::kind.eq(event.kind.as_str()),
        outbox::chat_kind.eq(event.chat_kind.as_str()),
        outbox::visibility.eq(event.visibility.as_str()),
        outbox::site_id.eq(event.site_id.map(|id| id.0)),
        outbox::assigned_user_id.eq(event.assigned_user_id.map(|id| id.0)),
        outbox::user_ids.eq(user_ids),
        outbox::data.eq(event.data),
        outbox::traceparent.eq(event.traceparent),
        outbox::activity.eq(event.activity),
    );
    diesel::insert_into(outbox::table).values(values).execute(conn).await.map(|_| ())
}

/// Where a row lies in the order of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct OutboxKey {
    pub(crate) chat_id: i64,
    pub(crate) seq: i64,
}

impl OutboxKey {
    /// Of a lane's beat, and before every event: the ids of chats start at 1.
    pub(crate) const START: Self = Self { chat_id: 0, seq: 0 };
}

/// A row as it is stored.
#[derive(Debug, Queryable)]
pub(crate) struct Row {
    chat_id: i64,
    seq: i64,
    kind: String,
    chat_kind: String,
    visibility: String,
    site_id: Option<i64>,
    assigned_user_id: Option<i64>,
    user_ids: Vec<i64>,
    data: String,
    traceparent: Option<String>,
    activity: Option<String>,
    committed_at: Option<DateTime<Utc>>,
}

impl Row {
    pub(crate) fn key(&self) -> OutboxKey {
        OutboxKey { chat_id: self.chat_id, seq: self.seq }
    }

    /// The event; or the fault of the row.
    pub(crate) fn into_envelope(self, lane: Lane, epoch: Epoch) -> Result<Envelope, BusError> {
        let unreadable = |what: &str| BusError(format!("{what} is not readable"));
        let activity = self.activity.map(RawValue::from_string).transpose();
        let event = Event {
            epoch,
            kind: EventKind::parse(&self.kind).ok_or_else(|| unreadable("kind"))?,
            chat_id: ChatId(self.chat_id),
            chat_kind: named(&self.chat_kind).ok_or_else(|| unreadable("chat_kind"))?,
            seq: Seq(self.seq),
            visibility: named(&self.visibility).ok_or_else(|| unreadable("visibility"))?,
            site_id: self.site_id.map(SiteId),
            assigned_user_id: self.assigned_user_id.map(UserId),
            user_ids: self.user_ids.into_iter().map(UserId).collect(),
            committed_at: self.committed_at.ok_or_else(|| unreadable("committed_at"))?,
            traceparent: self.traceparent,
            data: RawValue::from_string(self.data).map_err(|_| unreadable("data"))?,
            activity: activity.map_err(|_| unreadable("activity"))?,
        };
        let json = serde_json::to_vec(&event).map_err(|_| unreadable("event"))?;
        Ok(Envelope { lane, event, json: Bytes::from(json) })
    }
}

/// Reads a value by its name in JSON, which is also its name in PostgreSQL.
fn named<'de, T: Deserialize<'de>>(name: &'de str) -> Option<T> {
    let text: StrDeserializer<'de, serde::de::value::Error> = name.into_deserializer();
    T::deserialize(text).ok()
}

/// Rows of a lane after a key, in order, without the chats that are set aside.
pub(crate) async fn read(
    conn: &AsyncPgConnection,
    lane: Lane,
    after: OutboxKey,
    set_aside: Vec<i64>,
) -> Result<Vec<Row>, BusError> {
    let page = i64::try_from(PAGE).expect("a small number");
    let query = ReadLane { lane: lane.0, after, set_aside, page };
    in_time(async { query.load(&mut &*conn).await.map_err(failed) }).await
}

/// The age in seconds of the oldest event, among the first few thousand; 0 when there is none.
pub(crate) async fn oldest_age(conn: &AsyncPgConnection, lane: Lane) -> Result<f64, BusError> {
    OldestAge { lane: lane.0 }.get_result(&mut &*conn).await.map_err(failed)
}

#[derive(Debug, QueryId)]
struct ReadLane {
    lane: i16,
    after: OutboxKey,
    set_aside: Vec<i64>,
    page: i64,
}

impl Query for ReadLane {
    type SqlType = (
        BigInt,
        BigInt,
        Text,
        Text,
        Text,
        Nullable<BigInt>,
        Nullable<BigInt>,
        Array<BigInt>,
        Text,
        Nullable<Text>,
        Nullable<Text>,
        Nullable<Timestamptz>,
    );
}

impl QueryFragment<Pg> for ReadLane {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            // A value that does not fit a type here must not fail the rows around it.
            "SELECT chat_id, seq, kind, chat_kind, visibility, site_id, assigned_user_id, \
             array_remove(user_ids, NULL), data, traceparent, activity, \
             CASE WHEN committed_at > '1970-01-01' AND committed_at < '10000-01-01' THEN committed_at END \
             FROM outbox WHERE lane = ",
        );
        out.push_bind_param::<SmallInt, _>(&self.lane)?;
        out.push_sql(" AND (chat_id, seq) > (");
        out.push_bind_param::<BigInt, _>(&self.after.chat_id)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.after.seq)?;
        out.push_sql(") AND chat_id <> ALL (");
        out.push_bind_param::<Array<BigInt>, _>(&self.set_aside)?;
        out.push_sql(") ORDER BY lane, chat_id, seq LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.page)
    }
}

impl<Conn> diesel::RunQueryDsl<Conn> for ReadLane {}

#[derive(Debug, QueryId)]
struct OldestAge {
    lane: i16,
}

impl Query for OldestAge {
    type SqlType = Double;
}

impl QueryFragment<Pg> for OldestAge {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(committed_at)), 0)::float8 \
             FROM (SELECT committed_at FROM outbox WHERE lane = ",
        );
        out.push_bind_param::<SmallInt, _>(&self.lane)?;
        out.push_sql(" AND (chat_id, seq) > (0, 0) ORDER BY lane, chat_id, seq LIMIT ");
        out.push_bind_param::<BigInt, _>(&AGE_SAMPLE)?;
        out.push_sql(") AS first_rows");
        Ok(())
    }
}

impl<Conn> diesel::RunQueryDsl<Conn> for OldestAge {}
