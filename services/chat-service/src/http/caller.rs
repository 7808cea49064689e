//! The caller: the `Authorization: Bearer` header, and nothing else. And the address that it asks from.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, ORIGIN};
use actix_web::{FromRequest, HttpRequest, web};
use chat_events::ChatId;
use chat_events::gateway_api::{Principal, SentFrom};
use rate_limits::client_address;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::api_error::ApiError;
use super::unreadable;
use crate::access::Actor;
use crate::error::Error;
use crate::limits::Address;
use crate::state::AppState;
use crate::tokens::Bearer;

/// The bearer of a session token or of an access token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(Bearer);

impl Caller {
    /// As whom the caller acts in a support session. Whether an operator still is one is for the statement to see.
    fn in_session(self, session: ChatId) -> Result<Actor, Error> {
        match self.0 {
            Bearer::Client(own) if own.session == session => Ok(Principal::Client { session_id: session }.into()),
            Bearer::Client(_) => Err(Error::forbidden("the token is for another session")),
            Bearer::User(_) => match self.anywhere() {
                staff @ Actor { principal: Principal::Staff { .. }, .. } => Ok(staff),
                _ => Err(Error::forbidden("sessions are for their client and for operators")),
            },
        }
    }

    /// As whom the caller acts in any other chat, and in everything that is its own.
    pub(crate) fn in_chat(self) -> Result<Actor, Error> {
        match self.0 {
            Bearer::User(user) => Ok(Actor::new(Principal::User { user_id: user.id }, user.token)),
            Bearer::Client(_) => Err(Error::forbidden("a session token opens its session only")),
        }
    }

    /// An operator or a user, with all that it may do.
    pub(crate) fn account(self) -> Result<Actor, Error> {
        match self.0 {
            Bearer::User(_) => Ok(self.anywhere()),
            Bearer::Client(_) => Err(Error::forbidden("a session token opens its session only")),
        }
    }

    /// The session of a client.
    pub(crate) fn client(self) -> Result<ChatId, Error> {
        match self.0 {
            Bearer::Client(own) => Ok(own.session),
            Bearer::User(_) => Err(Error::forbidden("this is for the visitor of the session")),
        }
    }

    /// An operator.
    pub(crate) fn staff(self) -> Result<Actor, Error> {
        match self.anywhere() {
            staff @ Actor { principal: Principal::Staff { .. }, .. } => Ok(staff),
            _ => Err(Error::forbidden("this is for operators")),
        }
    }

    /// The caller with all that it may do: a client, an operator or a user.
    pub(crate) fn anywhere(self) -> Actor {
        match self.0 {
            Bearer::Client(own) => Principal::Client { session_id: own.session }.into(),
            Bearer::User(user) if user.role.is_staff() => Actor::new(Principal::Staff { user_id: user.id }, user.token),
            Bearer::User(user) => Actor::new(Principal::User { user_id: user.id }, user.token),
        }
    }

    /// Where a client's message comes from, and how old its token is.
    pub(crate) fn sends_from(self, CameFrom(address): CameFrom) -> Option<SentFrom> {
        match self.0 {
            Bearer::Client(own) => Some(SentFrom { address, token_made_at: own.token_made_at }),
            Bearer::User(_) => None,
        }
    }
}

/// Each request of a caller counts for it.
impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = || {
            let state = state(request)?;
            let caller = Self(state.tokens.verify(bearer(request)?)?);
            state.limits.request_of(caller.anywhere().principal)?;
            Ok::<_, Error>(caller)
        };
        ready(caller().map_err(ApiError::from))
    }
}

/// Which chats the `{id}` of a path means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChatAddress {
    /// Support sessions.
    Session,
    /// All others.
    Chat,
}

/// A caller in the chat of the address: of a session its client or an operator, of any other chat a user. Whether it still
/// may, the statement sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InChat {
    pub(crate) actor: Actor,
    pub(crate) chat: ChatId,
    pub(crate) caller: Caller,
}

impl FromRequest for InChat {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload).into_inner();
        let in_chat = || {
            let chat = request.match_info().get("id").and_then(|id| id.parse().ok());
            let chat = ChatId(chat.ok_or_else(|| ApiError(unreadable::not_an_id()))?);
            let caller = caller?;
            let actor = match request.app_data::<ChatAddress>() {
                Some(ChatAddress::Session) => caller.in_session(chat)?,
                _ => caller.in_chat()?,
            };
            Ok(Self { actor, chat, caller })
        };
        ready(in_chat())
    }
}

/// The origin of the page whose script asks, none for a program, and the address that it asks.
pub(crate) fn page_and_host(request: &HttpRequest) -> (Option<&str>, String) {
    let origin = request.headers().get(ORIGIN).map(|origin| origin.to_str().unwrap_or("null"));
    (origin, request.connection_info().host().to_owned())
}

/// The address that a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CameFrom(pub(crate) Address);

impl CameFrom {
    /// As its peer, or trusted proxies, tell.
    pub(crate) fn of(request: &HttpRequest, trusted_proxies: usize) -> Self {
        Self(client_address(request.peer_addr(), request.headers(), trusted_proxies))
    }
}

impl FromRequest for CameFrom {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let from = state(request).map(|state| Self::of(request, state.trusted_proxies));
        ready(from.map_err(ApiError::from))
    }
}

/// The secret that a visitor was given when it opened its session.
pub(crate) struct VisitorSecret(pub(crate) String);

impl FromRequest for VisitorSecret {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(bearer(request).map(|secret| Self(secret.to_owned())).map_err(ApiError::from))
    }
}

/// A gateway, proved by the internal secret.
pub(crate) struct Gateway;

impl FromRequest for Gateway {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(check_gateway(request).map_err(ApiError::from))
    }
}

fn check_gateway(request: &HttpRequest) -> Result<Gateway, Error> {
    let (given, state) = (bearer(request)?, state(request)?);
    let expected = state.internal_secret.as_ref().map(ExposeSecret::expose_secret);
    match expected {
        Some(expected) if bool::from(expected.as_bytes().ct_eq(given.as_bytes())) => Ok(Gateway),
        _ => Err(Error::unauthorized("the internal secret is not right")),
    }
}

fn bearer(request: &HttpRequest) -> Result<&str, Error> {
    let header = request.headers().get(AUTHORIZATION);
    let header = header.ok_or_else(|| Error::unauthorized("an Authorization header is needed"))?;
    let header = header.to_str().unwrap_or_default();
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Error::unauthorized("the Authorization header must be: Bearer, then a token")),
    }
}

fn state(request: &HttpRequest) -> Result<&AppState, Error> {
    let state = request.app_data::<web::Data<AppState>>();
    state.map(web::Data::get_ref).ok_or_else(|| Error::Internal("the state is not registered".into()))
}
