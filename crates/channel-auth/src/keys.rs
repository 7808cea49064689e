//! The keys that all services share, and the form of the tokens that they sign:
//! `<purpose and version>.<key id>.<what it says>.<signature>`.
//!
//! The signature is HMAC-SHA256 over all that stands before it, the purpose with it: nothing that was signed for one purpose
//! is good for another.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rand::RngCore;
use sha2::Sha256;
use uuid::Uuid;

use crate::{KeyError, TokenError};

/// Longer than any token that is signed here; a longer text is not looked at.
const MAX_TOKEN_BYTES: usize = 256;
/// Of HMAC-SHA256.
const SIGNATURE_BYTES: usize = 32;
const MIN_KEY_BYTES: usize = 32;
const MAX_KEY_ID_BYTES: usize = 16;

/// The keys that sign and check session tokens and resume tickets. The first signs; the others are still accepted, for rotation.
#[derive(Clone)]
pub struct SessionKeys {
    keys: Vec<SessionKey>,
    /// Of session tokens.
    pub(crate) lifetime: Duration,
}

#[derive(Clone)]
struct SessionKey {
    id: String,
    /// Holds the key already mixed in, so that each signature starts from here.
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|key| key.id.as_str()).collect();
        f.debug_struct("SessionKeys").field("ids", &ids).field("lifetime", &self.lifetime).finish()
    }
}

impl SessionKeys {
    /// The longest life of a token.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

    /// Reads `id:base64url,id2:base64url`, each key of at least 32 bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let keys = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(SessionKey::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(KeyError::NoKeys);
        }
        let same_id = |(at, key): (usize, &SessionKey)| keys[..at].iter().any(|other| other.id == key.id);
        if keys.iter().enumerate().any(same_id) {
            return Err(KeyError::SameId);
        }
        Ok(Self { keys, lifetime: Self::MAX_LIFETIME })
    }

    /// A new random key, and the text that [`Self::parse`] reads it back from.
    #[must_use]
    pub fn generate() -> (Self, String) {
        let mut bytes = [0; MIN_KEY_BYTES];
        rand::rng().fill_bytes(&mut bytes);
        let id = format!("{:08x}", rand::rng().next_u32());
        let text = format!("{id}:{}", URL_SAFE_NO_PAD.encode(bytes));
        (Self::parse(&text).expect("what was just written"), text)
    }

    /// Tokens issued from now on live that long, in whole seconds: 1 second to 24 hours.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Result<Self, KeyError> {
        if lifetime.as_secs() == 0 || lifetime > Self::MAX_LIFETIME {
            return Err(KeyError::BadLifetime);
        }
        self.lifetime = lifetime;
        Ok(self)
    }

    /// Signs content for a purpose, with the first key.
    pub(crate) fn seal(&self, purpose: &str, says: std::fmt::Arguments<'_>) -> String {
        let key = &self.keys[0];
        let mut sealed = format!("{purpose}.{}.{says}", key.id);
        let signature = key.sign(&sealed).finalize().into_bytes();
        sealed.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut sealed);
        sealed
    }

    /// A secret for what has this id, by each key, the first key first: nobody can tell it without that key. Each time the same, and
    /// with the id not in it.
    pub fn visitor_secrets(&self, id: Uuid) -> impl Iterator<Item = String> {
        let signed = format!("v1.{id}");
        self.keys.iter().map(move |key| URL_SAFE_NO_PAD.encode(key.sign(&signed).finalize().into_bytes()))
    }

    /// Whether the first key has signed this, which is known to be good.
    pub(crate) fn is_of_first_key(&self, sealed: &str) -> bool {
        sealed.split('.').nth(1) == Some(&self.keys[0].id)
    }

    /// The content that was signed for that purpose. The signature is compared in constant time, before anything that
    /// it covers is believed.
    pub(crate) fn unseal<'t>(&self, purpose: &str, token: &'t str) -> Result<&'t str, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let (sealed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let mut parts = sealed.splitn(3, '.');
        let (Some(prefix), Some(key_id), Some(says)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(TokenError::Malformed);
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        if signature.len() != SIGNATURE_BYTES {
            return Err(TokenError::Malformed);
        }
        let key = self.keys.iter().find(|key| key.id == key_id).ok_or(TokenError::UnknownKey)?;
        key.sign(sealed).verify_slice(&signature).map_err(|_| TokenError::BadSignature)?;
        if prefix == purpose { Ok(says) } else { Err(TokenError::BadSignature) }
    }
}

impl SessionKey {
    fn parse(text: &str) -> Result<Self, KeyError> {
        let (id, key) = text.split_once(':').ok_or(KeyError::BadSessionKey)?;
        let good_id = (1..=MAX_KEY_ID_BYTES).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if !good_id {
            return Err(KeyError::BadSessionKey);
        }
        let key = URL_SAFE_NO_PAD.decode(key.trim_end_matches('=')).map_err(|_| KeyError::BadSessionKey)?;
        if key.len() < MIN_KEY_BYTES {
            return Err(KeyError::ShortSessionKey);
        }
        let mac = Hmac::new_from_slice(&key).expect("HMAC takes a key of any length");
        Ok(Self { id: id.to_owned(), mac })
    }

    fn sign(&self, claims: &str) -> Hmac<Sha256> {
        self.mac.clone().chain_update(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, byte: u8) -> String {
        format!("{id}:{}", URL_SAFE_NO_PAD.encode([byte; 32]))
    }

    #[test]
    fn what_was_signed_for_one_purpose_is_good_for_no_other() {
        let keys = SessionKeys::generate().0;
        let sealed = keys.seal("a1", format_args!("x.y"));
        assert_eq!(keys.unseal("a1", &sealed), Ok("x.y"));
        assert_eq!(keys.unseal("b1", &sealed), Err(TokenError::BadSignature));
        assert_eq!(keys.unseal("b1", &sealed.replacen("a1", "b1", 1)), Err(TokenError::BadSignature));
    }

    #[test]
    fn keys_are_checked_when_they_are_read() {
        let short = format!("a:{}", URL_SAFE_NO_PAD.encode([1; 31]));
        let twice = format!("{},{}", key("a", 1), key("a", 2));
        let cases = [
            (" , ", KeyError::NoKeys),
            ("abc", KeyError::BadSessionKey),
            ("a.b:AAAA", KeyError::BadSessionKey),
            ("a:!", KeyError::BadSessionKey),
            (&short, KeyError::ShortSessionKey),
            (&twice, KeyError::SameId),
        ];
        for (text, why) in cases {
            assert_eq!(SessionKeys::parse(text).err(), Some(why), "{text}");
        }
    }
}
