//! Resume tickets: `r1.<key id>.<user>.<role>.<issued at>.<expires at>.<login or ->.<mark of the JWT's key>.<signature>`.
//!
//! A ticket repeats the claims of a JWT whose signature was checked, and ends when the JWT ends. It replaces the check
//! of the signature alone: whether the account is active, the login goes on and the role is still held is asked as
//! before.

use chat_events::{Role, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::verifier::LEEWAY_SECONDS;
use crate::{AccessClaims, KeyMark, SessionKeys, TokenError};

/// The prefix of a ticket; no JWT begins with it.
pub const TICKET_PREFIX: &str = "r1.";
const PURPOSE: &str = "r1";
const LEEWAY: TimeDelta = TimeDelta::seconds(LEEWAY_SECONDS.cast_signed());

/// The claims of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The owner.
    pub user_id: UserId,
    /// The role in the JWT.
    pub role: Role,
    /// When the JWT was issued, in seconds since 1970.
    pub issued_at: i64,
    /// Refused from then on, as the JWT is; in seconds since 1970.
    pub expires_at: i64,
    /// The login that the JWT came from, where it is one of this installation.
    pub login: Option<Uuid>,
    /// The key that signed the JWT. Where it is no longer accepted, the ticket is not.
    pub key: KeyMark,
}

impl Ticket {
    /// Of a JWT that was signed by that key.
    #[must_use]
    pub fn of(claims: &AccessClaims, key: KeyMark) -> Self {
        Self {
            user_id: claims.user_id(),
            role: claims.role,
            issued_at: claims.iat,
            expires_at: claims.exp,
            login: claims.sid.as_deref().and_then(|sid| sid.parse().ok()),
            key,
        }
    }

    fn read(says: &str) -> Option<Self> {
        let parts: Vec<&str> = says.split('.').collect();
        let [user_id, role, issued_at, expires_at, login, key] = parts[..] else { return None };
        Some(Self {
            user_id: user_id.parse().ok()?,
            role: Role::parse(role)?,
            issued_at: issued_at.parse().ok()?,
            expires_at: expires_at.parse().ok()?,
            login: if login == "-" { None } else { Some(login.parse().ok()?) },
            key: key.parse().ok()?,
        })
    }
}

impl SessionKeys {
    /// Signs a ticket with the first key.
    #[must_use]
    pub fn issue_ticket(&self, ticket: &Ticket) -> String {
        let Ticket { user_id, role, issued_at, expires_at, login, key } = ticket;
        let (role, login) = (role.as_str(), login.map_or_else(|| "-".to_owned(), |login| login.simple().to_string()));
        self.seal(PURPOSE, format_args!("{user_id}.{role}.{issued_at}.{expires_at}.{login}.{key}"))
    }

    /// The ticket for the next time, of an owner that has shown this one or a JWT: the same one, if the first key has signed
    /// it, else a new one.
    #[must_use]
    pub fn next_ticket(&self, shown: &str, ticket: &Ticket) -> String {
        if shown.starts_with(TICKET_PREFIX) && self.is_of_first_key(shown) {
            return shown.to_owned();
        }
        self.issue_ticket(ticket)
    }

    /// Checks a ticket, but not whether the key of its JWT is still accepted: see [`crate::JwtVerifier::accepts`].
    pub fn verify_ticket(&self, ticket: &str, now: DateTime<Utc>) -> Result<Ticket, TokenError> {
        let ticket = Ticket::read(self.unseal(PURPOSE, ticket)?).ok_or(TokenError::Malformed)?;
        // As long as the token itself.
        let end = DateTime::from_timestamp(ticket.expires_at, 0).ok_or(TokenError::Malformed)?;
        if end + LEEWAY <= now { Err(TokenError::Expired) } else { Ok(ticket) }
    }
}

#[cfg(test)]
mod tests {
    use chat_events::ChatId;

    use super::*;
    use crate::Purpose;

    const NOW: i64 = 1_800_000_000;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("a time")
    }

    fn ticket() -> Ticket {
        Ticket {
            user_id: UserId(i64::MAX),
            role: Role::Operator,
            issued_at: NOW - 300,
            expires_at: NOW + 600,
            login: Some(Uuid::from_u128(7)),
            key: KeyMark::new("switchboard", "switchboard", None, "thumbprint"),
        }
    }

    #[test]
    fn a_ticket_says_what_its_token_said_until_that_ends() {
        let keys = SessionKeys::generate().0;
        for ticket in [ticket(), Ticket { login: None, issued_at: -1, role: Role::User, ..ticket() }] {
            let text = keys.issue_ticket(&ticket);
            assert!(text.starts_with(TICKET_PREFIX));
            assert_eq!(keys.verify_ticket(&text, at(NOW)), Ok(ticket));
            assert_eq!(keys.verify_ticket(&text, at(NOW + 604)), Ok(ticket));
            assert_eq!(keys.verify_ticket(&text, at(NOW + 605)), Err(TokenError::Expired));
        }
    }

    #[test]
    fn the_next_ticket_is_of_the_first_key() {
        let old = SessionKeys::generate();
        let both = SessionKeys::parse(&format!("{},{}", SessionKeys::generate().1, old.1)).expect("two keys");
        let shown = old.0.issue_ticket(&ticket());
        assert_eq!(old.0.next_ticket(&shown, &ticket()), shown);
        let next = both.next_ticket(&shown, &both.verify_ticket(&shown, at(NOW)).expect("its key is accepted"));
        assert_eq!((next != shown, both.verify_ticket(&next, at(NOW))), (true, Ok(ticket())));
        assert_eq!(both.next_ticket(&next, &ticket()), next);
        assert_eq!(both.next_ticket("a.jwt.x", &ticket()), next);
    }

    #[test]
    fn no_character_of_a_ticket_can_be_changed() {
        let keys = SessionKeys::generate().0;
        let text = keys.issue_ticket(&ticket());
        for place in 0..text.len() {
            for other in [b'0', b'9', b'A', b'x', b'.', b'-'] {
                let mut bytes = text.clone().into_bytes();
                if bytes[place] != other {
                    bytes[place] = other;
                    let changed = String::from_utf8(bytes).expect("ASCII");
                    assert!(keys.verify_ticket(&changed, at(NOW)).is_err(), "{changed}");
                }
            }
        }
    }

    #[test]
    fn what_is_signed_for_something_else_is_no_ticket() {
        let keys = SessionKeys::generate().0;
        let token = keys.issue(Purpose::Channel, ChatId(7), at(NOW)).token;
        assert_eq!(keys.verify_ticket(&token, at(NOW)), Err(TokenError::BadSignature));
        let ticket = keys.issue_ticket(&ticket());
        assert_eq!(keys.verify(Purpose::Channel, &ticket, at(NOW)), Err(TokenError::BadSignature));
        assert_eq!(SessionKeys::generate().0.verify_ticket(&ticket, at(NOW)), Err(TokenError::UnknownKey));
        for bad in ["", "r1.", "r1.a.7", "r1.......", &"r1.".repeat(200)] {
            assert_eq!(keys.verify_ticket(bad, at(NOW)), Err(TokenError::Malformed), "{bad}");
        }
    }
}
