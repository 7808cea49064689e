//! Errors of the gateway's own HTTP routes, in the one shape.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError};
use chat_events::{ErrorBody, ErrorCode, ErrorEnvelope};
use http_server::preflight;

/// An error to answer with.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ApiError(#[from] pub ErrorBody);

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = retry_after(&self.0) {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.json(ErrorEnvelope { error: self.0.clone() })
    }
}

/// A preflight that actix-cors refuses by a line of text, in the one shape instead. Wraps the service that answers
/// preflights.
pub async fn refused_preflight_in_shape<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    Ok(preflight::in_the_one_shape(next.call(request).await?))
}

/// For the header `Retry-After`, which has whole seconds (RFC 9110, section 10.2.3).
#[must_use]
pub(crate) fn retry_after(error: &ErrorBody) -> Option<u64> {
    error.details.get("retry_after").and_then(serde_json::Value::as_u64)
}

/// The answer where nothing is served.
pub(crate) async fn not_found() -> Result<HttpResponse, ApiError> {
    Err(ErrorBody::new(ErrorCode::NotFound, "nothing is served at this path").into())
}

/// The answer for another method than the one that is served.
pub(crate) fn method_not_allowed(served: &str) -> Result<HttpResponse, ApiError> {
    Err(ErrorBody::new(ErrorCode::MethodNotAllowed, format!("only {served} is served at this path")).into())
}

/// The answer where there is a WebSocket, to a request that does not ask for one.
pub(crate) async fn upgrade_missing() -> Result<HttpResponse, ApiError> {
    let why = "a WebSocket is served at this path; the request has no `Connection: Upgrade` and `Upgrade: websocket`";
    Err(ErrorBody::new(ErrorCode::BadRequest, why).into())
}

/// The answer to a path or query that cannot be read.
pub(crate) fn bad_request(what: &str) -> actix_web::Error {
    ApiError(ErrorBody::new(ErrorCode::BadRequest, format!("the {what} cannot be read"))).into()
}
