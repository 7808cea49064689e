//! The operators of a site who are here.

use chat_events::SiteId;
use diesel::PgExpressionMethods;
use diesel::dsl::{exists, now};
use diesel::prelude::{BoolExpressionMethods, ExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::schema::{grants, operator_leases, users};
use crate::error::Error;

/// More names than any page shows.
const AT_MOST: i64 = 100;

/// The names of the operators who work in a site and are connected, in alphabetical order. One who was connected to a gateway that died
/// counts for a minute more.
pub(crate) async fn of_site(conn: &mut AsyncPgConnection, site: SiteId) -> Result<Vec<String>, Error> {
    let works_here = grants::table
        .filter(grants::user_id.eq(users::id))
        .filter(grants::scope.eq("all").or(grants::site_id.is_not_distinct_from(site.0)));
    let is_here = operator_leases::table
        .filter(operator_leases::user_id.eq(users::id))
        .filter(operator_leases::lease_until.gt(now));
    let names = users::table
        .filter(users::is_active.and(users::role.eq_any(["operator", "admin"])))
        .filter(exists(is_here))
        .filter(exists(works_here))
        .order((users::name, users::id))
        .limit(AT_MOST)
        .select(users::name);
    Ok(names.load(conn).await?)
}
