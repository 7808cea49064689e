//! The administration of jobs by people: to list them, to have them tried again, to drop them.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use statement::statement;

/// A job, as it is listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its id.
    pub id: i64,
    /// Of its handler.
    pub kind: String,
    /// The subject.
    pub key: String,
    /// When it is, or was, due.
    pub due_at: DateTime<Utc>,
    /// How often it was tried.
    pub attempts: i32,
    /// Whether a process has it.
    pub is_claimed: bool,
    /// When it was given up.
    pub dead_at: Option<DateTime<Utc>>,
    /// Why the last try failed.
    pub last_error: Option<String>,
}

statement! {
    /// The oldest jobs of a kind, or of all.
    List<'a> { kind: Option<&'a str> as Nullable<Text>, only_dead: bool as Bool, count: i64 as BigInt, } -> (
        BigInt, Text, Text, Timestamptz, Integer, Bool, Nullable<Timestamptz>, Nullable<Text>
    ) =
        "SELECT id, kind, key, due_at, attempts, coalesce(claimed_until > now(), false), dead_at, last_error FROM jobs
         WHERE ($kind IS NULL OR kind = $kind) AND (NOT $only_dead OR dead_at IS NOT NULL) ORDER BY id LIMIT $count";
}

statement! {
    /// Has dead jobs tried again at once, and others that wait for their next try.
    Retry<'a> { ids: &'a [i64] as Array<BigInt>, } -> BigInt =
        "UPDATE jobs SET dead_at = NULL, due_at = now(), attempts = 0, version = version + 1
         WHERE id = ANY($ids) RETURNING id";
}

statement! {
    /// Drops a job. A try that runs right now is undone. Its follower in the series stands behind the job before it
    /// then.
    Drop { id: i64 as BigInt, } -> BigInt =
        "WITH dropped AS (
            DELETE FROM jobs WHERE id = $id RETURNING id, after_id
        ), moved AS (
            UPDATE jobs j SET after_id = d.after_id FROM dropped d WHERE j.after_id = d.id
        ) SELECT id FROM dropped";
}

statement! {
    /// The turn of jobs whose predecessor in their series is no more, or is given up.
    FreeFollowers {} -> BigInt =
        "UPDATE jobs j SET after_id = NULL WHERE j.after_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM jobs p WHERE p.id = j.after_id AND p.dead_at IS NULL) RETURNING j.id";
}

/// Lists the oldest jobs.
pub async fn list(
    conn: &mut AsyncPgConnection,
    kind: Option<&str>,
    only_dead: bool,
    count: u16,
) -> QueryResult<Vec<Listed>> {
    type Columns = (i64, String, String, DateTime<Utc>, i32, bool, Option<DateTime<Utc>>, Option<String>);
    let rows: Vec<Columns> = List { kind, only_dead, count: count.into() }.load(conn).await?;
    let listed = rows.into_iter().map(|(id, kind, key, due_at, attempts, is_claimed, dead_at, last_error)| Listed {
        id,
        kind,
        key,
        due_at,
        attempts,
        is_claimed,
        dead_at,
        last_error,
    });
    Ok(listed.collect())
}

/// Has jobs tried again at once. Returns the jobs that exist.
pub async fn retry(conn: &mut AsyncPgConnection, ids: &[i64]) -> QueryResult<Vec<i64>> {
    Retry { ids }.load(conn).await
}

/// Drops jobs. Returns the jobs that existed.
pub async fn drop(conn: &mut AsyncPgConnection, ids: &[i64]) -> QueryResult<Vec<i64>> {
    let mut dropped = Vec::new();
    for id in ids {
        dropped.extend(Drop { id: *id }.load::<i64>(conn).await?);
    }
    Ok(dropped)
}

/// Lets followers go on behind jobs that are no more: also behind jobs that were removed by hand.
pub(crate) async fn free_followers(conn: &mut AsyncPgConnection) -> QueryResult<usize> {
    let freed: Vec<i64> = FreeFollowers {}.load(conn).await?;
    Ok(freed.len())
}
