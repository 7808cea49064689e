//! The operators of a site who are here to answer.

use chat_events::SiteId;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use statement::statement;

use crate::access::rules::{is_staff, works_in_site};
use crate::error::Error;

/// More names than any page shows.
const AT_MOST: i64 = 100;

statement! {
    /// Operators `u` who work in the site `s`, are connected and not away.
    ReadHere {
        site_id: i64 as BigInt,
        count: i64 as BigInt,
    } -> Text = concat!(
        "SELECT u.name FROM users u CROSS JOIN (SELECT $site_id AS site_id) s
         WHERE u.is_active AND ", is_staff!(), " AND ", works_in_site!("u.id"), "
            AND EXISTS (SELECT FROM operator_leases l WHERE l.user_id = u.id AND l.lease_until > now())
            AND NOT EXISTS (SELECT FROM operator_states o WHERE o.user_id = u.id AND o.availability = 'away')
         ORDER BY u.name, u.id LIMIT $count"
    );
}

/// The names of the operators who work in a site, are connected and not away, in alphabetical order. One who was connected to a gateway that died
/// counts for a minute more.
pub(crate) async fn of_site(conn: &mut AsyncPgConnection, site: SiteId) -> Result<Vec<String>, Error> {
    Ok(ReadHere { site_id: site.0, count: AT_MOST }.load(conn).await?)
}
