//! The rights of one actor in one chat, read by themselves: for rows that are not written or read in the statement of
//! the rule.

use chat_events::gateway_api::Principal;
use chat_events::{ChatId, ErrorCode, Scope, UserId};
use diesel::prelude::{OptionalExtension, QueryDsl, Queryable};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::rules::{acting_user, is_staff, ruled, scope_sites, verdict_by_name};
use super::{Actor, ActorColumns, Verb, check_verdict};
use crate::db::schema::users;
use crate::error::Error;
use statement::statement;

statement! {
    /// The verdict on a verb, and the actor.
    ReadStanding<'a> {
        chat_id: i64 as BigInt,
        verb: &'a str as Text,
        visibility: &'a str as Text,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
    } -> (Text, Nullable<BigInt>, Nullable<Text>) = concat!(
        "SELECT ", verdict_by_name!(), ", CASE $principal WHEN 'client' THEN s.client_id ELSE u.id END,
            CASE $principal WHEN 'client' THEN v.name ELSE u.name END
         FROM ", ruled!("$chat_id")
    );
}

/// The statement, with `$name` for its parameters.
#[cfg(test)]
pub(super) const STANDING: &str = ReadStanding::TEXT;

/// Where an actor stands in a chat.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct Standing {
    verdict: String,
    /// The client's id, or the user's.
    pub(crate) self_id: Option<i64>,
    /// The name that others see.
    pub(crate) self_name: Option<String>,
}

impl Standing {
    /// Reads it. The answer is the same for a chat that does not exist and for one that the actor may not know of.
    pub(crate) async fn read(
        conn: &mut AsyncPgConnection,
        actor: Actor,
        chat: ChatId,
        verb: Verb,
    ) -> Result<Self, Error> {
        let who = ActorColumns::of(Some(actor));
        let statement = ReadStanding {
            chat_id: chat.0,
            verb: verb.name(),
            visibility: verb.visibility(),
            principal: who.kind,
            user_id: who.user_id,
            issued_at: who.issued_at,
            login: who.login,
        };
        Ok(statement.get_result(conn).await?)
    }

    /// Whether the actor may.
    pub(crate) fn check(&self, verb: Verb) -> Result<(), Error> {
        check_verdict(verb, &self.verdict)
    }

    /// Whether nothing stands in a client's way but that its session is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.verdict == "closed"
    }
}

/// Has a transaction that would close an account, end its logins or change its role wait until this one is over. Facts
/// of the account that are read afterwards, by a statement of its own, hold until the commit. Chats are locked before.
pub(crate) async fn hold(conn: &mut AsyncPgConnection, account: UserId) -> Result<(), Error> {
    let _held: Option<i64> = users::table.find(account.0).select(users::id).for_share().first(conn).await.optional()?;
    Ok(())
}

statement! {
    /// The account of the actor, if it is open and the token still counts, whether it is staff, and in which sites.
    ReadActingUser {
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
    } -> (BigInt, Bool, Bool, Nullable<Array<BigInt>>) = concat!(
        "SELECT u.id, ", is_staff!(), ", u.role = 'admin', ", scope_sites!("u.id"), " FROM users u WHERE ", acting_user!()
    );
}

/// The account of the actor, whatever its token says of its role.
pub(crate) async fn acting(conn: &mut AsyncPgConnection, actor: Actor) -> Result<UserId, Error> {
    Ok(read_acting(conn, actor).await?.user)
}

/// The same for an operator, and the sites in which it works.
pub(crate) async fn acting_staff(conn: &mut AsyncPgConnection, actor: Actor) -> Result<(UserId, Scope), Error> {
    let Acting { user, is_staff, scope, .. } = read_acting(conn, actor).await?;
    let verdict = if is_staff { "allowed" } else { "not_staff" };
    check_verdict(Verb::Desk, verdict).map(|()| (user, scope))
}

/// The same for an admin, and the sites that it administers.
pub(crate) async fn acting_admin(conn: &mut AsyncPgConnection, actor: Actor) -> Result<(UserId, Scope), Error> {
    let Acting { user, is_admin, scope, .. } = read_acting(conn, actor).await?;
    if is_admin { Ok((user, scope)) } else { Err(Error::forbidden("this is for admins")) }
}

/// The same for the rest of the transaction: its account stays an admin's, of these sites, until that is over.
pub(crate) async fn held_admin(conn: &mut AsyncPgConnection, actor: Actor) -> Result<(UserId, Scope), Error> {
    let (user, _) = acting_admin(conn, actor).await?;
    hold(conn, user).await?;
    acting_admin(conn, actor).await
}

/// The sites in which the account of the actor works: none for a user.
pub(crate) async fn acting_in_sites(conn: &mut AsyncPgConnection, actor: Actor) -> Result<Scope, Error> {
    let Acting { is_staff, scope, .. } = read_acting(conn, actor).await?;
    Ok(if is_staff { scope } else { Scope::default() })
}

/// The account of an actor.
struct Acting {
    user: UserId,
    is_staff: bool,
    is_admin: bool,
    scope: Scope,
}

async fn read_acting(conn: &mut AsyncPgConnection, actor: Actor) -> Result<Acting, Error> {
    let ActorColumns { user_id, issued_at, login, .. } = ActorColumns::of(Some(actor));
    let found: Option<(i64, bool, bool, Option<Vec<i64>>)> =
        ReadActingUser { user_id, issued_at, login }.get_result(conn).await.optional()?;
    let (user, is_staff, is_admin, sites) = found.ok_or_else(Error::not_active)?;
    Ok(Acting { user: UserId(user), is_staff, is_admin, scope: Scope::of_sites(sites) })
}

/// Whether a session may be given to this user. It stays so until the transaction is over.
pub(crate) async fn check_assignable(conn: &mut AsyncPgConnection, user: UserId, session: ChatId) -> Result<(), Error> {
    hold(conn, user).await?;
    let operator = Actor::from(Principal::Staff { user_id: user });
    match Standing::read(conn, operator, session, Verb::Desk).await?.check(Verb::Desk) {
        Ok(()) => Ok(()),
        Err(_) => Err(Error::field(ErrorCode::Conflict, "user_id", "there is no such operator")),
    }
}
