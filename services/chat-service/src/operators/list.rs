//! The operators that an operator shares a site with, and whether they take sessions.

use chat_events::operator::Availability;
use chat_events::{Role, Scope, UserId, time};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;

use super::state::shown;
use crate::access::rules::is_staff;
use crate::db::stored::Stored;
use crate::error::Error;
use statement::statement;

/// More than a console shows.
const AT_MOST: i64 = 1000;

/// An operator.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Operator {
    user_id: UserId,
    name: String,
    role: Role,
    /// The keys of the sites in which it works; null for all.
    sites: Option<Vec<String>>,
    /// Whether it takes sessions.
    availability: Availability,
    /// Whether it said so itself, rather than its console for it.
    by_hand: bool,
    /// Since when it is so.
    #[serde(serialize_with = "time::micros")]
    since: DateTime<Utc>,
    /// When it was connected for the last time, to within 20 s.
    #[serde(serialize_with = "time::micros_or_null")]
    last_seen_at: Option<DateTime<Utc>>,
}

statement! {
    /// Open accounts of operators with a right in one of these sites: all of them, or the one of an id.
    ListOperators<'a> {
        all_sites: bool as Bool,
        sites: &'a [i64] as Array<BigInt>,
        user_id: Option<i64> as Nullable<BigInt>,
        count: i64 as BigInt,
    } -> (BigInt, Text, Text, Nullable<Array<Text>>, Text, Bool, Timestamptz, Nullable<Timestamptz>) = concat!(
        "SELECT u.id, u.name, u.role,
            CASE WHEN NOT EXISTS (SELECT FROM grants a WHERE a.user_id = u.id AND a.scope = 'all') THEN
                ARRAY(SELECT w.key FROM grants a JOIN sites w ON w.id = a.site_id WHERE a.user_id = u.id ORDER BY w.id) END,
            coalesce(o.shown, 'off'), coalesce(o.by_hand, false),
            CASE WHEN o.changed_at IS NULL THEN u.created_at WHEN o.shown = o.told THEN o.changed_at ELSE now() END,
            o.last_seen_at
         FROM users u LEFT JOIN LATERAL (
            SELECT o.*, ", shown!(), " AS shown FROM operator_states o WHERE o.user_id = u.id) o ON true
         WHERE u.is_active AND ", is_staff!(), " AND ($user_id IS NULL OR u.id = $user_id)
            AND ($all_sites OR u.id = $user_id OR EXISTS (
                SELECT FROM grants g WHERE g.user_id = u.id AND (g.scope = 'all' OR g.site_id = ANY($sites))))
         ORDER BY lower(u.name), u.id LIMIT $count"
    );
}

type Row =
    (i64, String, Stored<Role>, Option<Vec<String>>, Stored<Availability>, bool, DateTime<Utc>, Option<DateTime<Utc>>);

fn operator((id, name, role, sites, availability, by_hand, since, last_seen_at): Row) -> Operator {
    let availability = availability.0;
    Operator { user_id: UserId(id), name, role: role.0, sites, availability, by_hand, since, last_seen_at }
}

/// The operators of a scope, in the order of their names.
pub(super) async fn list(conn: &mut AsyncPgConnection, scope: &Scope) -> Result<Vec<Operator>, Error> {
    let sites: Vec<i64> = scope.sites().iter().flatten().map(|site| site.0).collect();
    let list = ListOperators { all_sites: *scope == Scope::All, sites: &sites, user_id: None, count: AT_MOST };
    let rows: Vec<Row> = list.load(conn).await?;
    Ok(rows.into_iter().map(operator).collect())
}

/// One operator.
pub(super) async fn one(conn: &mut AsyncPgConnection, user: UserId) -> Result<Operator, Error> {
    let list = ListOperators { all_sites: false, sites: &[], user_id: Some(user.0), count: 1 };
    let rows: Vec<Row> = list.load(conn).await?;
    rows.into_iter().next().map(operator).ok_or_else(Error::not_active)
}
