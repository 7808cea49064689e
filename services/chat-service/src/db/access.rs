//! Who a statement acts for, and what that principal may do in a chat.

use chat_events::gateway_api::{Principal, TokenFacts};
use chat_events::{ChatId, SenderType, SessionStatus};
use diesel::prelude::{OptionalExtension, Queryable};
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::shape::{access_cte, acting_user};
use super::statement::statement;
use super::stored::Stored;
use super::users;
use crate::error::Error;

/// Who acts, and what its access token says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor {
    /// As whom.
    pub(crate) principal: Principal,
    token: TokenFacts,
}

impl Actor {
    /// The bearer of an access token.
    pub(crate) fn new(principal: Principal, token: TokenFacts) -> Self {
        Self { principal, token }
    }
}

/// Nobody's token to check: a client's is good until its end or a ban, and gateways watch over those that they let in.
impl From<Principal> for Actor {
    fn from(principal: Principal) -> Self {
        Self { principal, token: TokenFacts { issued_at: i64::MAX, login: None } }
    }
}

/// An actor as the statements take it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActorColumns {
    /// `client`, `staff`, `user`, or `gateway` for none.
    pub(crate) kind: &'static str,
    /// 0 for a client.
    pub(crate) user_id: i64,
    /// 0 for an account.
    pub(crate) session_id: i64,
    /// Whose marks are its own.
    pub(crate) reader_type: &'static str,
    /// `iat` of the access token.
    pub(crate) issued_at: i64,
    /// `sid` of the access token.
    pub(crate) login: Option<Uuid>,
}

impl ActorColumns {
    /// None is a gateway on its own account.
    pub(crate) fn of(actor: Option<Actor>) -> Self {
        let (kind, user_id, session_id, reader_type) = match actor.map(|actor| actor.principal) {
            None => ("gateway", 0, 0, "user"),
            Some(Principal::Client { session_id }) => ("client", 0, session_id.0, "client"),
            Some(Principal::Staff { user_id }) => ("staff", user_id.0, 0, "user"),
            Some(Principal::User { user_id }) => ("user", user_id.0, 0, "user"),
        };
        let (issued_at, login) = actor.map_or((i64::MAX, None), |Actor { token, .. }| (token.issued_at, token.login));
        Self { kind, user_id, session_id, reader_type, issued_at, login }
    }
}

/// As what a principal writes.
pub(crate) fn sender_type(principal: Principal) -> SenderType {
    match principal {
        Principal::Client { .. } => SenderType::Client,
        Principal::Staff { .. } => SenderType::Operator,
        Principal::User { .. } => SenderType::User,
    }
}

/// A client's token opens one session only.
pub(crate) fn check_scope(principal: Principal, chat: ChatId) -> Result<(), Error> {
    match principal {
        Principal::Client { session_id } if session_id != chat => {
            Err(Error::forbidden("the token is for another session"))
        }
        _ => Ok(()),
    }
}

fn not_allowed() -> Error {
    Error::forbidden("you may not do this here")
}

/// Turns `may_read` of a statement into an answer.
pub(crate) fn check_read(may_read: Option<&str>) -> Result<(), Error> {
    match may_read {
        Some("allowed") => Ok(()),
        Some("inactive") => Err(Error::not_active()),
        Some("banned") => Err(Error::forbidden("the client is banned")),
        Some("forbidden") => Err(not_allowed()),
        _ => Err(Error::not_found("there is no such chat")),
    }
}

/// What is told where there is no such chat: the same as where there is one that the actor may not know of. Whoever may
/// ask nothing at all any more is told that, as anywhere else.
pub(crate) async fn unknown_chat(conn: &mut AsyncPgConnection, actor: Actor, message: &str) -> Error {
    let asks_as_staff = match actor.principal {
        Principal::Client { .. } => return Error::not_found(message),
        Principal::Staff { .. } => true,
        Principal::User { .. } => false,
    };
    match users::acting(conn, actor).await {
        Ok(user) if asks_as_staff && !user.role.0.is_staff() => not_allowed(),
        Ok(_) => Error::not_found(message),
        Err(error) => error,
    }
}

statement! {
    /// Where a chat stands and what a principal may do there.
    ReadAccess<'a> {
        chat_id: i64 as BigInt,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
    } -> (Text, Bool, Nullable<BigInt>, Nullable<Text>) = concat!(
        "WITH ", access_cte!(), " SELECT may_read, may_write, self_id, status FROM access"
    );
}

/// A row of [`ReadAccess`].
#[derive(Debug, Queryable)]
pub(crate) struct Access {
    may_read: String,
    may_write: bool,
    pub(crate) self_id: Option<i64>,
    pub(crate) status: Option<Stored<SessionStatus>>,
}

impl Access {
    /// Reads it; no such chat is an error.
    pub(crate) async fn read(conn: &mut AsyncPgConnection, actor: Actor, chat: ChatId) -> Result<Self, Error> {
        let who = ActorColumns::of(Some(actor));
        let statement = ReadAccess {
            chat_id: chat.0,
            principal: who.kind,
            user_id: who.user_id,
            issued_at: who.issued_at,
            login: who.login,
        };
        let found: Option<Self> = statement.get_result(conn).await.optional()?;
        match found {
            Some(access) => Ok(access),
            None => Err(unknown_chat(conn, actor, "there is no such chat").await),
        }
    }

    /// Whether the principal may read here.
    pub(crate) fn check_read(&self) -> Result<(), Error> {
        check_read(Some(&self.may_read))
    }

    /// Whether the principal may write here.
    pub(crate) fn check_write(&self) -> Result<(), Error> {
        self.check_read()?;
        if self.may_write { Ok(()) } else { Err(Error::forbidden("you may not write here")) }
    }
}
