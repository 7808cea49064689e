//! Takes rows out of the outbox and gives each its position in the change feed, in one statement: a row that left the
//! outbox has a position, and a row without one is still there.

use chat_events::Lane;
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use statement::statement;

use super::rows::OutboxKey;
use crate::BusError;
use crate::postgres::{failed, in_time};

/// A row that leaves the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaving {
    pub(crate) key: OutboxKey,
    /// Why it could not be read, if it could not: then it was not published, and is kept for people to look at.
    pub(crate) fault: Option<String>,
}

/// Rows leave in the order of `seq` in each chat, and none of a chat before the rows that are below it.
pub(crate) async fn number(conn: &AsyncPgConnection, lane: Lane, leaving: Vec<Leaving>) -> Result<(), BusError> {
    let (lane, chat_ids) = (lane.0, leaving.iter().map(|row| row.key.chat_id).collect());
    let seqs = leaving.iter().map(|row| row.key.seq).collect();
    in_time(async {
        let numbered = match leaving.iter().any(|row| row.fault.is_some()) {
            false => Number { lane, chat_ids, seqs }.execute(&mut &*conn).await,
            true => {
                let faults = leaving.into_iter().map(|row| row.fault).collect();
                NumberAndMove { lane, chat_ids, seqs, faults }.execute(&mut &*conn).await
            }
        };
        numbered.map(|_| ()).map_err(failed)
    })
    .await
}

/// The statement by itself, for its bench.
#[doc(hidden)]
pub async fn number_published(conn: &AsyncPgConnection, lane: Lane, rows: &[(i64, i64)]) -> Result<(), BusError> {
    let leaving =
        |(chat_id, seq): &(i64, i64)| Leaving { key: OutboxKey { chat_id: *chat_id, seq: *seq }, fault: None };
    number(conn, lane, rows.iter().map(leaving).collect()).await
}

/// The common part of both statements: numbers `gone`, the rows that were really deleted. The row of the lane is locked
/// until the commit, so that a position is seen only after all below it.
macro_rules! numbered {
    () => {
        ", numbered AS (
            SELECT gone.*, row_number() OVER (ORDER BY chat_id, seq) AS nth, count(*) OVER () AS total FROM gone
        ), top AS (
            INSERT INTO lane_tops AS t (lane, top) SELECT lane, count(*) FROM gone GROUP BY lane
            ON CONFLICT (lane) DO UPDATE SET top = t.top + EXCLUDED.top RETURNING t.top
        ) INSERT INTO changes (lane, pos, chat_id, seq, kind, visibility, site_id)
        SELECT lane, top.top - total + nth, chat_id, seq, kind, visibility, site_id FROM numbered CROSS JOIN top"
    };
}

statement! {
    /// For rows that were published.
    Number {
        lane: i16 as SmallInt,
        chat_ids: Vec<i64> as Array<BigInt>,
        seqs: Vec<i64> as Array<BigInt>,
    } -> BigInt = concat!(
        "WITH gone AS (
            DELETE FROM outbox o USING unnest($chat_ids, $seqs) AS leaving (chat_id, seq)
            WHERE o.lane = $lane AND o.chat_id = leaving.chat_id AND o.seq = leaving.seq
            RETURNING o.lane, o.chat_id, o.seq, o.kind, o.visibility, o.site_id
        )",
        numbered!()
    );
}

statement! {
    /// The same where some could not be read: those are kept.
    NumberAndMove {
        lane: i16 as SmallInt,
        chat_ids: Vec<i64> as Array<BigInt>,
        seqs: Vec<i64> as Array<BigInt>,
        faults: Vec<Option<String>> as Array<Nullable<Text>>,
    } -> BigInt = concat!(
        "WITH gone AS (
            DELETE FROM outbox o USING unnest($chat_ids, $seqs, $faults) AS leaving (chat_id, seq, fault)
            WHERE o.lane = $lane AND o.chat_id = leaving.chat_id AND o.seq = leaving.seq
            RETURNING o.*, leaving.fault
        ), moved AS (
            INSERT INTO outbox_unreadable (
                fault, lane, chat_id, seq, kind, chat_kind, visibility, site_id, assigned_user_id, user_ids, data,
                traceparent, activity, committed_at
            ) SELECT
                fault, lane, chat_id, seq, kind, chat_kind, visibility, site_id, assigned_user_id, user_ids, data,
                traceparent, activity, committed_at
            FROM gone WHERE fault IS NOT NULL
        )",
        numbered!()
    );
}
