//! The link of the first admin: while there is none, whoever starts the service is told where one is made.

use std::time::Duration;

use diesel_async::AsyncConnection;

use super::rows::{self, LinkKind, NewLink};
use crate::access::{has_no_admin, hold_admins};
use crate::error::Error;
use crate::state::AppState;

/// It is good for so long; the next start makes another.
const LIVES: Duration = Duration::from_secs(24 * 3600);

/// How soon it is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Prints the link, once the database is prepared, if there is no admin. Its address begins with the public one or, where that
/// is not known, with this.
pub async fn announce_first_admin(state: AppState, address: String) {
    if state.prepared().await.is_none() {
        return;
    }
    loop {
        match make(&state, &address).await {
            Ok(Some(link)) => break println!("Make the first admin: {link}"),
            Ok(None) => break,
            Err(error) => tracing::warn!(%error, "the link of the first admin could not be made"),
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// None if there is an admin. Of the links of several starts the last is good.
async fn make(state: &AppState, address: &str) -> Result<Option<String>, Error> {
    let mut conn = state.connection().await?;
    let made = conn.transaction(async |conn| {
        hold_admins(conn).await?;
        if !has_no_admin(conn).await? {
            return Ok(None);
        }
        rows::forget(conn, LinkKind::First, None).await?;
        let new = NewLink { kind: LinkKind::First, user: None, join: None, made_by: None, lives: LIVES };
        rows::insert(conn, &new).await.map(Some)
    });
    let made: Option<rows::MadeLink> = made.await?;
    let base = state.tokens.public_url().unwrap_or(address);
    Ok(made.map(|made| super::address(base, LinkKind::First, &made.token)))
}
