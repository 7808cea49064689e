//! Accounts, as the admins of their sites see them.

use chat_events::{Role, UserId, time};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;

use crate::access::rules::administers;
use crate::access::{Actor, acting_admin};
use crate::db::stored::Stored;
use crate::error::Error;
use statement::statement;

/// An account, as an admin sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Account {
    id: UserId,
    email: String,
    name: String,
    role: Role,
    /// The keys of the sites in which it works; null for all, none for a user.
    sites: Option<Vec<String>>,
    /// Whether it is open.
    is_active: bool,
    #[serde(serialize_with = "time::micros")]
    created_at: DateTime<Utc>,
    /// When it was connected as an operator for the last time, to within 20 s.
    #[serde(serialize_with = "time::micros_or_null")]
    last_seen_at: Option<DateTime<Utc>>,
}

statement! {
    /// The accounts that an admin administers, in the order of their ids: those that have a text in their name or address, or
    /// the one of an id.
    ListAccounts<'a> {
        admin_id: i64 as BigInt,
        id: Option<i64> as Nullable<BigInt>,
        after: i64 as BigInt,
        pattern: Option<&'a str> as Nullable<Text>,
        count: i64 as BigInt,
    } -> (BigInt, Text, Text, Text, Nullable<Array<Text>>, Bool, Timestamptz, Nullable<Timestamptz>) = concat!(
        "SELECT u.id, u.email, u.name, u.role,
            CASE WHEN NOT EXISTS (SELECT FROM grants a WHERE a.user_id = u.id AND a.scope = 'all') THEN
                ARRAY(SELECT w.key FROM grants a JOIN sites w ON w.id = a.site_id WHERE a.user_id = u.id ORDER BY w.id) END,
            u.is_active, u.created_at, o.last_seen_at
         FROM users u LEFT JOIN operator_states o ON o.user_id = u.id
         WHERE u.id > $after AND ($id IS NULL OR u.id = $id)
            AND ($pattern IS NULL OR u.name ILIKE $pattern OR u.email ILIKE $pattern)
            AND ", administers!("$admin_id", "u.id"), "
         ORDER BY u.id LIMIT $count"
    );
}

type Row = (i64, String, String, Stored<Role>, Option<Vec<String>>, bool, DateTime<Utc>, Option<DateTime<Utc>>);

fn account((id, email, name, role, sites, is_active, created_at, last_seen_at): Row) -> Account {
    Account { id: UserId(id), email, name, role: role.0, sites, is_active, created_at, last_seen_at }
}

/// A page of accounts, and where the next one begins.
pub(super) async fn page(
    conn: &mut AsyncPgConnection,
    admin: Actor,
    text: Option<&str>,
    (after, limit): (Option<UserId>, u16),
) -> Result<(Vec<Account>, Option<UserId>), Error> {
    let (admin, _) = acting_admin(conn, admin).await?;
    let pattern = text.map(|text| {
        let text = text.trim().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        format!("%{text}%")
    });
    let (after, count) = (after.map_or(i64::MIN, |after| after.0), i64::from(limit) + 1);
    let list = ListAccounts { admin_id: admin.0, id: None, after, pattern: pattern.as_deref(), count };
    let mut rows: Vec<Row> = list.load(conn).await?;
    let has_more = rows.len() > usize::from(limit);
    rows.truncate(usize::from(limit));
    let next = rows.last().filter(|_| has_more).map(|row| UserId(row.0));
    Ok((rows.into_iter().map(account).collect(), next))
}

/// One account. One that the admin does not administer is as one that is not there.
pub(super) async fn one(conn: &mut AsyncPgConnection, admin: UserId, user: UserId) -> Result<Account, Error> {
    let list = ListAccounts { admin_id: admin.0, id: Some(user.0), after: i64::MIN, pattern: None, count: 1 };
    let rows: Vec<Row> = list.load(conn).await?;
    rows.into_iter().next().map(account).ok_or_else(|| Error::not_found("there is no such account"))
}
