//! Who a token belongs to. Checked without asking anybody; what may have changed since is chat-service's to say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use channel_auth::{AccessClaims, JwtVerifier, Purpose, SessionKeys, TokenError};
use chat_events::gateway_api::{Principal, TokenFacts};
use chat_events::{ChatId, ErrorBody, ErrorCode};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::auth::jwks::KeyRefresh;

/// A proved token.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Whose it is.
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
    /// What a JWT says of itself.
    pub token: Option<TokenFacts>,
}

/// What a connection brings in its query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConnectQuery {
    /// `staff`, or missing.
    pub r#type: Option<String>,
    /// A client's session.
    pub session: Option<String>,
    /// A client's session token, or a user's JWT.
    pub token: Option<String>,
    /// A JWT.
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

/// What a connection's credentials say.
#[derive(Debug)]
pub enum Proof {
    /// Proved.
    Identity(Identity),
    /// Nothing was brought: the first frame must.
    None,
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
            return self.client(Purpose::Channel, session, token).map(Proof::Identity);
        }
        let jwt = query.access_token.as_deref().or(query.token.as_deref()).or(bearer);
        match (query.r#type.as_deref(), jwt) {
            (Some("staff"), Some(jwt)) => self.staff(jwt).await.map(Proof::Identity),
            (Some("staff"), None) => Err(ErrorBody::new(ErrorCode::Unauthorized, "access_token is missing")),
            (None, Some(jwt)) => self.user(jwt).await.map(Proof::Identity),
            (None, None) => Ok(Proof::None),
            (Some(_), _) => Err(ErrorBody::field(ErrorCode::BadRequest, "type", "type is staff, or is left out")),
        }
    }

    /// A fresh token for a connection that stands.
    pub async fn renewal(&self, principal: Principal, token: &str) -> Result<Identity, ErrorBody> {
        match principal {
            Principal::Client { session_id } => self.client(Purpose::Channel, session_id, token),
            Principal::Staff { .. } => self.staff(token).await,
            Principal::User { .. } => self.user(token).await,
        }
    }

    /// A client's token for one session.
    pub fn client(&self, purpose: Purpose, session: ChatId, token: &str) -> Result<Identity, ErrorBody> {
        let claims = self.session_keys.verify(purpose, token, Utc::now()).map_err(|why| refused(&why))?;
        if claims.session_id != session {
            return Err(ErrorBody::new(ErrorCode::Unauthorized, "the token is for another session"));
        }
        let principal = Principal::Client { session_id: session };
        let (expires_at, token_made_at) = (instant_of(claims.expires_at), claims.created_at.timestamp());
        Ok(Identity { principal, grant: Grant { expires_at, token_made_at, token: None } })
    }

    /// A user's JWT.
    pub async fn user(&self, jwt: &str) -> Result<Identity, ErrorBody> {
        let claims = self.claims(jwt).await?;
        let principal = Principal::User { user_id: claims.user_id() };
        Ok(Identity { principal, grant: grant(&claims) })
    }

    /// An operator's JWT.
    pub async fn staff(&self, jwt: &str) -> Result<Identity, ErrorBody> {
        let claims = self.claims(jwt).await?;
        if !claims.role.is_staff() {
            return Err(ErrorBody::new(ErrorCode::Forbidden, "only operators see all sessions"));
        }
        let principal = Principal::Staff { user_id: claims.user_id() };
        Ok(Identity { principal, grant: grant(&claims) })
    }

    /// An unknown key may be a new one, and an unknown issuer one whose keys have not come yet: then the keys are
    /// fetched, and the token is looked at once more. Without keys nothing is said about the token.
    async fn claims(&self, jwt: &str) -> Result<AccessClaims, ErrorBody> {
        let claims = match (self.jwt.verify(jwt), &self.refresh) {
            (Err(TokenError::UnknownKey | TokenError::WrongIssuer), Some(refresh)) => {
                let are_there = refresh.now().await;
                match self.jwt.verify(jwt) {
                    Err(TokenError::UnknownKey | TokenError::WrongIssuer) if !are_there => return Err(no_keys()),
                    claims => claims,
                }
            }
            (claims, _) => claims,
        };
        claims.map_err(|why| refused(&why))
    }
}

fn no_keys() -> ErrorBody {
    ErrorBody::new(ErrorCode::Unavailable, "the keys of the token's issuer cannot be fetched; try again")
}

fn refused(why: &TokenError) -> ErrorBody {
    ErrorBody::new(why.error_code(), why.to_string())
}

fn grant(claims: &AccessClaims) -> Grant {
    let login = claims.sid.as_deref().and_then(|sid| sid.parse().ok());
    Grant {
        expires_at: instant_of(DateTime::from_timestamp(claims.exp, 0).unwrap_or_default()),
        token_made_at: 0,
        token: Some(TokenFacts { issued_at: claims.iat, login }),
    }
}

/// The wall clock's time on the clock that only rises.
fn instant_of(time: DateTime<Utc>) -> Instant {
    let left = (time - Utc::now()).to_std().unwrap_or(Duration::ZERO);
    Instant::now() + left.min(Duration::from_secs(365 * 24 * 60 * 60))
}
