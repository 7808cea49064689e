//! Invitations: an admin asks somebody to make an account.

use std::time::Duration;

use chat_events::{Role, SiteId, UserId};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use super::rows::{self, Join, LinkKind, MadeLink, NewLink, holds};
use crate::access::rules::{administers, administers_sites, has_no_admin, is_open_admin};
use crate::access::{Actor, acting_admin, administers_all_of, held_admin};
use crate::accounts::users;
use crate::db::stored::Stored;
use crate::error::Error;
use chat_events::ErrorCode;
use statement::statement;

/// An invitation is good for so long.
const LIVES: Duration = Duration::from_secs(7 * 24 * 3600);

/// So many links of an admin may wait to be used.
pub(super) const MOST_WAITING: i64 = 500;

/// Somebody who is to have an account. Every field is checked.
pub(super) struct Invitation {
    pub(super) email: String,
    pub(super) name: Option<String>,
    pub(super) role: Role,
    /// None for all.
    pub(super) sites: Option<Vec<SiteId>>,
}

/// Invites somebody. An admin of sites invites operators and admins of these alone.
pub(super) async fn invite(
    conn: &mut AsyncPgConnection,
    admin: Actor,
    invitation: &Invitation,
) -> Result<MadeLink, Error> {
    let Invitation { email, name, role, sites } = invitation;
    conn.transaction(async |conn| {
        let (admin, _) = held_admin(conn, admin).await?;
        if !administers_all_of(conn, admin, sites.as_deref()).await? {
            return Err(Error::forbidden("an invitation is to no more than one's own sites"));
        }
        if users::by_email(conn, email).await?.is_some() {
            return Err(Error::field(ErrorCode::Conflict, "email", "this address has an account"));
        }
        check_room(conn, admin).await?;
        let join = Join { email, name: name.as_deref(), role: *role, sites: sites.as_deref() };
        let (kind, made_by) = (LinkKind::Join, Some(admin));
        rows::insert(conn, &NewLink { kind, user: None, join: Some(join), made_by, lives: LIVES }).await
    })
    .await
}

/// An admin whose links nobody uses makes no more of them.
pub(super) async fn check_room(conn: &mut AsyncPgConnection, admin: UserId) -> Result<(), Error> {
    match rows::count_made_by(conn, admin).await? {
        waiting if waiting < MOST_WAITING => Ok(()),
        _ => Err(Error::refused(ErrorCode::Conflict, "too many links of yours wait to be used; withdraw some")),
    }
}

/// An invitation that waits, as it is stored.
pub(super) type Waiting = (
    i64,
    String,
    Option<String>,
    Stored<Role>,
    Option<Vec<String>>,
    Option<i64>,
    Option<String>,
    DateTime<Utc>,
    DateTime<Utc>,
);

statement! {
    /// The invitations that wait and that an admin could have made, the newest first: of all, or the one of an id.
    ListInvitations {
        admin_id: i64 as BigInt,
        id: Option<i64> as Nullable<BigInt>,
        count: i64 as BigInt,
    } -> (
        BigInt, Text, Nullable<Text>, Text, Nullable<Array<Text>>, Nullable<BigInt>, Nullable<Text>, Timestamptz, Timestamptz
    ) = concat!(
        "SELECT l.id, l.email, l.name, l.role, CASE
                WHEN l.role = 'user' THEN '{}'
                WHEN l.sites IS NOT NULL THEN ARRAY(SELECT w.key FROM sites w WHERE w.id = ANY(l.sites) ORDER BY w.id) END,
            m.id, m.name, l.created_at, l.expires_at
         FROM account_links l LEFT JOIN users m ON m.id = l.made_by
         WHERE l.kind = 'join' AND ($id IS NULL OR l.id = $id) AND ", holds!(), "
            AND coalesce(", administers_sites!("$admin_id", "l.sites"), ", false)
         ORDER BY l.id DESC LIMIT $count"
    );
}

/// The invitations that wait, for an admin.
pub(super) async fn list(conn: &mut AsyncPgConnection, admin: Actor) -> Result<Vec<Waiting>, Error> {
    let (admin, _) = acting_admin(conn, admin).await?;
    Ok(ListInvitations { admin_id: admin.0, id: None, count: 1000 }.load(conn).await?)
}

/// Withdraws an invitation.
pub(super) async fn withdraw(conn: &mut AsyncPgConnection, admin: Actor, id: i64) -> Result<(), Error> {
    let (admin, _) = acting_admin(conn, admin).await?;
    let waiting: Vec<Waiting> = ListInvitations { admin_id: admin.0, id: Some(id), count: 1 }.load(conn).await?;
    let there_is_one = !waiting.is_empty() && rows::remove(conn, id).await?;
    if there_is_one { Ok(()) } else { Err(Error::not_found("there is no such invitation")) }
}
