//! Signs access tokens with Ed25519 and publishes the public key as a JWKS (RFC 7517).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rand::RngCore;
use serde_json::{Value, json};

use crate::{AccessClaims, KeyError};

/// The bytes before the 32 of an Ed25519 private key in PKCS #8 (RFC 8410, section 7).
const PKCS8_ED25519: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// Signs access tokens.
#[derive(Clone)]
pub struct JwtIssuer {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `aud` of its tokens.
    pub audience: String,
    /// How long its tokens should live: for the caller, who fills in `exp`. 15 minutes unless set.
    pub access_lifetime: Duration,
    key: EncodingKey,
    header: Header,
    public: Value,
}

impl std::fmt::Debug for JwtIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtIssuer")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("kid", &self.header.kid)
            .finish_non_exhaustive()
    }
}

impl JwtIssuer {
    /// From an Ed25519 private key in PEM, as `openssl genpkey -algorithm ed25519` writes it.
    pub fn from_pem(pem: &str, issuer: impl Into<String>, audience: impl Into<String>) -> Result<Self, KeyError> {
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| KeyError::BadJwtKey)?;
        let jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).map_err(|_| KeyError::BadJwtKey)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyError::BadJwtKey)?;
        let mut public = serde_json::to_value(jwk).map_err(|_| KeyError::BadJwtKey)?;
        public["kid"] = kid.as_str().into();
        public["use"] = "sig".into();
        let header = Header { kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
        let access_lifetime = Duration::from_secs(15 * 60);
        Ok(Self { issuer: issuer.into(), audience: audience.into(), access_lifetime, key, header, public })
    }

    /// A new random key under the names `switchboard`, and the PEM text that [`Self::from_pem`] reads it back from.
    #[must_use]
    pub fn generate() -> (Self, String) {
        let mut der = [0; 48];
        der[..16].copy_from_slice(&PKCS8_ED25519);
        rand::rng().fill_bytes(&mut der[16..]);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
        let issuer = Self::from_pem(&pem, "switchboard", "switchboard").expect("what was just written");
        (issuer, pem)
    }

    /// Tokens should live that long.
    #[must_use]
    pub fn with_access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_lifetime = lifetime;
        self
    }

    /// A signed token.
    #[must_use]
    pub fn sign(&self, claims: &AccessClaims) -> String {
        jsonwebtoken::encode(&self.header, claims, &self.key).expect("a checked key signs any claims")
    }

    /// The public key, for [`crate::JwtVerifier::set_keys`] and `/.well-known/jwks.json`.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.public] })
    }
}
