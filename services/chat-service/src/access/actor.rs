//! The actor, and how statements are told of it.

use chat_events::gateway_api::{Principal, TokenFacts};
use chat_events::{ChatId, SenderType};
use uuid::Uuid;

use crate::error::Error;

/// An actor, and the claims of its access token.
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

/// No token to check: a client's is good until its end or a ban, and gateways watch over the connections that they let
/// in.
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
    /// The type of the reader whose marks are its own.
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

/// The sender type as which a principal writes.
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
