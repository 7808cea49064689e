//! Tokens that this service hands out and checks: of sessions, of accounts, and visitors' secrets.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use channel_auth::{AccessClaims, JwtIssuer, JwtVerifier, Purpose, Role, SessionClaims, SessionKeys};
use chat_events::gateway_api::TokenFacts;
use chat_events::{ChatId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngCore;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::accounts::users::LockedUser;
use crate::config::{AuthConfig, ConfigError};
use crate::error::Error;

/// Keys and lifetimes.
pub(crate) struct Tokens {
    session_keys: SessionKeys,
    issuer: JwtIssuer,
    verifier: JwtVerifier,
    refresh_lifetime: TimeDelta,
    refresh_grace: Duration,
    public_url: String,
}

/// The token that a client connects with.
#[derive(Debug)]
pub(crate) struct ChannelToken {
    pub(crate) token: String,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) stream_url: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// The bearer of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// The client of a session.
    Client(BearerClient),
    /// An account.
    User(BearerUser),
}

/// A client, as its session token tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BearerClient {
    pub(crate) session: ChatId,
    /// When the token was made, in seconds since 1970.
    pub(crate) token_made_at: i64,
}

impl From<SessionClaims> for BearerClient {
    fn from(claims: SessionClaims) -> Self {
        Self { session: claims.session_id, token_made_at: claims.created_at.timestamp() }
    }
}

/// An account, as its access token tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BearerUser {
    pub(crate) id: UserId,
    /// The role that it had at the time.
    pub(crate) role: Role,
    /// To be held against logouts.
    pub(crate) token: TokenFacts,
}

impl From<AccessClaims> for BearerUser {
    fn from(claims: AccessClaims) -> Self {
        let login = claims.sid.as_deref().and_then(|sid| sid.parse().ok());
        let token = TokenFacts { issued_at: claims.iat, login };
        Self { id: claims.user_id(), role: claims.role, token }
    }
}

impl Tokens {
    pub(crate) fn new(config: &AuthConfig, public_url: Option<&str>) -> Result<Self, ConfigError> {
        let issuer = config.jwt_issuer()?;
        Ok(Self {
            session_keys: config.session_keys()?,
            verifier: config.jwt_verifier(&issuer)?,
            issuer,
            refresh_grace: config.refresh_grace,
            refresh_lifetime: TimeDelta::from_std(config.refresh_ttl).unwrap_or(TimeDelta::days(30)),
            public_url: public_url.unwrap_or_default().trim_end_matches('/').to_owned(),
        })
    }

    /// The secret of the visitor who opens a session with this id.
    pub(crate) fn secrets_of_opening(&self, id: Uuid) -> OpeningSecrets {
        let mut secrets = self.session_keys.visitor_secrets(id);
        let now = secrets.next().map_or_else(OpaqueSecret::generate, OpaqueSecret::from);
        OpeningSecrets { now, before: secrets.collect() }
    }

    /// A session token and a signed link to listen by.
    pub(crate) fn channel(&self, session: ChatId) -> ChannelToken {
        let now = Utc::now();
        let channel = self.session_keys.issue(Purpose::Channel, session, now);
        let stream = self.session_keys.issue(Purpose::Stream, session, now);
        let stream_url = format!("{}/chat/{session}/stream?sig={}", self.public_url, stream.token);
        ChannelToken { token: channel.token, expires_at: channel.expires_at, stream_url, created_at: now }
    }

    /// The public address, without a slash at its end, if it is known.
    pub(crate) fn public_url(&self) -> Option<&str> {
        Some(self.public_url.as_str()).filter(|url| !url.is_empty())
    }

    /// The path of the public address, without a slash at its end.
    pub(crate) fn public_path(&self) -> &str {
        let rest = self.public_url.split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/').map_or("", |slash| &rest[slash..])
    }

    /// Whether browsers come by TLS, as far as the public address tells.
    pub(crate) fn is_public_over_tls(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The bearer of this token. A JWT has three parts (RFC 7515), a session token more.
    pub(crate) fn verify(&self, token: &str) -> Result<Bearer, Error> {
        let bearer = if token.split('.').count() == 3 {
            self.verifier.verify(token).map(|claims| Bearer::User(claims.into()))
        } else {
            let claims = self.session_keys.verify(Purpose::Channel, token, Utc::now());
            claims.map(|claims| Bearer::Client(claims.into()))
        };
        bearer.map_err(|error| Error::refused(error.error_code(), error.to_string()))
    }

    /// A short-lived token for an account, and its lifetime in seconds.
    pub(crate) fn access(&self, login: &LockedUser, family: Uuid) -> (String, i64) {
        let user = &login.user;
        let lifetime = i64::try_from(self.issuer.access_lifetime.as_secs()).unwrap_or(i64::MAX / 2);
        let claims = AccessClaims {
            iss: self.issuer.issuer.clone(),
            aud: self.issuer.audience.clone(),
            sub: user.id.to_string(),
            exp: Utc::now().timestamp() + lifetime,
            iat: login.issued_at,
            jti: Uuid::new_v4().to_string(),
            name: user.name.clone(),
            role: user.role.0,
            sid: Some(family.to_string()),
        };
        (self.issuer.sign(&claims), lifetime)
    }

    /// When a refresh token handed out now ends.
    pub(crate) fn refresh_expiry(&self) -> DateTime<Utc> {
        Utc::now() + self.refresh_lifetime
    }

    /// For how long after its first use one may be traded again.
    pub(crate) fn refresh_grace(&self) -> Duration {
        self.refresh_grace
    }

    /// The public keys, for gateways.
    pub(crate) fn jwks(&self) -> Value {
        self.issuer.jwks()
    }
}

/// A secret that only its bearer has; here only its hash is kept. At 256 random bits a plain SHA-256 is enough.
#[derive(Clone)]
pub(crate) struct OpaqueSecret {
    pub(crate) text: String,
    pub(crate) hash: Vec<u8>,
}

impl OpaqueSecret {
    pub(crate) fn generate() -> Self {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self::from(URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl From<String> for OpaqueSecret {
    fn from(text: String) -> Self {
        Self { hash: hash(&text), text }
    }
}

/// The secrets by which a visitor may prove that it has opened a session.
pub(crate) struct OpeningSecrets {
    /// The one that it is given.
    pub(crate) now: OpaqueSecret,
    /// Those that it was given while other keys were the first.
    before: Vec<String>,
}

impl OpeningSecrets {
    /// There is no other.
    pub(crate) fn only(now: OpaqueSecret) -> Self {
        Self { now, before: Vec::new() }
    }

    /// All of them, the present one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.now.text).chain(&self.before)
    }
}

/// As stored.
pub(crate) fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Compares hashes in constant time.
pub(crate) fn matches(secret: &str, stored_hash: &[u8]) -> bool {
    hash(secret).ct_eq(stored_hash).into()
}
