//! A page of the change feed.

use chat_events::feed::{Change, FeedCursor, FeedPage, FeedStart};
use chat_events::{ChatId, Epoch, ErrorBody, ErrorCode, Seq, SiteId, Visibility};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::Error;
use statement::statement;

statement! {
    /// How far each lane is numbered and pruned, in the order of lanes, with the epoch in each row.
    ReadTops {} -> (Integer, BigInt, BigInt) =
        "SELECT i.epoch, coalesce(t.top, 0), coalesce(t.pruned_to, 0)
         FROM installation i CROSS JOIN LATERAL generate_series(0, i.lanes - 1) AS l (lane)
         LEFT JOIN lane_tops t ON t.lane = l.lane ORDER BY l.lane";
}

statement! {
    /// The changes after a position in each lane. No lane is far ahead of the others: where one has much, they take
    /// turns.
    ReadChanges<'a> {
        positions: &'a [i64] as Array<BigInt>,
        count: i64 as BigInt,
    } -> (Integer, BigInt, BigInt, BigInt, Text, Bool, Nullable<BigInt>, Timestamptz) =
        "SELECT a.lane, c.pos, c.chat_id, c.seq, c.kind, c.visibility = 'public', c.site_id, c.at
         FROM (
            SELECT (nth - 1)::int AS lane, after FROM unnest($positions) WITH ORDINALITY AS p (after, nth)
         ) a CROSS JOIN LATERAL (
            SELECT * FROM changes c WHERE c.lane = a.lane AND c.pos > a.after ORDER BY c.pos LIMIT $count
         ) c ORDER BY c.pos - a.after, a.lane LIMIT $count";
}

statement! {
    /// Has all that was committed so far written to the disk. The relay does not wait for the disk when it numbers: after a
    /// crash of PostgreSQL positions that were not written would be given again, to other changes.
    Flush {} -> Bool =
        "SELECT pg_logical_emit_message(true, 'switchboard', '') IS NOT NULL
         FROM set_config('synchronous_commit', 'on', true)";
}

/// How far a lane is numbered and pruned.
struct LaneTop {
    top: i64,
    pruned_to: i64,
}

/// A row of the feed.
struct Row {
    lane: usize,
    position: i64,
    change: Change,
}

async fn tops(conn: &mut AsyncPgConnection) -> Result<(Epoch, Vec<LaneTop>), Error> {
    let rows: Vec<(i32, i64, i64)> = ReadTops {}.load(conn).await?;
    let Some(&(epoch, ..)) = <[_]>::first(&rows) else {
        return Err(Error::Internal("the database has no lanes".into()));
    };
    Ok((Epoch(epoch), rows.into_iter().map(|(_, top, pruned_to)| LaneTop { top, pruned_to }).collect()))
}

async fn rows(conn: &mut AsyncPgConnection, cursor: &FeedCursor, count: i64) -> Result<Vec<Row>, Error> {
    type Columns = (i32, i64, i64, i64, String, bool, Option<i64>, DateTime<Utc>);
    let found: Vec<Columns> = ReadChanges { positions: &cursor.positions, count }.load(conn).await?;
    let rows = found.into_iter().map(|(lane, position, chat_id, seq, kind, is_public, site_id, at)| Row {
        lane: usize::try_from(lane).unwrap_or_default(),
        position,
        change: Change {
            chat_id: ChatId(chat_id),
            seq: Seq(seq),
            kind,
            visibility: if is_public { Visibility::Public } else { Visibility::Staff },
            site_id: site_id.map(SiteId),
            at,
        },
    });
    Ok(rows.collect())
}

/// The cursor to begin with.
pub(super) async fn start(conn: &mut AsyncPgConnection, start: FeedStart) -> Result<FeedCursor, Error> {
    let of = |lane: fn(&LaneTop) -> i64| async move {
        let (epoch, tops) = tops(conn).await?;
        Ok(FeedCursor { epoch, positions: tops.iter().map(lane).collect() })
    };
    match start {
        FeedStart::Cursor(cursor) => Ok(cursor),
        FeedStart::Now => of(|lane| lane.top).await,
        FeedStart::Oldest => of(|lane| lane.pruned_to).await,
    }
}

/// The changes after a cursor. A change that a crash of PostgreSQL could take back is not told.
pub(crate) async fn page(conn: &mut AsyncPgConnection, cursor: &FeedCursor, limit: u16) -> Result<FeedPage, Error> {
    let (epoch, tops) = tops(conn).await?;
    if epoch != cursor.epoch || tops.len() != cursor.positions.len() {
        return Err(resync());
    }
    for (position, lane) in cursor.positions.iter().zip(&tops) {
        if *position > lane.top {
            return Err(resync());
        }
        if *position < lane.pruned_to {
            return Err(gone());
        }
    }
    let mut next = cursor.clone();
    let mut changes = Vec::new();
    if cursor.positions.iter().zip(&tops).any(|(position, lane)| *position < lane.top) {
        for row in rows(conn, cursor, limit.into()).await? {
            // The rows below were pruned since the tops were read.
            if row.position != next.positions[row.lane] + 1 {
                return Err(gone());
            }
            next.positions[row.lane] = row.position;
            changes.push(row.change);
        }
        Flush {}.execute(conn).await?;
    }
    let has_more = next.positions.iter().zip(&tops).any(|(position, lane)| *position < lane.top);
    Ok(FeedPage { changes, cursor: next, has_more })
}

fn resync() -> Error {
    let message =
        "the cursor is of another history of this database: begin anew, and compare with the chats themselves";
    Error::Refused(ErrorBody::new(ErrorCode::Resync, message))
}

fn gone() -> Error {
    let message = "what follows the cursor is not kept any more: begin anew, and compare with the chats themselves";
    Error::Refused(ErrorBody::new(ErrorCode::Gone, message))
}
