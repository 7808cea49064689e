//! The claims of an operator's or user's JWT.

use chat_events::{Role, UserId};
use serde::{Deserialize, Deserializer, Serialize};

/// The claims of an access token (RFC 7519). An outside issuer may leave out all but `iss`, `aud`, `sub` and `exp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer.
    pub iss: String,
    /// The audience. Of several audiences only the first is kept.
    #[serde(deserialize_with = "one_or_first")]
    pub aud: String,
    /// The user's id as text.
    pub sub: String,
    /// Refused from then on, in seconds since 1970.
    #[serde(deserialize_with = "whole_seconds")]
    pub exp: i64,
    /// When it was issued, in seconds since 1970.
    #[serde(default, deserialize_with = "whole_seconds")]
    pub iat: i64,
    /// Of this token alone.
    #[serde(default)]
    pub jti: String,
    /// The name to show.
    #[serde(default)]
    pub name: String,
    /// The role of its bearer.
    #[serde(default)]
    pub role: Role,
    /// The login that it comes from, so that a logout reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

impl AccessClaims {
    /// The user's id. A verified token always has one; 0, which is nobody, stands for a `sub` that is no number.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.sub.parse().unwrap_or(UserId(0))
    }
}

/// The last second of the year 9999: a time after it cannot be written.
const LAST_SECOND: i64 = 253_402_300_799;

/// A NumericDate may have a fraction (RFC 7519, section 2). It is left out: a token ends rather a little early, and counts
/// as issued rather before a logout than after it.
fn whole_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NumericDate {
        Whole(i64),
        Fraction(f64),
    }
    let seconds = match NumericDate::deserialize(deserializer)? {
        NumericDate::Whole(seconds) => seconds,
        // A number that is no i64 becomes the nearest i64.
        NumericDate::Fraction(seconds) => seconds.floor() as i64,
    };
    Ok(seconds.clamp(-LAST_SECOND, LAST_SECOND))
}

fn one_or_first<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Several(Vec<String>),
    }
    match Audience::deserialize(deserializer)? {
        Audience::One(name) => Ok(name),
        Audience::Several(names) => Ok(names.into_iter().next().unwrap_or_default()),
    }
}
