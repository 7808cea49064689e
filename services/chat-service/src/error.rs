//! Failures, and the answers to the caller.

use std::time::Duration;

use chat_events::{ErrorBody, ErrorCode};

/// When to try again after a passing failure.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's doing: the answer to it.
    #[error("{0}")]
    Refused(ErrorBody),
    /// There is more to do than can be done; the words are for the caller.
    #[error("{0}")]
    Busy(&'static str),
    /// PostgreSQL does not answer; the words are for the log.
    #[error("the database is away: {0}")]
    Unavailable(String),
    /// A named constraint was violated.
    #[error("the constraint {0} was violated")]
    Constraint(String),
    /// Our fault; the words are for the log.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// A refusal with a code.
    pub(crate) fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Refused(ErrorBody::new(code, message))
    }

    /// A refusal about one field.
    pub(crate) fn field(code: ErrorCode, field: &str, message: impl Into<String>) -> Self {
        Self::Refused(ErrorBody::field(code, field, message))
    }

    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::field(ErrorCode::Invalid, field, message)
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self::refused(ErrorCode::NotFound, message)
    }

    pub(crate) fn forbidden(message: &str) -> Self {
        Self::refused(ErrorCode::Forbidden, message)
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::refused(ErrorCode::Unauthorized, message)
    }

    /// A visitor whose site wants to know who it is.
    pub(crate) fn unproved() -> Self {
        let body = ErrorBody::new(ErrorCode::Forbidden, "the site lets in only visitors whose identity it has signed");
        Self::Refused(body.with("identity", "required"))
    }

    /// A token that was good, of an account or a login that is over.
    pub(crate) fn not_active() -> Self {
        Self::unauthorized("the account is closed, or the login has ended")
    }

    /// The work that was asked of PostgreSQL may have been done all the same.
    pub(crate) fn no_answer() -> Self {
        Self::Unavailable("PostgreSQL does not answer".into())
    }

    /// Whether this named constraint was violated.
    pub(crate) fn is_violation_of(&self, constraint: &str) -> bool {
        matches!(self, Self::Constraint(name) if name == constraint)
    }

    /// The answer to the caller. A failure that is not its doing is logged here, once.
    #[must_use]
    pub fn into_body(self) -> ErrorBody {
        match self {
            Self::Refused(body) => body,
            Self::Constraint(name) => violation(&name),
            Self::Busy(why) => ErrorBody::new(ErrorCode::Unavailable, why).retry_after(AGAIN_AFTER),
            Self::Unavailable(why) => {
                tracing::warn!(%why, "the database is away");
                ErrorBody::new(ErrorCode::Unavailable, "try again in a moment").retry_after(AGAIN_AFTER)
            }
            Self::Internal(why) => {
                tracing::error!(%why, "a request failed");
                ErrorBody::new(ErrorCode::Internal, "something went wrong on our side")
            }
        }
    }
}

/// Named constraints that a caller can run into.
fn violation(constraint: &str) -> ErrorBody {
    match constraint {
        "sites_key_unique" => ErrorBody::field(ErrorCode::Conflict, "key", "this key is taken"),
        "users_email_unique" => ErrorBody::field(ErrorCode::Conflict, "email", "this address is taken"),
        "messages_client_id_unique" => {
            ErrorBody::field(ErrorCode::Conflict, "client_id", "this client_id was used already")
        }
        other => {
            tracing::error!(constraint = other, "a constraint was violated");
            ErrorBody::new(ErrorCode::Internal, "something went wrong on our side")
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(format!("the database answered in an unknown shape: {error}"))
    }
}
