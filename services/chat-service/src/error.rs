//! What can go wrong, and the one place where it becomes an answer.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use chat_events::{ErrorBody, ErrorCode, ErrorEnvelope};
use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// When to try again what failed for now.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's doing: what to tell it.
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

    /// A token that was good, of an account or a login that is over.
    pub(crate) fn not_active() -> Self {
        Self::unauthorized("the account is closed, or the login has ended")
    }

    /// Whether this named constraint was violated.
    pub(crate) fn is_violation_of(&self, constraint: &str) -> bool {
        matches!(self, Self::Constraint(name) if name == constraint)
    }

    /// What the caller is told. What is not its doing is logged here, once.
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

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(kind, information) => {
                let constraint = information.constraint_name().map(str::to_owned);
                match (kind, constraint) {
                    (
                        DatabaseErrorKind::UniqueViolation
                        | DatabaseErrorKind::ForeignKeyViolation
                        | DatabaseErrorKind::CheckViolation,
                        Some(name),
                    ) => Self::Constraint(name),
                    _ if is_outage(kind, information.message()) => Self::Unavailable(information.message().to_owned()),
                    _ => Self::Internal(information.message().to_owned()),
                }
            }
            DieselError::BrokenTransactionManager => Self::Unavailable("the connection broke".into()),
            other => Self::Internal(other.to_string()),
        }
    }
}

/// Whether PostgreSQL is away, stops, fails over or is too slow, rather than us asking for nonsense. diesel does not
/// pass on the SQLSTATE, so the words have to do.
fn is_outage(kind: DatabaseErrorKind, message: &str) -> bool {
    const OUTAGES: [&str; 7] = [
        "terminating connection",
        "canceling statement",
        "the database system is",
        "remaining connection slots",
        "sorry, too many clients",
        "deadlock detected",
        "out of memory",
    ];
    matches!(
        kind,
        DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::ReadOnlyTransaction
            | DatabaseErrorKind::SerializationFailure
    ) || OUTAGES.iter().any(|words| message.contains(words))
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(format!("the database answered in an unknown shape: {error}"))
    }
}

/// An error as an HTTP answer.
pub(crate) fn answer(body: ErrorBody) -> HttpResponse {
    let status = StatusCode::from_u16(body.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if status == StatusCode::UNAUTHORIZED {
        response.insert_header(("WWW-Authenticate", "Bearer"));
    }
    // RFC 9110, section 10.2.3: whole seconds.
    if let Some(seconds) = body.details.get("retry_after").and_then(serde_json::Value::as_u64) {
        response.insert_header((RETRY_AFTER, seconds));
    }
    response.json(ErrorEnvelope { error: body })
}

/// What actix-web sends when a handler or an extractor fails.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ApiError(pub ErrorBody);

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error.into_body())
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        answer(self.0.clone())
    }
}
