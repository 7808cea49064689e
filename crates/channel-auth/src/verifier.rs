//! Checks access tokens of every issuer whose keys it was given.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_events::UserId;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{AccessClaims, KeyError, TokenError};

/// A longer token is not looked at.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Clocks of two machines differ a little.
pub(crate) const LEEWAY_SECONDS: u64 = 5;

/// The public keys of the accepted issuers. Shared by all who check tokens; keys may be replaced at any time.
#[derive(Debug)]
pub struct JwtVerifier {
    audience: String,
    issuers: RwLock<HashMap<String, Arc<[PublicKey]>>>,
}

#[derive(Debug)]
struct PublicKey {
    mark: KeyMark,
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Stands for a public key, with its id, its issuer and the audience of its tokens: another in any of these is another mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyMark([u8; 12]);

impl KeyMark {
    pub(crate) fn new(audience: &str, issuer: &str, id: Option<&str>, thumbprint: &str) -> Self {
        let digest = Sha256::digest(json!([audience, issuer, id, thumbprint]).to_string());
        Self(digest.first_chunk().copied().unwrap_or_default())
    }
}

impl std::fmt::Display for KeyMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl std::str::FromStr for KeyMark {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed)?;
        bytes.try_into().map(Self).map_err(|_| TokenError::Malformed)
    }
}

/// The fields of an unverified header that are read, to choose the key; `jwk`, `jku` and the like are not.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct UnverifiedIssuer {
    iss: String,
}

impl JwtVerifier {
    /// Accepts nobody until keys are set.
    pub fn new(audience: impl Into<String>) -> Self {
        Self { audience: audience.into(), issuers: RwLock::default() }
    }

    /// Replaces the keys of one issuer by those of a JWKS. Keys of kinds that are not accepted are passed over; when
    /// none is left, the old ones stay.
    pub fn set_keys(&self, issuer: &str, jwks: &Value) -> Result<(), KeyError> {
        let keys = jwks.get("keys").and_then(Value::as_array).ok_or(KeyError::BadJwks)?;
        let keys: Arc<[PublicKey]> =
            keys.iter().filter_map(|key| PublicKey::from_json(key, &self.audience, issuer)).collect();
        if keys.is_empty() {
            return Err(KeyError::BadJwks);
        }
        self.issuers.write().unwrap_or_else(PoisonError::into_inner).insert(issuer.to_owned(), keys);
        Ok(())
    }

    /// Whether any issuer is accepted yet.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.issuers.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Checks the signature by the issuer's key of that id, then issuer, audience, `exp`, `nbf` and `sub`.
    pub fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
        self.verify_with_key(token).map(|(claims, _)| claims)
    }

    /// The same, and which key it was.
    pub fn verify_with_key(&self, token: &str) -> Result<(AccessClaims, KeyMark), TokenError> {
        let (header, issuer) = read_unverified(token)?;
        let keys = self.keys_of(&issuer).ok_or(TokenError::WrongIssuer)?;
        let algorithm = accepted(&header.alg).ok_or(TokenError::BadSignature)?;
        let key = choose(&keys, header.kid.as_deref(), algorithm)?;
        let token = jsonwebtoken::decode::<AccessClaims>(token, &key.key, &self.rules(algorithm, &issuer));
        let claims = token.map_err(|why| refusal(why.kind()))?.claims;
        claims.sub.parse::<UserId>().map_err(|_| TokenError::Malformed)?;
        Ok((claims, key.mark))
    }

    /// Whether a token of that key would be accepted.
    #[must_use]
    pub fn accepts(&self, key: KeyMark) -> bool {
        let issuers = self.issuers.read().unwrap_or_else(PoisonError::into_inner);
        issuers.values().flat_map(|keys| keys.iter()).any(|accepted| accepted.mark == key)
    }

    fn keys_of(&self, issuer: &str) -> Option<Arc<[PublicKey]>> {
        self.issuers.read().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned()
    }

    fn rules(&self, algorithm: Algorithm, issuer: &str) -> Validation {
        let mut rules = Validation::new(algorithm);
        rules.leeway = LEEWAY_SECONDS;
        rules.validate_nbf = true;
        rules.set_audience(&[&self.audience]);
        rules.set_issuer(&[issuer]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules
    }
}

impl PublicKey {
    fn from_json(json: &Value, audience: &str, issuer: &str) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json.clone()).ok()?;
        if matches!(&jwk.common.public_key_use, Some(purpose) if *purpose != PublicKeyUse::Signature) {
            return None;
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        let algorithm = match key.family() {
            AlgorithmFamily::Ed => Algorithm::EdDSA,
            AlgorithmFamily::Ec => Algorithm::ES256,
            AlgorithmFamily::Rsa => Algorithm::RS256,
            // A published key is no secret.
            AlgorithmFamily::Hmac => return None,
        };
        let agrees = jwk.common.key_algorithm.is_none_or(|named: KeyAlgorithm| named.to_string() == name(algorithm));
        let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
        let mark = KeyMark::new(audience, issuer, jwk.common.key_id.as_deref(), &thumbprint);
        agrees.then_some(Self { mark, id: jwk.common.key_id, algorithm, key })
    }
}

/// The algorithms that are accepted; never `none`, never HMAC.
const ACCEPTED: [Algorithm; 3] = [Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256];

fn accepted(alg: &str) -> Option<Algorithm> {
    ACCEPTED.into_iter().find(|algorithm| name(*algorithm) == alg)
}

fn name(algorithm: Algorithm) -> String {
    format!("{algorithm:?}")
}

/// The key of that id; without an id, the only key there is.
fn choose<'k>(keys: &'k [PublicKey], id: Option<&str>, algorithm: Algorithm) -> Result<&'k PublicKey, TokenError> {
    let key = match id {
        Some(id) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
        None if keys.len() == 1 => keys.first(),
        None => None,
    };
    let key = key.ok_or(TokenError::UnknownKey)?;
    if key.algorithm == algorithm { Ok(key) } else { Err(TokenError::BadSignature) }
}

fn read_unverified(token: &str) -> Result<(Header, String), TokenError> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, _signature] = parts[..] else { return Err(TokenError::Malformed) };
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Malformed);
    }
    let header: Header = from_part(header)?;
    if header.crit.is_some() {
        // RFC 7515, 4.1.11: a critical extension that is not understood must be refused. None is understood here.
        return Err(TokenError::Malformed);
    }
    Ok((header, from_part::<UnverifiedIssuer>(claims)?.iss))
}

fn from_part<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}

fn refusal(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYetValid,
        ErrorKind::InvalidIssuer => TokenError::WrongIssuer,
        ErrorKind::InvalidAudience => TokenError::WrongAudience,
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => TokenError::BadSignature,
        _ => TokenError::Malformed,
    }
}
