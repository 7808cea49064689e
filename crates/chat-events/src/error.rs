//! The one shape of an error: `{"error": {"code", "message", "details"}}`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What went wrong, for programs. In REST each has one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request could not be read: JSON, UTF-8, a path, a query or a frame. 400.
    BadRequest,
    /// It could be read, but a value is not acceptable; `details` names the field. 422.
    Invalid,
    /// No credentials, or not of this issuer, audience, algorithm or key. 401.
    Unauthorized,
    /// The credentials were good once. 401.
    TokenExpired,
    /// Known, but not allowed. 403.
    Forbidden,
    /// There is no such thing, or the caller may not know of it. 404.
    NotFound,
    /// The method is not served at this path. 405.
    MethodNotAllowed,
    /// It contradicts the present state. 409.
    Conflict,
    /// The cursor is of another history of the database, or of none: begin anew. 409.
    Resync,
    /// What followed the cursor is not kept any more. 410.
    Gone,
    /// Over the size limit. 413.
    TooLarge,
    /// Not `application/json`. 415.
    UnsupportedMediaType,
    /// Over a rate limit; `details.retry_after` in seconds, `details.retry_after_ms` in milliseconds. 429.
    RateLimited,
    /// A frame's `type` is not known. Only on sockets.
    UnknownType,
    /// Our fault; the log knows more. 500.
    Internal,
    /// A part that this needs does not answer; try again. 503.
    Unavailable,
}

impl ErrorCode {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::UnknownType => 400,
            Self::Unauthorized | Self::TokenExpired => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict | Self::Resync => 409,
            Self::Gone => 410,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid => 422,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// An error, as told to whoever caused it. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema, thiserror::Error)]
#[error("{message}")]
pub struct ErrorBody {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what was wrong.
    pub message: String,
    /// What else helps: `{"field": "body"}` and the like. An object, empty when there is nothing.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub details: serde_json::Map<String, serde_json::Value>,
}

impl ErrorBody {
    /// Without details.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: serde_json::Map::new() }
    }

    /// About one field.
    pub fn field(code: ErrorCode, field: &str, message: impl Into<String>) -> Self {
        Self::new(code, message).with("field", field)
    }

    /// Over a rate limit, until that time is over.
    pub fn rate_limited(message: impl Into<String>, wait: Duration) -> Self {
        Self::new(ErrorCode::RateLimited, message).retry_after(wait)
    }

    /// With the time after which to try again.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        // Rounded up: earlier is refused again.
        let millis = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1);
        self.with("retry_after", millis.div_ceil(1000)).with("retry_after_ms", millis)
    }

    /// With one more detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }
}

/// The body of every answer that is an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorEnvelope {
    /// The error.
    pub error: ErrorBody,
}
