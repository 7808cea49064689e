//! What an operator's or user's JWT says.

use chat_events::{Role, UserId};
use serde::{Deserialize, Deserializer, Serialize};

/// The claims of an access token (RFC 7519). An outside issuer may leave out all but `iss`, `aud`, `sub` and `exp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who issued it.
    pub iss: String,
    /// For whom it is. Of several audiences only the first is kept.
    #[serde(deserialize_with = "one_or_first")]
    pub aud: String,
    /// The user's id as text.
    pub sub: String,
    /// Refused from then on, in seconds since 1970.
    pub exp: i64,
    /// When it was issued, in seconds since 1970.
    #[serde(default)]
    pub iat: i64,
    /// Of this token alone.
    #[serde(default)]
    pub jti: String,
    /// The name to show.
    #[serde(default)]
    pub name: String,
    /// What its bearer may do.
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
