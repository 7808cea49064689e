//! Tokens of support sessions: `<purpose and version>.<key id>.<session>.<created at>.<lifetime>.<signature>`.
//!
//! The lifetime travels in the token: a gateway needs the keys, not the issuer's settings.

use chat_events::ChatId;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{SessionKeys, TokenError};

/// The purpose of a session token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// All that a client may do in its session.
    Channel,
    /// Only to listen, in a signed link.
    Stream,
}

impl Purpose {
    /// Whether a text says that it is a token for this; it may still be a bad one.
    #[must_use]
    pub fn is_named_in(self, token: &str) -> bool {
        token.strip_prefix(self.prefix()).is_some_and(|rest| rest.starts_with('.'))
    }

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

/// The claims of a good token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionClaims {
    /// The session that it opens.
    pub session_id: ChatId,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// Refused from then on.
    pub expires_at: DateTime<Utc>,
}

impl SessionKeys {
    /// A token for a session, signed with the first key.
    #[must_use]
    pub fn issue(&self, purpose: Purpose, session: ChatId, now: DateTime<Utc>) -> IssuedToken {
        let (created_at, lifetime) = (now.timestamp(), self.lifetime.as_secs());
        let token = self.seal(purpose.prefix(), format_args!("{session}.{created_at}.{lifetime}"));
        IssuedToken { token, expires_at: end_of(created_at, lifetime).unwrap_or(now) }
    }

    /// Checks a token.
    pub fn verify(&self, purpose: Purpose, token: &str, now: DateTime<Utc>) -> Result<SessionClaims, TokenError> {
        let parts: Vec<&str> = self.unseal(purpose.prefix(), token)?.split('.').collect();
        let [session, created_at, lifetime] = parts[..] else { return Err(TokenError::Malformed) };
        let claims = SessionClaims::read(session, created_at, lifetime).ok_or(TokenError::Malformed)?;
        if claims.expires_at <= now { Err(TokenError::Expired) } else { Ok(claims) }
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
    use std::time::Duration;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

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
