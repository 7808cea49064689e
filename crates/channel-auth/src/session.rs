//! Tokens of support sessions: `<purpose and version>.<key id>.<session>.<created at>.<lifetime>.<signature>`.
//!
//! The signature is HMAC-SHA256 over all that stands before it, so a token can be neither changed nor used for another
//! purpose. The lifetime travels in the token: a gateway needs the keys, not the issuer's settings.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_events::ChatId;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use rand::RngCore;
use sha2::Sha256;

use crate::{KeyError, TokenError};

/// Longer than any token; what is longer is not looked at.
const MAX_TOKEN_BYTES: usize = 256;
/// Of HMAC-SHA256.
const SIGNATURE_BYTES: usize = 32;
const MIN_KEY_BYTES: usize = 32;
const MAX_KEY_ID_BYTES: usize = 16;

/// What a session token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// All that a client may do in its session.
    Channel,
    /// Only to listen, in a signed link.
    Stream,
}

impl Purpose {
    fn prefix(self) -> &'static str {
        match self {
            Self::Channel => "c1",
            Self::Stream => "s1",
        }
    }
}

/// A new token and when it ends.
#[derive(Clone)]
pub struct IssuedToken {
    /// To be given to the client, and to nobody else.
    pub token: String,
    /// Refused from then on.
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What a good token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionClaims {
    /// The session that it opens.
    pub session_id: ChatId,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// Refused from then on.
    pub expires_at: DateTime<Utc>,
}

/// The keys that sign and check session tokens. The first signs; the others are still accepted, for rotation.
#[derive(Clone)]
pub struct SessionKeys {
    keys: Vec<SessionKey>,
    lifetime: Duration,
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

    /// A token for a session, signed with the first key.
    #[must_use]
    pub fn issue(&self, purpose: Purpose, session: ChatId, now: DateTime<Utc>) -> IssuedToken {
        let key = &self.keys[0];
        let (created_at, lifetime) = (now.timestamp(), self.lifetime.as_secs());
        let claims = format!("{}.{}.{session}.{created_at}.{lifetime}", purpose.prefix(), key.id);
        let signature = URL_SAFE_NO_PAD.encode(key.sign(&claims).finalize().into_bytes());
        IssuedToken { token: format!("{claims}.{signature}"), expires_at: end_of(created_at, lifetime).unwrap_or(now) }
    }

    /// Checks a token. The signature is compared in constant time, before anything that it covers is believed.
    pub fn verify(&self, purpose: Purpose, token: &str, now: DateTime<Utc>) -> Result<SessionClaims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let (claims, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let parts: Vec<&str> = claims.split('.').collect();
        let [prefix, key_id, session, created_at, lifetime] = parts[..] else { return Err(TokenError::Malformed) };
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        if signature.len() != SIGNATURE_BYTES {
            return Err(TokenError::Malformed);
        }
        let key = self.keys.iter().find(|key| key.id == key_id).ok_or(TokenError::UnknownKey)?;
        key.sign(claims).verify_slice(&signature).map_err(|_| TokenError::BadSignature)?;
        if prefix != purpose.prefix() {
            return Err(TokenError::BadSignature);
        }
        let claims = SessionClaims::read(session, created_at, lifetime).ok_or(TokenError::Malformed)?;
        if claims.expires_at <= now { Err(TokenError::Expired) } else { Ok(claims) }
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

impl SessionClaims {
    /// Of a token whose signature is good. Another build may have signed a longer life than is allowed here.
    fn read(session: &str, created_at: &str, lifetime: &str) -> Option<Self> {
        let created_at: i64 = created_at.parse().ok()?;
        let lifetime = lifetime.parse::<u64>().ok()?.min(SessionKeys::MAX_LIFETIME.as_secs());
        Some(Self {
            session_id: session.parse().ok()?,
            created_at: DateTime::from_timestamp(created_at, 0)?,
            expires_at: end_of(created_at, lifetime)?,
        })
    }
}

fn end_of(created_at: i64, lifetime: u64) -> Option<DateTime<Utc>> {
    let lifetime = TimeDelta::try_seconds(i64::try_from(lifetime).ok()?)?;
    DateTime::from_timestamp(created_at, 0)?.checked_add_signed(lifetime)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: ChatId = ChatId(42);

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
    }

    fn key(id: &str, byte: u8) -> String {
        format!("{id}:{}", URL_SAFE_NO_PAD.encode([byte; 32]))
    }

    #[test]
    fn a_token_is_good_until_its_time_is_over() {
        let keys = SessionKeys::generate().0.with_lifetime(Duration::from_secs(60)).expect("a lifetime");
        let issued = keys.issue(Purpose::Channel, SESSION, now());
        assert_eq!(issued.expires_at, now() + TimeDelta::seconds(60));
        let claims = keys.verify(Purpose::Channel, &issued.token, now()).expect("a good token");
        assert_eq!((claims.session_id, claims.created_at, claims.expires_at), (SESSION, now(), issued.expires_at));
        let verify_at = |time| keys.verify(Purpose::Channel, &issued.token, time);
        assert!(verify_at(issued.expires_at - TimeDelta::seconds(1)).is_ok());
        assert_eq!(verify_at(issued.expires_at), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_lives_a_day_at_most() {
        let keys = SessionKeys::generate().0;
        assert_eq!(keys.issue(Purpose::Channel, SESSION, now()).expires_at, now() + TimeDelta::hours(24));
        assert!(keys.clone().with_lifetime(Duration::from_secs(24 * 60 * 60 + 1)).is_err());
        assert!(keys.with_lifetime(Duration::from_millis(999)).is_err());
    }

    #[test]
    fn no_character_of_a_token_can_be_changed() {
        let keys = SessionKeys::generate().0;
        let token = keys.issue(Purpose::Channel, SESSION, now()).token;
        for at in 0..token.len() {
            for other in [b'0', b'9', b'A', b'x', b'.', b'-'] {
                let mut bytes = token.clone().into_bytes();
                if bytes[at] == other {
                    continue;
                }
                bytes[at] = other;
                let changed = String::from_utf8(bytes).expect("ASCII");
                assert!(keys.verify(Purpose::Channel, &changed, now()).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        let keys = SessionKeys::generate().0;
        let token = keys.issue(Purpose::Channel, SESSION, now()).token;
        for bad in ["", ".", "......", "c1.a.1.2.3", &token[..token.len() - 1], &format!("{token}.x"), &"a".repeat(300)]
        {
            assert_eq!(keys.verify(Purpose::Channel, bad, now()), Err(TokenError::Malformed), "{bad}");
        }
    }

    #[test]
    fn a_token_serves_one_purpose() {
        let keys = SessionKeys::generate().0;
        let link = keys.issue(Purpose::Stream, SESSION, now()).token;
        assert_eq!(keys.verify(Purpose::Channel, &link, now()), Err(TokenError::BadSignature));
        let renamed = link.replacen("s1", "c1", 1);
        assert_eq!(keys.verify(Purpose::Channel, &renamed, now()), Err(TokenError::BadSignature));
    }

    #[test]
    fn a_key_is_rotated_without_refusing_the_tokens_of_the_old_one() {
        let old = SessionKeys::parse(&key("a", 1)).expect("a key");
        let both = SessionKeys::parse(&format!("{}, {}", key("b", 2), key("a", 1))).expect("two keys");
        let new = SessionKeys::parse(&key("b", 2)).expect("a key");
        let before = old.issue(Purpose::Channel, SESSION, now()).token;
        let after = both.issue(Purpose::Channel, SESSION, now()).token;
        assert!(both.verify(Purpose::Channel, &before, now()).is_ok());
        assert!(new.verify(Purpose::Channel, &after, now()).is_ok());
        assert_eq!(new.verify(Purpose::Channel, &before, now()), Err(TokenError::UnknownKey));
    }

    #[test]
    fn another_key_of_the_same_id_refuses() {
        let one = SessionKeys::parse(&key("a", 1)).expect("a key");
        let other = SessionKeys::parse(&key("a", 2)).expect("a key");
        let token = one.issue(Purpose::Channel, SESSION, now()).token;
        assert_eq!(other.verify(Purpose::Channel, &token, now()), Err(TokenError::BadSignature));
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

    #[test]
    fn a_generated_key_reads_back_and_is_never_shown() {
        let (keys, text) = SessionKeys::generate();
        let read = SessionKeys::parse(&text).expect("what generate wrote");
        let issued = keys.issue(Purpose::Stream, SESSION, now());
        assert!(read.verify(Purpose::Stream, &issued.token, now()).is_ok());
        let secret = text.split_once(':').expect("id:key").1;
        assert!(!format!("{keys:?}{issued:?}").contains(secret));
        assert!(!format!("{issued:?}").contains(&issued.token));
    }
}
