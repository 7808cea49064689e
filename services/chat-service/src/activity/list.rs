//! A page of activity.

use chat_events::{ChatId, PlacedActivity, Seq, Visibility};
use diesel::prelude::Queryable;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::json::{placed_activity_json, seen_activity};
use crate::access::rules::reader_cte;
use crate::access::{Actor, ActorColumns, Verb, check_verdict};
use crate::db::bad_rows::{BadRows, What};
use crate::error::Error;
use statement::statement;

statement! {
    /// The verdict, which has no place, then activities with theirs.
    ActivityAfter<'a> {
        chat_id: i64 as BigInt,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        sees_notes: bool as Bool,
        after: i64 as BigInt,
        count: i64 as BigInt,
    } -> (Nullable<BigInt>, Text) = concat!(
        "WITH ", reader_cte!(read), " SELECT NULL::bigint AS at, verdict AS text FROM reader
         UNION ALL
         (SELECT r.seq, ", placed_activity_json!(), "::text ", seen_activity!(), "AND r.seq > $after
          ORDER BY r.seq LIMIT $count)
         ORDER BY at NULLS FIRST"
    );
}

/// A row of [`ActivityAfter`].
#[derive(Debug, Queryable)]
struct Row {
    at: Option<i64>,
    text: String,
}

/// Activities of a chat.
#[derive(Debug)]
pub(super) struct Page {
    /// In rising `seq`. An unreadable activity is left out.
    pub(super) activity: Vec<PlacedActivity>,
    /// Where the page ends.
    pub(super) last: Seq,
    pub(super) has_more: bool,
}

/// Reads the activity of a chat after a position, as far as the reader may see it.
pub(super) async fn read(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    (reader, chat): (Actor, ChatId),
    after: Seq,
    limit: u16,
) -> Result<Page, Error> {
    let ActorColumns { kind: principal, user_id, issued_at, login, .. } = ActorColumns::of(Some(reader));
    let sees_notes = reader.principal.sees(Visibility::Staff);
    let (chat_id, count) = (chat.0, i64::from(limit) + 1);
    let statement = ActivityAfter { chat_id, principal, user_id, issued_at, login, sees_notes, after: after.0, count };
    let mut rows = statement.load::<Row>(conn).await?.into_iter();
    let verdict = rows.next().filter(|row| row.at.is_none()).map(|row| row.text);
    check_verdict(Verb::Read, verdict.as_deref().unwrap_or("unknown"))?;
    let mut rows: Vec<Row> = rows.collect();
    let has_more = rows.len() > usize::from(limit);
    rows.truncate(usize::from(limit));
    let last = rows.last().and_then(|row| row.at).map_or(after, Seq);
    let activity = rows.iter().filter_map(|row| bad_rows.json(What::Activity, chat.0, &row.text)).collect();
    Ok(Page { activity, last, has_more })
}
