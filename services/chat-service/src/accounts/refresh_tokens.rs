//! Refresh tokens: each is used once and replaced by the next of its family, which is one login.
//!
//! Tabs of one browser share a token, and trade it at the same moment when the machine wakes up. So the last token that was
//! traded is good for a few seconds more, as long as none of its successors was used: each tab gets a successor of its own,
//! and the family goes on in several lines. A token that comes later, or after its line has gone on, is a copy in other
//! hands, and ends the family with all its lines.

use std::time::Duration;

use chat_events::UserId;
use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable};
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::browser::Browser;
use super::users::{self, LockedUser};
use crate::db::schema::refresh_tokens;
use crate::error::Error;
use statement::statement;

/// How many successors a token may have: more tabs do not trade at the same moment.
const MOST_SUCCESSORS: i64 = 20;

/// How many lines of a family may be gone on with; the line that has been away for longest is logged out.
const MOST_LINES: i64 = 20;

/// A token that is handed out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Successor<'a> {
    pub(crate) hash: &'a [u8],
    pub(crate) expires_at: DateTime<Utc>,
    /// The browser that it is handed to.
    pub(crate) browser: &'a Browser,
}

/// Stores the first token of a login.
pub(crate) async fn begin(
    conn: &mut AsyncPgConnection,
    family: Uuid,
    user: UserId,
    first: Successor<'_>,
) -> Result<(), Error> {
    let now = Utc::now();
    insert(conn, (family, now), user, first, now).await
}

async fn insert(
    conn: &mut AsyncPgConnection,
    (family, began_at): (Uuid, DateTime<Utc>),
    user: UserId,
    token: Successor<'_>,
    created_at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::family.eq(family),
            refresh_tokens::user_id.eq(user.0),
            refresh_tokens::token_hash.eq(token.hash),
            refresh_tokens::created_at.eq(created_at),
            refresh_tokens::expires_at.eq(token.expires_at),
            refresh_tokens::began_at.eq(began_at),
            refresh_tokens::user_agent.eq(&token.browser.user_agent),
            refresh_tokens::address_hint.eq(&token.browser.address_hint),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes note that a token is used. The time is PostgreSQL's, under the account's lock: it rises from token to token.
async fn take_note(conn: &mut AsyncPgConnection, id: i64) -> Result<DateTime<Utc>, Error> {
    let used =
        diesel::update(refresh_tokens::table.find(id))
            .set(refresh_tokens::used_at.eq(sql::<Nullable<Timestamptz>>("clock_timestamp()")));
    let at: Option<DateTime<Utc>> = used.returning(refresh_tokens::used_at).get_result(conn).await?;
    at.ok_or_else(|| Error::Internal("a token that is used has no time".into()))
}

statement! {
    /// The time, if a used token may be traded once more: its first use was a moment ago, and none of its successors, which
    /// were made since, was used. (A token of another line that was made meanwhile counts with them, and does no harm.)
    UseAgain {
        id: i64 as BigInt,
        grace_ms: i64 as BigInt,
        most: i64 as BigInt,
    } -> Timestamptz =
        "SELECT clock_timestamp() FROM refresh_tokens t
         WHERE t.id = $id AND t.used_at > clock_timestamp() - $grace_ms * interval '1 millisecond'
            AND (SELECT count(*) FILTER (WHERE later.used_at IS NOT NULL) = 0 AND count(*) < $most
                 FROM refresh_tokens later WHERE later.family = t.family AND later.created_at >= t.used_at)";
}

statement! {
    /// Lets the oldest lines of a family end. They are not revoked, which would end all of it.
    EndOldLines {
        family: Uuid as SqlUuid,
        most: i64 as BigInt,
    } -> Nullable<BigInt> =
        "WITH ended AS (
            UPDATE refresh_tokens SET expires_at = now() WHERE id IN (
                SELECT id FROM refresh_tokens WHERE family = $family AND used_at IS NULL AND expires_at > now()
                ORDER BY id DESC OFFSET $most)
            RETURNING id)
         SELECT max(id) FROM ended";
}

/// The outcome for a token that a caller wants to trade in.
#[derive(Debug)]
pub(crate) enum RotationOutcome {
    /// It was good and its successor is stored.
    Rotated { family: Uuid, user: LockedUser },
    /// It is not known, too old or revoked.
    Refused,
    /// It had been used before, and not just now: a second party holds a copy, so the whole family is revoked.
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
    began_at: DateTime<Utc>,
}

impl Token {
    fn is_over(&self) -> bool {
        self.revoked_at.is_some() || self.expires_at <= Utc::now()
    }
}

/// Trades a token for its successor; for one more within the grace after its first use.
pub(crate) async fn rotate(
    conn: &mut AsyncPgConnection,
    hash: &[u8],
    successor: Successor<'_>,
    grace: Duration,
) -> Result<RotationOutcome, Error> {
    conn.transaction(async |conn| {
        let Some((user, token)) = lock(conn, hash).await? else { return Ok(RotationOutcome::Refused) };
        let id = token.id;
        let now = if token.used_at.is_some() {
            let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
            let again = UseAgain { id, grace_ms, most: MOST_SUCCESSORS }.get_result(conn).await.optional()?;
            let Some(now) = again else {
                revoke_family(conn, token.family).await?;
                return Ok(RotationOutcome::Reused { family: token.family });
            };
            now
        } else if token.is_over() {
            return Ok(RotationOutcome::Refused);
        } else {
            take_note(conn, id).await?
        };
        if token.is_over() {
            return Ok(RotationOutcome::Refused);
        }
        insert(conn, (token.family, token.began_at), UserId(user.user.id), successor, now).await?;
        if token.used_at.is_some() {
            let _last: Option<i64> = EndOldLines { family: token.family, most: MOST_LINES }.get_result(conn).await?;
        }
        Ok(RotationOutcome::Rotated { family: token.family, user })
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
        refresh_tokens::began_at,
    );
    let token: Option<Token> = found.select(columns).first(conn).await.optional()?;
    Ok(token.map(|token| (user, token)))
}

/// How much a logout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogoutScope {
    /// The login of the token, whatever became of the token since.
    Login,
    /// All logins of its user. Only a token that could still be traded in may do that.
    Everywhere,
}

/// Ends logins by a refresh token. False: the token is not good for that.
pub(crate) async fn log_out(conn: &mut AsyncPgConnection, hash: &[u8], scope: LogoutScope) -> Result<bool, Error> {
    conn.transaction(async |conn| {
        let Some((user, token)) = lock(conn, hash).await? else { return Ok(false) };
        match scope {
            LogoutScope::Login => revoke_family(conn, token.family).await?,
            LogoutScope::Everywhere if token.used_at.is_some() || token.is_over() => return Ok(false),
            LogoutScope::Everywhere => end_all(conn, UserId(user.user.id)).await?,
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

/// Ends one login of a user. Whether there was one that had not ended.
pub(crate) async fn end_one(conn: &mut AsyncPgConnection, user: UserId, family: Uuid) -> Result<bool, Error> {
    conn.transaction(async |conn| {
        users::lock(conn, user).await?;
        let own =
            refresh_tokens::table.filter(refresh_tokens::family.eq(family)).filter(refresh_tokens::user_id.eq(user.0));
        let alive = own.filter(refresh_tokens::revoked_at.is_null()).filter(refresh_tokens::used_at.is_null());
        let alive =
            alive.filter(refresh_tokens::expires_at.gt(diesel::dsl::now)).count().get_result::<i64>(conn).await?;
        if alive > 0 {
            revoke_family(conn, family).await?;
        }
        Ok(alive > 0)
    })
    .await
}

/// Ends the logins of a user but one, and that too if there is none to keep.
pub(crate) async fn end_others(conn: &mut AsyncPgConnection, user: UserId, kept: Option<Uuid>) -> Result<(), Error> {
    let Some(kept) = kept else { return end_all(conn, user).await };
    conn.transaction(async |conn| {
        users::lock(conn, user).await?;
        diesel::update(refresh_tokens::table)
            .filter(refresh_tokens::user_id.eq(user.0))
            .filter(refresh_tokens::family.ne(kept))
            .filter(refresh_tokens::revoked_at.is_null())
            .set(refresh_tokens::revoked_at.eq(Utc::now()))
            .execute(conn)
            .await?;
        Ok(())
    })
    .await
}

statement! {
    /// The logins of a user that can be gone on with, those that were used last first.
    ListLogins { user_id: i64 as BigInt, count: i64 as BigInt, } -> (
        SqlUuid, Timestamptz, Timestamptz, Nullable<Text>, Nullable<Text>
    ) =
        "SELECT l.family, l.began_at, l.created_at, l.user_agent, l.address_hint FROM (
            SELECT DISTINCT ON (t.family) t.family, t.began_at, t.created_at, t.user_agent, t.address_hint
            FROM refresh_tokens t
            WHERE t.user_id = $user_id AND t.used_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > now()
            ORDER BY t.family, t.created_at DESC, t.id DESC) l
         ORDER BY l.created_at DESC, l.family LIMIT $count";
}

/// A login that can be gone on with.
#[derive(Debug, Queryable)]
pub(crate) struct AliveLogin {
    pub(crate) family: Uuid,
    pub(crate) began_at: DateTime<Utc>,
    /// When it was begun, or renewed last.
    pub(crate) used_at: DateTime<Utc>,
    pub(crate) user_agent: Option<String>,
    pub(crate) address_hint: Option<String>,
}

/// The logins of a user, those that were used last first, at most so many.
pub(crate) async fn list(conn: &mut AsyncPgConnection, user: UserId, count: i64) -> Result<Vec<AliveLogin>, Error> {
    Ok(ListLogins { user_id: user.0, count }.load(conn).await?)
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
