//! Refresh tokens: each is used once and replaced by the next of its family, which is one login.

use chat_events::UserId;
use chrono::{DateTime, Utc};
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::schema::refresh_tokens;
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
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// It was good and its successor is stored.
    Rotated { family: Uuid, user: UserId },
    /// It is not known, too old or revoked.
    Refused,
    /// It had been used before: somebody holds a copy, so the whole family is revoked.
    Reused { family: Uuid },
}

type TokenRow = (i64, Uuid, i64, DateTime<Utc>, Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// Trades a token for its successor, under the row's lock, so that of two at once one is a reuse.
pub(crate) async fn rotate(
    conn: &mut AsyncPgConnection,
    hash: &[u8],
    successor: &[u8],
    expires_at: DateTime<Utc>,
) -> Result<Spent, Error> {
    conn.transaction(async |conn| {
        let found: Option<TokenRow> = refresh_tokens::table
            .filter(refresh_tokens::token_hash.eq(hash))
            .select((
                refresh_tokens::id,
                refresh_tokens::family,
                refresh_tokens::user_id,
                refresh_tokens::expires_at,
                refresh_tokens::used_at,
                refresh_tokens::revoked_at,
            ))
            .for_update()
            .first(conn)
            .await
            .optional()?;
        let Some((id, family, user, ends, used, revoked)) = found else { return Ok(Spent::Refused) };
        if used.is_some() {
            revoke_family(conn, family).await?;
            return Ok(Spent::Reused { family });
        }
        if revoked.is_some() || ends <= Utc::now() {
            return Ok(Spent::Refused);
        }
        diesel::update(refresh_tokens::table.find(id))
            .set(refresh_tokens::used_at.eq(Utc::now()))
            .execute(conn)
            .await?;
        insert(conn, family, UserId(user), successor, expires_at).await?;
        Ok(Spent::Rotated { family, user: UserId(user) })
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
