//! Errors as answers.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use chat_events::{ErrorBody, ErrorCode, ErrorEnvelope};

use crate::error::Error;

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

/// The error that actix-web sends when a handler or an extractor fails.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ApiError(pub(crate) ErrorBody);

impl ApiError {
    /// Where nothing else is known.
    pub(super) fn unread() -> Self {
        Self(ErrorBody::new(ErrorCode::BadRequest, "the request could not be read"))
    }
}

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
