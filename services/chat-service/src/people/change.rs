//! Changes of an account by an admin. Whether there is an admin of all sites is counted under a lock that all of these changes
//! take first.

use chat_events::{ErrorCode, Role, Scope, SiteId, UserId};
use diesel_async::{AsyncConnection, AsyncPgConnection};

use super::list::{self, Account};
use crate::access::{Actor, check_administers, has_admin_of_all_sites, held_admin, hold_admins, scope_of};
use crate::accounts::{grants, refresh_tokens, users};
use crate::error::Error;
use crate::sites;

/// What is to be otherwise. Every field is checked.
#[derive(Debug, Default)]
pub(super) struct AccountChange {
    pub(super) name: Option<String>,
    pub(super) role: Option<Role>,
    /// The keys of the sites; none for all.
    pub(super) sites: Option<Option<Vec<String>>>,
    pub(super) is_active: Option<bool>,
}

/// Changes an account. An admin of sites gives nobody more than it has.
pub(super) async fn change(
    conn: &mut AsyncPgConnection,
    admin: Actor,
    user: UserId,
    wanted: &AccountChange,
) -> Result<Account, Error> {
    conn.transaction(async |conn| {
        hold_admins(conn).await?;
        let (admin, scope) = held_admin(conn, admin).await?;
        check_administers(conn, admin, user).await?;
        users::lock(conn, user).await?;
        let had_admin = has_admin_of_all_sites(conn).await?;
        apply(conn, &scope, user, wanted).await?;
        if had_admin && !has_admin_of_all_sites(conn).await? {
            return Err(Error::refused(ErrorCode::Conflict, "nobody would administer all sites any more"));
        }
        // Held against what the admin had before: the account may be its own. One without a site would be lost to it.
        let now = scope_of(conn, user).await?;
        if scope != Scope::All && (now == Scope::default() || !scope.contains(&now)) {
            return Err(beyond());
        }
        list::one(conn, admin, user).await.map_err(|_| beyond())
    })
    .await
}

fn beyond() -> Error {
    Error::forbidden("this goes beyond your own sites")
}

async fn apply(conn: &mut AsyncPgConnection, scope: &Scope, user: UserId, wanted: &AccountChange) -> Result<(), Error> {
    let AccountChange { name, role, sites: keys, is_active } = wanted;
    let account = users::find(conn, user).await?.ok_or_else(|| Error::not_found("there is no such account"))?;
    if let Some(name) = name {
        users::rename(conn, user, name).await?;
    }
    let role = match role {
        None => account.role.0,
        Some(role) => {
            let old = users::set_role(conn, user, *role).await?;
            let has_all = grants::follow_role(conn, user, (old, *role)).await?;
            if has_all && *scope != Scope::All && keys.is_none() {
                return Err(beyond());
            }
            *role
        }
    };
    if let Some(keys) = keys {
        let sites: Option<Vec<SiteId>> = sites::named(conn, scope, role, keys.as_deref()).await?;
        if role.is_staff() {
            grants::set(conn, user, role, sites.as_deref()).await?;
        }
    }
    if let Some(is_active) = is_active
        && *is_active != account.is_active
    {
        users::set_active(conn, user, *is_active).await?;
        if !is_active {
            refresh_tokens::end_all(conn, user).await?;
        }
    }
    Ok(())
}
