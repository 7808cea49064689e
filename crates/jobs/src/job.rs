//! A job, as it is enqueued and as a handler gets it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::sql_types::{BigInt, Bool, Double, Jsonb, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use statement::statement;

/// A job to be enqueued.
#[derive(Debug, Clone)]
pub struct NewJob<'a> {
    /// Of its handler.
    pub kind: &'a str,
    /// The subject: of a kind there is one job with this key.
    pub key: &'a str,
    /// For its handler.
    pub payload: Value,
    /// When to do it.
    pub due: Due,
    /// The order among due jobs.
    pub priority: Priority,
    /// Of one series one job is done at a time, in the order in which they were enqueued: the enqueuing transaction
    /// holds a lock until its commit, as a rule that of a chat, so that the order is that of the commits. A dead job
    /// holds no other up.
    pub series: Option<&'a str>,
    /// The policy for a job of this key that is there already.
    pub existing: Existing,
}

/// When a job is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// As soon as there is room.
    Now,
    /// After this time, by PostgreSQL's clock.
    In(Duration),
    /// At this time.
    At(DateTime<Utc>),
}

/// The order among due jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// Before all others.
    High,
    /// The usual one.
    #[default]
    Normal,
    /// When nothing else is due.
    Low,
}

/// The policy for a job with the same key. A job that is being done is done once more, since it may have looked before
/// this change; a job that was given up is asked for anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// A job that waits stays as it is: it covers the new request.
    #[default]
    Keep,
    /// It is due at the new time, with the new payload, as if it had never been tried.
    Replace,
}

impl<'a> NewJob<'a> {
    /// Due at once.
    #[must_use]
    pub fn new(kind: &'a str, key: &'a str) -> Self {
        Self {
            kind,
            key,
            payload: Value::Object(serde_json::Map::new()),
            due: Due::Now,
            priority: Priority::Normal,
            series: None,
            existing: Existing::Keep,
        }
    }
}

impl Priority {
    /// As it is stored.
    pub(crate) fn number(self) -> i16 {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }
}

/// A job that a handler is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: i64,
    /// The subject.
    pub key: String,
    /// As it was enqueued last.
    pub payload: Value,
    /// How often it was tried since it was asked for, this time included.
    pub attempts: i32,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    pub(crate) version: i64,
    pub(crate) claim: i64,
    pub(crate) is_in_series: bool,
}

statement! {
    /// A row if the job is new or is asked for anew. The row that is there is locked also where it stays as it is, so
    /// that the job is not done before the caller's commit, without the caller's changes. Key, series and turn of a row
    /// never change here: so the lock is one that the job's followers in its series can share.
    Enqueue<'a> {
        kind: &'a str as Text,
        key: &'a str as Text,
        payload: &'a Value as Jsonb,
        priority: i16 as SmallInt,
        series: Option<&'a str> as Nullable<Text>,
        due_at: Option<DateTime<Utc>> as Nullable<Timestamptz>,
        due_in: f64 as Double,
        replace: bool as Bool,
    } -> BigInt =
        "INSERT INTO jobs AS j (kind, key, payload, priority, series, after_id, due_at)
         VALUES ($kind, $key, $payload, $priority, $series,
            CASE WHEN $series IS NOT NULL THEN (
                SELECT p.id FROM jobs p WHERE p.kind = $kind AND p.series = $series AND p.dead_at IS NULL
                ORDER BY p.id DESC LIMIT 1 FOR KEY SHARE) END,
            coalesce($due_at, clock_timestamp() + make_interval(secs => $due_in)))
         ON CONFLICT (kind, key) DO UPDATE SET version = j.version + 1, dead_at = NULL,
            payload = CASE WHEN $replace OR j.dead_at IS NOT NULL THEN EXCLUDED.payload ELSE j.payload END,
            due_at = CASE WHEN $replace OR j.dead_at IS NOT NULL THEN EXCLUDED.due_at ELSE j.due_at END,
            attempts = CASE WHEN $replace OR j.dead_at IS NOT NULL THEN 0 ELSE j.attempts END
         WHERE $replace OR j.dead_at IS NOT NULL OR j.claimed_until IS NOT NULL RETURNING j.id";
}

/// Enqueues a job in the caller's transaction. Whether it is new or asked for anew; false where one waits, and stays as it is.
/// Nobody is told before the commit, and then by [`super::JobWaker::enqueued`].
///
/// Nothing here waits for a job that is being done: its row is locked for a moment, when it is claimed and when it ends. A
/// handler locks chats as others do, so a caller has its chats locked before it enqueues, and enqueues in the order of kind
/// and key.
pub async fn enqueue(conn: &mut AsyncPgConnection, job: &NewJob<'_>) -> QueryResult<bool> {
    let (due_at, due_in) = match job.due {
        Due::Now => (None, 0.0),
        Due::In(time) => (None, time.as_secs_f64()),
        Due::At(time) => (Some(time), 0.0),
    };
    let statement = Enqueue {
        kind: job.kind,
        key: job.key,
        payload: &job.payload,
        priority: job.priority.number(),
        series: job.series,
        due_at,
        due_in,
        replace: job.existing == Existing::Replace,
    };
    let enqueued: Vec<i64> = statement.load(conn).await?;
    Ok(!enqueued.is_empty())
}
