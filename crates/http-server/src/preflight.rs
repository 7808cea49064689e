//! CORS preflights that are refused.

use actix_cors::CorsError;
use actix_web::HttpResponse;
use actix_web::body::EitherBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::VARY;
use chat_events::{ErrorBody, ErrorCode, ErrorEnvelope};

/// The headers that the answer to a preflight depends on.
const WHAT_IT_DEPENDS_ON: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// A preflight that actix-cors refuses by a line of text, in the one shape of errors instead.
pub fn in_the_one_shape<B>(response: ServiceResponse<B>) -> ServiceResponse<EitherBody<B>> {
    let refused = response.response().error().and_then(|error| error.as_error::<CorsError>());
    let Some(refused) = refused else { return response.map_into_left_body() };
    let error = match refused {
        CorsError::OriginNotAllowed => ErrorBody::new(ErrorCode::Forbidden, "pages of this origin are not allowed"),
        CorsError::MethodNotAllowed => {
            ErrorBody::new(ErrorCode::MethodNotAllowed, "pages of other sites may not use this method here")
        }
        CorsError::HeadersNotAllowed => {
            ErrorBody::new(ErrorCode::Forbidden, "pages of other sites may not send one of these headers")
        }
        _ => ErrorBody::new(ErrorCode::BadRequest, "the preflight could not be read"),
    };
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // It is another for another preflight.
    let answer = HttpResponse::build(status).insert_header((VARY, WHAT_IT_DEPENDS_ON)).json(ErrorEnvelope { error });
    ServiceResponse::new(response.into_parts().0, answer).map_into_right_body()
}
