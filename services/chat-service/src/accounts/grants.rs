//! The grants of operators: in which sites an account works. A change raises the account's revocation, by a trigger.

use channel_auth::Role;
use chat_events::{SiteId, UserId};
use diesel::PgExpressionMethods;
use diesel::prelude::{BoolExpressionMethods, ExpressionMethods, NullableExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::schema::{grants, sites};
use crate::error::Error;

/// Lets an operator work in a site; none for all sites. Nothing happens where it does already.
pub(crate) async fn add(
    conn: &mut AsyncPgConnection,
    user: UserId,
    role: Role,
    site: Option<SiteId>,
) -> Result<(), Error> {
    let values = (
        grants::user_id.eq(user.0),
        grants::role.eq(role.as_str()),
        grants::scope.eq(if site.is_some() { "site" } else { "all" }),
        grants::site_id.eq(site.map(|site| site.0)),
    );
    diesel::insert_into(grants::table).values(values).on_conflict_do_nothing().execute(conn).await?;
    Ok(())
}

/// Takes the right to work in a site; none for the right to work in all. Returns whether it was there.
pub(crate) async fn remove(conn: &mut AsyncPgConnection, user: UserId, site: Option<SiteId>) -> Result<bool, Error> {
    // A grant of all sites has none.
    let of_site = grants::site_id.is_not_distinct_from(site.map(|site| site.0));
    let row = diesel::delete(grants::table.filter(grants::user_id.eq(user.0)).filter(of_site));
    Ok(row.execute(conn).await? > 0)
}

/// Gives an operator these sites, and no others; none for all.
pub(crate) async fn set(
    conn: &mut AsyncPgConnection,
    user: UserId,
    role: Role,
    sites: Option<&[SiteId]>,
) -> Result<(), Error> {
    let own = grants::table.filter(grants::user_id.eq(user.0));
    match sites {
        None => {
            diesel::delete(own.filter(grants::site_id.is_not_null())).execute(conn).await?;
            add(conn, user, role, None).await
        }
        Some(sites) => {
            let ids: Vec<i64> = sites.iter().map(|site| site.0).collect();
            let is_other = grants::site_id.is_null().or(grants::site_id.ne_all(ids).assume_not_null());
            diesel::delete(own.filter(is_other)).execute(conn).await?;
            for site in sites {
                add(conn, user, role, Some(*site)).await?;
            }
            Ok(())
        }
    }
}

/// The sites of all operators: the key of each, or none for a right to all.
pub(crate) async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<(i64, Option<String>)>, Error> {
    let rows = grants::table.left_join(sites::table).order(grants::id);
    Ok(rows.select((grants::user_id, sites::key.nullable())).load(conn).await?)
}

/// The grants follow the account's role. An account that becomes an operator, and was none, works in all sites until it is
/// told otherwise; an operator without a grant stays without one. An account that is no operator any more keeps no grant.
/// Whether it has just got all sites.
pub(crate) async fn follow_role(
    conn: &mut AsyncPgConnection,
    user: UserId,
    (old, role): (Role, Role),
) -> Result<bool, Error> {
    let own = grants::table.filter(grants::user_id.eq(user.0));
    if !role.is_staff() {
        diesel::delete(own).execute(conn).await?;
        return Ok(false);
    }
    let count: i64 = own.count().get_result(conn).await?;
    if count == 0 && !old.is_staff() {
        add(conn, user, role, None).await?;
        return Ok(true);
    }
    diesel::update(own.filter(grants::role.ne(role.as_str())))
        .set(grants::role.eq(role.as_str()))
        .execute(conn)
        .await?;
    Ok(false)
}
