//! A lane's sign of life: one row in the outbox, in a place that no chat has, written and deleted as an event's is.

use chat_events::{Beat, Lane, LaneCount};
use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, SmallInt, Timestamptz};
use diesel::{QueryDsl, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::rows::{OutboxKey, outbox};
use crate::BusError;
use crate::postgres::{failed, in_time, soon};

/// Commits a beat. One that an earlier holder left behind is written over, so that there is one row at most.
pub(crate) async fn write(conn: &AsyncPgConnection, lane: Lane, lanes: LaneCount) -> Result<Beat, BusError> {
    let query = WriteBeat { lane: lane.0 };
    let committed_at: DateTime<Utc> = soon(async { query.get_result(&mut &*conn).await.map_err(failed) }).await?;
    Ok(Beat { lane, lanes, committed_at })
}

/// Deletes it. It is no change, and has no position in the feed.
pub(crate) async fn delete(conn: &AsyncPgConnection, lane: Lane) -> Result<(), BusError> {
    let row = outbox::table.find((lane.0, OutboxKey::START.chat_id, OutboxKey::START.seq));
    in_time(async { diesel::delete(row).execute(&mut &*conn).await.map(|_| ()).map_err(failed) }).await
}

#[derive(Debug, QueryId)]
struct WriteBeat {
    lane: i16,
}

impl Query for WriteBeat {
    type SqlType = Timestamptz;
}

impl QueryFragment<Pg> for WriteBeat {
    /// The session's own commits need not wait for the disk; this one does, as a message's does.
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, data) SELECT ");
        out.push_bind_param::<SmallInt, _>(&self.lane)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&OutboxKey::START.chat_id)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&OutboxKey::START.seq)?;
        out.push_sql(
            ", 'pipeline.beat', '', '', '' FROM set_config('synchronous_commit', 'on', true) \
             ON CONFLICT (lane, chat_id, seq) DO UPDATE SET committed_at = now() RETURNING committed_at",
        );
        Ok(())
    }
}

impl<Conn> diesel::RunQueryDsl<Conn> for WriteBeat {}
