//! The owner of a token. The check is local: only an unknown key or issuer makes it fetch keys. The changes since the
//! token was issued are chat-service's to say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use channel_auth::{JwtVerifier, Purpose, SessionKeys, TICKET_PREFIX, Ticket, TokenError};
use chat_events::gateway_api::{Principal, TokenFacts};
use chat_events::{ChatId, ErrorBody, ErrorCode, SitePages};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::auth::jwks::KeyRefresh;
use crate::auth::origins::{self, Page};

/// A token that was found good.
#[derive(Debug)]
pub struct Proved {
    /// The owner, and for how long.
    pub identity: Identity,
    /// An operator or user may show this in place of the token when it comes again. None for clients, whose tokens cost no
    /// more than this.
    pub resume_ticket: Option<String>,
    /// The page that brought it, if its site has to allow it.
    pub page: Page,
}

/// The identity that a token proves.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The owner of the token.
    pub principal: Principal,
    /// For how long.
    pub grant: Grant,
}

/// How long it may stay.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// When the token's time is over.
    pub expires_at: Instant,
    /// When a client's session token was made, in seconds since 1970; 0 for others.
    pub token_made_at: i64,
    /// The claims that decide whether a JWT's login is over; none for a client.
    pub token: Option<TokenFacts>,
}

/// The query parameters of a connection: its credentials, and where it comes back from.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConnectQuery {
    /// `staff`, or missing.
    pub r#type: Option<String>,
    /// A client's session.
    pub session: Option<String>,
    /// A client's session token, or a user's JWT or resume ticket.
    pub token: Option<String>,
    /// A JWT, or a resume ticket.
    pub access_token: Option<String>,
    /// A cursor of the client's session.
    pub after: Option<String>,
    /// The epoch of the `connected` that the cursor is from.
    pub epoch: Option<String>,
    /// `1`: the first frame is `resume`, and nothing goes out before it.
    pub resume: Option<String>,
}

impl ConnectQuery {
    /// Whether the first frame will be `resume`.
    pub fn expects_resume(&self) -> Result<bool, ErrorBody> {
        match self.resume.as_deref() {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err(ErrorBody::field(ErrorCode::BadRequest, "resume", "resume is 0 or 1")),
        }
    }
}

/// The proof in a connection's credentials.
#[derive(Debug)]
pub enum Proof {
    /// A good token.
    Token(Proved),
    /// Nothing was brought: the first frame must.
    None,
}

impl Proved {
    /// As a page brings it. Pages of sites are for visitors, who bring their token with the request.
    pub(crate) fn brought_by(self, pages: &SitePages, page: Page) -> Result<Self, ErrorBody> {
        match self.identity.principal {
            Principal::Client { .. } => Ok(Self { page, ..self }),
            _ => origins::check(pages, &page, None).map(|()| self),
        }
    }
}

impl Proof {
    /// The same for a request that may bring none.
    pub(crate) fn brought_by(self, pages: &SitePages, page: Page) -> Result<Self, ErrorBody> {
        match self {
            Self::Token(proved) => proved.brought_by(pages, page).map(Self::Token),
            Self::None => origins::check(pages, &page, None).map(|()| Self::None),
        }
    }
}

/// A good token, before it is known as whom its owner connects.
#[derive(Debug)]
pub enum Shown {
    /// A client's, which says of which session.
    Client(Proved),
    /// An account's: what it claims, and the text.
    Account(Ticket, String),
}

impl Shown {
    /// Whether it is a client's.
    #[must_use]
    pub fn is_client(&self) -> bool {
        matches!(self, Self::Client(_))
    }
}

/// Checks tokens.
pub struct Credentials {
    session_keys: Arc<SessionKeys>,
    jwt: Arc<JwtVerifier>,
    refresh: Option<KeyRefresh>,
}

impl Credentials {
    /// `refresh` fetches keys anew when an unknown one is met; standalone has its own keys and needs none.
    pub fn new(session_keys: Arc<SessionKeys>, jwt: Arc<JwtVerifier>, refresh: Option<KeyRefresh>) -> Self {
        Self { session_keys, jwt, refresh }
    }

    /// The credentials of a handshake: in the query, or a JWT as `Authorization: Bearer`.
    pub async fn handshake(&self, query: &ConnectQuery, bearer: Option<&str>) -> Result<Proof, ErrorBody> {
        if let Some(session) = &query.session {
            let session = session
                .parse()
                .map_err(|_| ErrorBody::field(ErrorCode::BadRequest, "session", "session is not a session id"))?;
            let token = query.token.as_deref().or(bearer).unwrap_or_default();
            return self.client(Purpose::Channel, session, token).map(Proof::Token);
        }
        let jwt = query.access_token.as_deref().or(query.token.as_deref()).or(bearer);
        match (query.r#type.as_deref(), jwt) {
            (Some("staff"), Some(jwt)) => self.staff(jwt).await.map(Proof::Token),
            (Some("staff"), None) => Err(ErrorBody::new(ErrorCode::Unauthorized, "access_token is missing")),
            (None, Some(jwt)) => self.user(jwt).await.map(Proof::Token),
            (None, None) => Ok(Proof::None),
            (Some(_), _) => Err(not_a_type()),
        }
    }

    /// The owner of a token that came before it was said what it is for.
    pub async fn shown(&self, token: &str) -> Result<Shown, ErrorBody> {
        if Purpose::Channel.is_named_in(token) {
            return self.client_of_any(Purpose::Channel, token).map(Shown::Client);
        }
        Ok(Shown::Account(self.ticket(token).await?, token.to_owned()))
    }

    /// The same, once it was said. `session` is the one that a client names, and `kind` is `staff`, or missing.
    pub fn as_whom(&self, shown: Shown, session: Option<ChatId>, kind: Option<&str>) -> Result<Proved, ErrorBody> {
        match (shown, session, kind) {
            (Shown::Client(_), _, Some(_)) => {
                Err(ErrorBody::field(ErrorCode::BadRequest, "type", "type is not for the token of a session"))
            }
            (Shown::Client(proved), named, None) => of_session(proved, named),
            (Shown::Account(..), Some(_), _) => {
                Err(ErrorBody::new(ErrorCode::Unauthorized, "the token is not that of a session"))
            }
            (Shown::Account(ticket, token), None, Some("staff")) => self.proved_staff(&ticket, &token),
            (Shown::Account(ticket, token), None, None) => {
                Ok(self.proved(Principal::User { user_id: ticket.user_id }, &ticket, &token))
            }
            (Shown::Account(..), None, Some(_)) => Err(not_a_type()),
        }
    }

    /// A fresh token for a connection that stands.
    pub async fn renewal(&self, principal: Principal, token: &str) -> Result<Proved, ErrorBody> {
        match principal {
            Principal::Client { session_id } => self.client(Purpose::Channel, session_id, token),
            Principal::Staff { .. } => self.staff(token).await,
            Principal::User { .. } => self.user(token).await,
        }
    }

    /// A client's token for one session.
    pub fn client(&self, purpose: Purpose, session: ChatId, token: &str) -> Result<Proved, ErrorBody> {
        of_session(self.client_of_any(purpose, token)?, Some(session))
    }

    /// A client's token, which says for which session it is.
    fn client_of_any(&self, purpose: Purpose, token: &str) -> Result<Proved, ErrorBody> {
        let claims = self.session_keys.verify(purpose, token, Utc::now()).map_err(|why| refused(&why))?;
        let principal = Principal::Client { session_id: claims.session_id };
        let (expires_at, token_made_at) = (instant_of(claims.expires_at), claims.created_at.timestamp());
        let identity = Identity { principal, grant: Grant { expires_at, token_made_at, token: None } };
        Ok(Proved { identity, resume_ticket: None, page: None })
    }

    /// A user's JWT, or its ticket.
    pub async fn user(&self, token: &str) -> Result<Proved, ErrorBody> {
        let ticket = self.ticket(token).await?;
        Ok(self.proved(Principal::User { user_id: ticket.user_id }, &ticket, token))
    }

    /// An operator's JWT, or its ticket.
    pub async fn staff(&self, token: &str) -> Result<Proved, ErrorBody> {
        let ticket = self.ticket(token).await?;
        self.proved_staff(&ticket, token)
    }

    fn proved_staff(&self, ticket: &Ticket, shown: &str) -> Result<Proved, ErrorBody> {
        if !ticket.role.is_staff() {
            return Err(ErrorBody::new(ErrorCode::Forbidden, "only operators see all sessions"));
        }
        Ok(self.proved(Principal::Staff { user_id: ticket.user_id }, ticket, shown))
    }

    fn proved(&self, principal: Principal, ticket: &Ticket, shown: &str) -> Proved {
        let resume_ticket = Some(self.session_keys.next_ticket(shown, ticket));
        Proved { identity: Identity { principal, grant: grant(ticket) }, resume_ticket, page: None }
    }

    /// An unknown key may be a new one, and an unknown issuer one whose keys have not come yet: then the keys are
    /// fetched, and the token is looked at once more. Without keys nothing is said about the token.
    async fn ticket(&self, token: &str) -> Result<Ticket, ErrorBody> {
        let ticket = match (self.verify(token), &self.refresh) {
            (Err(TokenError::UnknownKey | TokenError::WrongIssuer), Some(refresh)) => {
                let are_there = refresh.now().await;
                match self.verify(token) {
                    Err(TokenError::UnknownKey | TokenError::WrongIssuer) if !are_there => return Err(no_keys()),
                    ticket => ticket,
                }
            }
            (ticket, _) => ticket,
        };
        ticket.map_err(|why| refused(&why))
    }

    /// The claims of a JWT, or of a ticket in its place.
    fn verify(&self, token: &str) -> Result<Ticket, TokenError> {
        if !token.starts_with(TICKET_PREFIX) {
            return self.jwt.verify_with_key(token).map(|(claims, key)| Ticket::of(&claims, key));
        }
        let ticket = self.session_keys.verify_ticket(token, Utc::now())?;
        if self.jwt.accepts(ticket.key) { Ok(ticket) } else { Err(TokenError::UnknownKey) }
    }
}

/// The owner of a session's token, if it is for the session that was named.
fn of_session(proved: Proved, named: Option<ChatId>) -> Result<Proved, ErrorBody> {
    let Principal::Client { session_id } = proved.identity.principal else { return Ok(proved) };
    if named.is_some_and(|named| named != session_id) {
        return Err(ErrorBody::new(ErrorCode::Unauthorized, "the token is for another session"));
    }
    Ok(proved)
}

fn not_a_type() -> ErrorBody {
    ErrorBody::field(ErrorCode::BadRequest, "type", "type is staff, or is left out")
}

fn no_keys() -> ErrorBody {
    ErrorBody::new(ErrorCode::Unavailable, "the keys of the token's issuer cannot be fetched; try again")
}

fn refused(why: &TokenError) -> ErrorBody {
    ErrorBody::new(why.error_code(), why.to_string())
}

fn grant(ticket: &Ticket) -> Grant {
    Grant {
        expires_at: instant_of(DateTime::from_timestamp(ticket.expires_at, 0).unwrap_or_default()),
        token_made_at: 0,
        token: Some(TokenFacts { issued_at: ticket.issued_at, login: ticket.login }),
    }
}

/// The wall clock's time on the clock that only rises.
fn instant_of(time: DateTime<Utc>) -> Instant {
    let left = (time - Utc::now()).to_std().unwrap_or(Duration::ZERO);
    Instant::now() + left.min(Duration::from_secs(365 * 24 * 60 * 60))
}

#[cfg(test)]
mod tests {
    use channel_auth::{AccessClaims, JwtIssuer, Role};

    use super::*;

    fn token(issuer: &JwtIssuer) -> String {
        let now = Utc::now().timestamp();
        issuer.sign(&AccessClaims {
            iss: issuer.issuer.clone(),
            aud: issuer.audience.clone(),
            sub: "7".into(),
            exp: now + 600,
            iat: now,
            jti: "a".into(),
            name: "Ada".into(),
            role: Role::User,
            sid: None,
        })
    }

    #[tokio::test]
    async fn a_ticket_is_good_as_long_as_the_key_of_its_token() {
        let (old, new) = (JwtIssuer::generate().0, JwtIssuer::generate().0);
        let verifier = Arc::new(JwtVerifier::new("switchboard"));
        verifier.set_keys("switchboard", &old.jwks()).expect("a key");
        let credentials = Credentials::new(Arc::new(SessionKeys::generate().0), verifier.clone(), None);
        let ticket = credentials.user(&token(&old)).await.expect("a good token").resume_ticket.expect("a ticket");
        let proved = credentials.user(&ticket).await.expect("a good ticket");
        assert_eq!(proved.resume_ticket.as_ref(), Some(&ticket), "the same token stands behind both");

        let mut both = new.jwks();
        both["keys"].as_array_mut().expect("keys").push(old.jwks()["keys"][0].clone());
        verifier.set_keys("switchboard", &both).expect("keys");
        credentials.user(&ticket).await.expect("its key is still there");

        // Another key under the same name is another key.
        let mut renamed = new.jwks();
        renamed["keys"][0]["kid"] = old.jwks()["keys"][0]["kid"].clone();
        for without in [new.jwks(), renamed] {
            verifier.set_keys("switchboard", &without).expect("a key");
            let refused = credentials.user(&ticket).await.expect_err("its key is gone");
            assert_eq!(refused.code, ErrorCode::Unauthorized);
        }
        // Nor is the key of another issuer the same, though it is.
        verifier.set_keys("elsewhere", &old.jwks()).expect("a key");
        assert!(credentials.user(&ticket).await.is_err());
    }
}
