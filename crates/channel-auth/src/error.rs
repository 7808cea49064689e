//! Why a token or a key was refused.

use chat_events::ErrorCode;

/// Why a token was refused. Says nothing of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token at all, or a token that lacks a required claim.
    #[error("the token cannot be read")]
    Malformed,
    /// Changed, made for another purpose, or signed by an algorithm that is not accepted.
    #[error("the token's signature is not valid")]
    BadSignature,
    /// Good once.
    #[error("the token has expired")]
    Expired,
    /// Not valid before a time that is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Of an issuer whose keys are not known here.
    #[error("the token's issuer is not accepted")]
    WrongIssuer,
    /// For another audience.
    #[error("the token is for another audience")]
    WrongAudience,
    /// Its key is not known here, or no longer.
    #[error("the token's key is not known")]
    UnknownKey,
}

impl TokenError {
    /// As told to the caller.
    #[must_use]
    pub fn error_code(self) -> ErrorCode {
        match self {
            Self::Expired => ErrorCode::TokenExpired,
            _ => ErrorCode::Unauthorized,
        }
    }
}

/// Why a key cannot be used. Never holds the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There must be one to sign with.
    #[error("no session key is given")]
    NoKeys,
    /// Not `id:base64url`, where an id has 1 to 16 letters or digits.
    #[error("a session key is written as id:base64url, the id with 1 to 16 ASCII letters or digits")]
    BadSessionKey,
    /// Fewer than 32 bytes can be guessed more easily than the signature.
    #[error("a session key needs at least 32 bytes")]
    ShortSessionKey,
    /// Two keys of one id: a token could not say which signed it.
    #[error("two session keys have the same id")]
    SameId,
    /// More than 24 h, or nothing.
    #[error("a session token lives for 1 second to 24 hours")]
    BadLifetime,
    /// Not an Ed25519 private key in PEM.
    #[error("the JWT key is not an Ed25519 private key in PEM (PKCS #8)")]
    BadJwtKey,
    /// Not a JWKS (RFC 7517), or without a single usable key.
    #[error("the JWKS holds no usable signing key (EdDSA, ES256 or RS256)")]
    BadJwks,
}
