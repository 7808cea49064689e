//! One's own name and password.

use chat_events::UserId;
use diesel_async::AsyncConnection;

use crate::access::{self, Actor, ActorColumns};
use crate::accounts::password::Turn;
use crate::accounts::users::User;
use crate::accounts::{refresh_tokens, users};
use crate::error::Error;
use crate::http::asker::Asker;
use crate::limits::Address;
use crate::limits::logins::Account;
use crate::state::AppState;

/// Gives the caller another name.
pub(super) async fn rename(state: &AppState, caller: Actor, name: &str) -> Result<User, Error> {
    let mut conn = state.connection().await?;
    let user = access::acting(&mut conn, caller).await?;
    users::rename(&mut conn, user, name).await?;
    users::active(&mut conn, user).await?.ok_or_else(Error::not_active)
}

/// Gives the caller another password, and ends its other logins. The old one is looked at as that of a login is.
pub(super) async fn set_password(
    state: &AppState,
    caller: Actor,
    (old, new): (String, String),
    (from, asker): (Address, Asker),
) -> Result<(), Error> {
    let mut conn = state.connection().await?;
    let user = access::acting(&mut conn, caller).await?;
    let hash = users::password_hash(&mut conn, user).await?;
    // Hashing takes long: the connection is for others meanwhile.
    drop(conn);
    let attempt = state.logins.attempt(Account::Known(user), (from, &asker)).await?;
    let turn = if attempt.is_known() { Turn::First } else { Turn::Later };
    let is_right = match state.passwords.verify(old, Some(hash.clone()), (asker.clone(), turn)).await {
        Ok(is_right) => is_right,
        Err(error) => {
            attempt.was_not_looked_at();
            return Err(error);
        }
    };
    if !is_right {
        return Err(Error::invalid("old", "old is not the password"));
    }
    attempt.was_right();
    let new_hash = state.passwords.hash(new, (asker, turn)).await?;
    let kept = ActorColumns::of(Some(caller)).login;
    let own = state.clone();
    let work = async move {
        let mut conn = own.connection().await?;
        conn.transaction(async |conn| {
            // The account may have been closed, or have got another password, while these were looked at.
            let locked = users::lock_active(conn, user).await?;
            let is_the_same = users::password_hash(conn, UserId(locked.user.id)).await? == hash;
            if !is_the_same || access::acting(conn, caller).await.is_err() {
                return Err(Error::not_active());
            }
            users::set_password_hash(conn, user, &new_hash).await?;
            refresh_tokens::end_others(conn, user, kept).await
        })
        .await
    };
    state.writes.run(work).await
}
