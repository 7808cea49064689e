//! How a job ends. Each statement is for the holder of a claim alone: a worker that lost its claim changes nothing.

use std::time::Duration;

use diesel::sql_types::{BigInt, Bool, Double, Jsonb, Nullable, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use statement::statement;

use crate::handler::{JobError, Next};
use crate::job::Job;

/// The longest error that is kept, in characters.
const ERROR_MAX: usize = 2000;

statement! {
    /// It is done. The row is locked from here to the commit: a transaction that asks for the job anew waits so long.
    Finish { id: i64 as BigInt, claim: i64 as BigInt, version: i64 as BigInt, } -> BigInt =
        "DELETE FROM jobs WHERE id = $id AND claim = $claim AND version = $version RETURNING id";
}

statement! {
    /// It is due once more, as if for the first time.
    Repeat<'a> {
        id: i64 as BigInt, claim: i64 as BigInt, version: i64 as BigInt, wait: f64 as Double,
        payload: Option<&'a Value> as Nullable<Jsonb>,
    } -> BigInt =
        "UPDATE jobs SET due_at = clock_timestamp() + make_interval(secs => $wait), attempts = 0, claimed_until = NULL,
            last_error = NULL, payload = coalesce($payload, payload)
         WHERE id = $id AND claim = $claim AND version = $version RETURNING id";
}

statement! {
    /// It was asked for anew while it was done: it is due by that.
    GiveBack { id: i64 as BigInt, claim: i64 as BigInt, } -> BigInt =
        "UPDATE jobs SET claimed_until = NULL WHERE id = $id AND claim = $claim RETURNING id";
}

statement! {
    /// The turn of its follower in the series. After its end, as a statement of its own: so it also sees followers that
    /// were about to be enqueued, for whose commit the end has waited.
    FreeNext { id: i64 as BigInt, } -> BigInt = "UPDATE jobs SET after_id = NULL WHERE after_id = $id RETURNING id";
}

statement! {
    /// Waits for transactions that are about to enqueue a follower.
    LockRow { id: i64 as BigInt, claim: i64 as BigInt, } -> BigInt =
        "SELECT id FROM jobs WHERE id = $id AND claim = $claim FOR UPDATE";
}

statement! {
    /// The try failed. A job that was asked for anew meanwhile waits all the same before its next try, and is not dead.
    Fail<'a> {
        id: i64 as BigInt, claim: i64 as BigInt, version: i64 as BigInt, wait: f64 as Double, error: &'a str as Text,
        is_dead: bool as Bool,
    } -> Bool =
        "UPDATE jobs SET claimed_until = NULL, last_error = $error,
            due_at = CASE WHEN version = $version THEN clock_timestamp() + make_interval(secs => $wait)
                ELSE greatest(due_at, clock_timestamp() + make_interval(secs => $wait)) END,
            dead_at = CASE WHEN $is_dead AND version = $version THEN clock_timestamp() END
         WHERE id = $id AND claim = $claim RETURNING dead_at IS NOT NULL";
}

/// Ends a job that was done, in the transaction of its effect. An error, so that nothing of the effect is kept, if the
/// claim was lost: another process has taken the job for abandoned, or it was dropped by hand.
pub(crate) async fn end(conn: &mut AsyncPgConnection, job: &Job, next: &Next) -> Result<(), JobError> {
    let &Job { id, claim, version, is_in_series, .. } = job;
    let repeat = |wait: &Duration, payload| Repeat { id, claim, version, wait: wait.as_secs_f64(), payload };
    let ended: Vec<i64> = match next {
        Next::Done => Finish { id, claim, version }.load(conn).await?,
        Next::Again(wait) => repeat(wait, None).load(conn).await?,
        Next::GoOn(wait, payload) => repeat(wait, Some(payload)).load(conn).await?,
    };
    if ended.is_empty() {
        let given: Vec<i64> = GiveBack { id, claim }.load(conn).await?;
        return if given.is_empty() { Err(JobError::Retry("the claim was lost".into())) } else { Ok(()) };
    }
    if is_in_series && *next == Next::Done {
        free_next(conn, id).await?;
    }
    Ok(())
}

async fn free_next(conn: &mut AsyncPgConnection, id: i64) -> Result<(), JobError> {
    let _freed: Vec<i64> = FreeNext { id }.load(conn).await?;
    Ok(())
}

/// Notes a try that failed. Without a wait the job is dead.
pub(crate) async fn fail(
    conn: &mut AsyncPgConnection,
    job: &Job,
    error: &str,
    wait: Option<Duration>,
) -> Result<(), JobError> {
    let &Job { id, claim, version, is_in_series, .. } = job;
    let error: String = error.chars().filter(|c| *c != '\0').take(ERROR_MAX).collect();
    let (wait, is_dead) = (wait.unwrap_or_default().as_secs_f64(), wait.is_none());
    conn.transaction(async |conn| {
        if is_dead && is_in_series {
            let _locked: Vec<i64> = LockRow { id, claim }.load(conn).await?;
        }
        let fail = Fail { id, claim, version, wait, error: &error, is_dead };
        let died: Vec<bool> = fail.load(conn).await?;
        if is_in_series && died == [true] {
            free_next(conn, id).await?;
        }
        Ok(())
    })
    .await
}
