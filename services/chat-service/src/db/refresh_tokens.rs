//! Refresh tokens: each is used once and replaced by the next of its family, which is one login.

use chat_events::UserId;
use chrono::{DateTime, Utc};
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::schema::refresh_tokens;
use super::users::{self, LockedUser};
use crate::error::Error;

/// Stores the hash of a token that is handed out.
pub(crate) async fn insert(
    conn: &mut AsyncPgConnection,
    family: Uuid,
    user: UserId,
    hash: &[u8],
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::family.eq(family),
            refresh_tokens::user_id.eq(user.0),
            refresh_tokens::token_hash.eq(hash),
            refresh_tokens::expires_at.eq(expires_at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// What became of a token that somebody wants to trade in.
#[derive(Debug)]
pub(crate) enum Spent {
    /// It was good and its successor is stored.
    Rotated { family: Uuid, user: LockedUser },
    /// It is not known, too old or revoked.
    Refused,
    /// It had been used before: somebody holds a copy, so the whole family is revoked.
    Reused { family: Uuid },
}

/// A stored token.
#[derive(Debug, Queryable)]
struct Token {
    id: i64,
    family: Uuid,
    expires_at: DateTime<Utc>,
    used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl Token {
    fn is_over(&self) -> bool {
        self.revoked_at.is_some() || self.expires_at <= Utc::now()
    }
}

/// Trades a token for its successor. Of two at once one is a reuse.
pub(crate) async fn rotate(
    conn: &mut AsyncPgConnection,
    hash: &[u8],
    successor: &[u8],
    expires_at: DateTime<Utc>,
) -> Result<Spent, Error> {
    conn.transaction(async |conn| {
        let Some((user, token)) = lock(conn, hash).await? else { return Ok(Spent::Refused) };
        if token.used_at.is_some() {
            revoke_family(conn, token.family).await?;
            return Ok(Spent::Reused { family: token.family });
        }
        if token.is_over() {
            return Ok(Spent::Refused);
        }
        diesel::update(refresh_tokens::table.find(token.id))
            .set(refresh_tokens::used_at.eq(Utc::now()))
            .execute(conn)
            .await?;
        insert(conn, token.family, UserId(user.user.id), successor, expires_at).await?;
        Ok(Spent::Rotated { family: token.family, user })
    })
    .await
}

/// Reads a token under the lock of its owner's account. Without that lock the end of a login would miss the successor
/// that is being made at the same moment.
async fn lock(conn: &mut AsyncPgConnection, hash: &[u8]) -> Result<Option<(LockedUser, Token)>, Error> {
    let found = refresh_tokens::table.filter(refresh_tokens::token_hash.eq(hash));
    let owner: Option<i64> = found.select(refresh_tokens::user_id).first(conn).await.optional()?;
    let Some(owner) = owner else { return Ok(None) };
    let user = users::lock_active(conn, UserId(owner)).await?;
    let columns = (
        refresh_tokens::id,
        refresh_tokens::family,
        refresh_tokens::expires_at,
        refresh_tokens::used_at,
        refresh_tokens::revoked_at,
    );
    let token: Option<Token> = found.select(columns).first(conn).await.optional()?;
    Ok(token.map(|token| (user, token)))
}

/// How much a logout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The login of the token, whatever became of the token since.
    Login,
    /// All logins of its user. Only a token that could still be traded in may do that.
    Everywhere,
}

/// Ends logins by a refresh token. False: the token is not good for that.
pub(crate) async fn log_out(conn: &mut AsyncPgConnection, hash: &[u8], extent: Extent) -> Result<bool, Error> {
    conn.transaction(async |conn| {
        let Some((user, token)) = lock(conn, hash).await? else { return Ok(false) };
        match extent {
            Extent::Login => revoke_family(conn, token.family).await?,
            Extent::Everywhere if token.used_at.is_some() || token.is_over() => return Ok(false),
            Extent::Everywhere => end_all(conn, UserId(user.user.id)).await?,
        }
        Ok(true)
    })
    .await
}

/// Ends a login: none of its tokens is good any more.
async fn revoke_family(conn: &mut AsyncPgConnection, family: Uuid) -> Result<(), Error> {
    diesel::update(refresh_tokens::table)
        .filter(refresh_tokens::family.eq(family))
        .filter(refresh_tokens::revoked_at.is_null())
        .set(refresh_tokens::revoked_at.eq(Utc::now()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends all logins of a user, and makes all its access tokens worthless.
pub(crate) async fn end_all(conn: &mut AsyncPgConnection, user: UserId) -> Result<(), Error> {
    conn.transaction(async |conn| {
        // First, since this locks the account.
        users::end_tokens(conn, user).await?;
        diesel::update(refresh_tokens::table)
            .filter(refresh_tokens::user_id.eq(user.0))
            .filter(refresh_tokens::revoked_at.is_null())
            .set(refresh_tokens::revoked_at.eq(Utc::now()))
            .execute(conn)
            .await?;
        Ok(())
    })
    .await
}
