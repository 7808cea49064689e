//! A link to another password, which an admin gives to somebody who has forgotten it.

use std::time::Duration;

use chat_events::{ErrorCode, UserId};
use diesel_async::{AsyncConnection, AsyncPgConnection};

use super::invite::check_room;
use super::rows::{self, LinkKind, MadeLink, NewLink};
use crate::access::{Actor, check_administers, held_admin};
use crate::accounts::users;
use crate::error::Error;

/// It is good for so long.
const LIVES: Duration = Duration::from_secs(24 * 3600);

/// Makes a link for an account; the one before ends.
pub(super) async fn make(conn: &mut AsyncPgConnection, admin: Actor, user: UserId) -> Result<MadeLink, Error> {
    conn.transaction(async |conn| {
        let (admin, _) = held_admin(conn, admin).await?;
        check_administers(conn, admin, user).await?;
        // Of two links at once the second ends the first.
        users::lock(conn, user).await?;
        if users::active(conn, user).await?.is_none() {
            return Err(Error::refused(ErrorCode::Conflict, "the account is closed"));
        }
        rows::forget(conn, LinkKind::Password, Some(user)).await?;
        check_room(conn, admin).await?;
        let (kind, made_by) = (LinkKind::Password, Some(admin));
        rows::insert(conn, &NewLink { kind, user: Some(user), join: None, made_by, lives: LIVES }).await
    })
    .await
}
