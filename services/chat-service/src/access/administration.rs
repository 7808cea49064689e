//! The rights of admins over accounts, read by themselves.

use chat_events::{Scope, SiteId, UserId};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::rules::{administers, administers_sites, has_admin_of_all, has_no_admin, scope_sites};
use crate::error::Error;
use statement::statement;

statement! {
    /// Whoever changes admins or makes the first one waits here for the others, so that what was counted stays so. The number is
    /// of this lock alone.
    HoldAdmins {} -> (Integer,) = "SELECT 1 FROM (SELECT pg_advisory_xact_lock(100099262775299)) held";
}

statement! {
    /// Whether an admin administers an account.
    Administers { admin_id: i64 as BigInt, user_id: i64 as BigInt, } -> Bool =
        concat!("SELECT EXISTS (SELECT FROM users o WHERE o.id = $user_id) AND ", administers!("$admin_id", "$user_id"));
}

statement! {
    /// Whether an admin administers sites, null for all.
    AdministersSites<'a> { admin_id: i64 as BigInt, sites: Option<&'a [i64]> as Nullable<Array<BigInt>>, } -> Bool =
        concat!("SELECT coalesce(", administers_sites!("$admin_id", "$sites"), ", false)");
}

statement! {
    /// Whether there is an open admin of all sites, and whether there is no admin at all.
    CountAdmins {} -> (Bool, Bool) = concat!("SELECT ", has_admin_of_all!(), ", ", has_no_admin!());
}

statement! {
    /// The sites in which an account works.
    ReadScope { user_id: i64 as BigInt, } -> (Nullable<Array<BigInt>>,) = concat!("SELECT ", scope_sites!("$user_id"));
}

/// The sites in which an account works.
pub(crate) async fn scope_of(conn: &mut AsyncPgConnection, user: UserId) -> Result<Scope, Error> {
    let (sites,): (Option<Vec<i64>>,) = ReadScope { user_id: user.0 }.get_result(conn).await?;
    Ok(Scope::of_sites(sites))
}

/// Has other changes of admins wait until the transaction is over.
pub(crate) async fn hold_admins(conn: &mut AsyncPgConnection) -> Result<(), Error> {
    let _held: (i32,) = HoldAdmins {}.get_result(conn).await?;
    Ok(())
}

/// An account that an admin does not administer is as one that is not there.
pub(crate) async fn check_administers(conn: &mut AsyncPgConnection, admin: UserId, user: UserId) -> Result<(), Error> {
    let administers: bool = Administers { admin_id: admin.0, user_id: user.0 }.get_result(conn).await?;
    if administers { Ok(()) } else { Err(Error::not_found("there is no such account")) }
}

/// Whether an admin administers these sites, none for all.
pub(crate) async fn administers_all_of(
    conn: &mut AsyncPgConnection,
    admin: UserId,
    sites: Option<&[SiteId]>,
) -> Result<bool, Error> {
    let ids: Option<Vec<i64>> = sites.map(|sites| sites.iter().map(|site| site.0).collect());
    Ok(AdministersSites { admin_id: admin.0, sites: ids.as_deref() }.get_result(conn).await?)
}

/// Whether there is an open admin of all sites.
pub(crate) async fn has_admin_of_all_sites(conn: &mut AsyncPgConnection) -> Result<bool, Error> {
    let (has_one, _): (bool, bool) = CountAdmins {}.get_result(conn).await?;
    Ok(has_one)
}

/// Whether nobody has ever been made an admin, or all of them are something else now.
pub(crate) async fn has_no_admin(conn: &mut AsyncPgConnection) -> Result<bool, Error> {
    let (_, has_none): (bool, bool) = CountAdmins {}.get_result(conn).await?;
    Ok(has_none)
}
