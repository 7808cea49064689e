//! How many sessions wait for operators.

use chat_events::UserId;
use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;

use crate::access::{Actor, acting_staff};
use crate::error::Error;
use statement::statement;

/// How far is counted: the cost of the question must not grow with the backlog.
const AT_MOST: i64 = 10_000;

/// The sessions of an operator's sites, counted up to 10,000.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct SessionCounts {
    /// Open ones that the caller has.
    #[schema(minimum = 0, maximum = 10_000)]
    mine: i64,
    /// Open ones that nobody has.
    #[schema(minimum = 0, maximum = 10_000)]
    unassigned: i64,
    /// Open ones.
    #[schema(minimum = 0, maximum = 10_000)]
    open: i64,
    /// Pending ones.
    #[schema(minimum = 0, maximum = 10_000)]
    pending: i64,
    /// The same for each site that is not archived, or has an open one.
    sites: Vec<SiteCounts>,
}

/// The sessions of a site, counted up to 10,000.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct SiteCounts {
    /// Its key.
    site: String,
    /// Open ones.
    #[schema(minimum = 0, maximum = 10_000)]
    open: i64,
    /// Open ones that nobody has.
    #[schema(minimum = 0, maximum = 10_000)]
    unassigned: i64,
}

statement! {
    /// Open, unassigned and pending ones of each site, and the caller's open ones; each as far as it is counted.
    CountSessions<'a> {
        all_sites: bool as Bool,
        sites: &'a [i64] as Array<BigInt>,
        user_id: i64 as BigInt,
        most: i64 as BigInt,
    } -> (Text, Bool, BigInt, BigInt, BigInt, BigInt) =
        "SELECT w.key, w.archived_at IS NOT NULL,
            (SELECT count(*) FROM (SELECT FROM chat_sessions s
                WHERE s.status = 'open' AND s.site_id = w.id LIMIT $most) x),
            (SELECT count(*) FROM (SELECT FROM chat_sessions s
                WHERE s.status = 'open' AND s.site_id = w.id AND s.assigned_user_id IS NULL LIMIT $most) x),
            (SELECT count(*) FROM (SELECT FROM chat_sessions s
                WHERE s.status = 'pending' AND s.site_id = w.id LIMIT $most) x),
            (SELECT count(*) FROM (SELECT FROM chat_sessions s
                WHERE s.status = 'open' AND s.site_id = w.id AND s.assigned_user_id = $user_id LIMIT $most) x)
         FROM sites w WHERE $all_sites OR w.id = ANY($sites) ORDER BY w.id";
}

/// A site, whether it is archived, and its open, unassigned and pending ones, and the caller's.
type Row = (String, bool, i64, i64, i64, i64);

/// Counts them.
pub(super) async fn count(conn: &mut AsyncPgConnection, operator: Actor) -> Result<SessionCounts, Error> {
    let (UserId(user_id), scope) = acting_staff(conn, operator).await?;
    let sites = scope.sites();
    let ids: Vec<i64> = sites.iter().flatten().map(|site| site.0).collect();
    let statement = CountSessions { all_sites: sites.is_none(), sites: &ids, user_id, most: AT_MOST };
    let rows: Vec<Row> = statement.load(conn).await?;
    let sum = |count: fn(&Row) -> i64| rows.iter().map(count).sum::<i64>().min(AT_MOST);
    let (open, unassigned, pending, mine) = (sum(|row| row.2), sum(|row| row.3), sum(|row| row.4), sum(|row| row.5));
    let sites = rows.into_iter().filter(|(_, is_archived, open, ..)| !is_archived || *open > 0);
    let sites = sites.map(|(site, _, open, unassigned, ..)| SiteCounts { site, open, unassigned }).collect();
    Ok(SessionCounts { mine, unassigned, open, pending, sites })
}
