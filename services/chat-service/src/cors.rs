//! Which pages of other sites may read answers (<https://fetch.spec.whatwg.org/#http-cors-protocol>).

use actix_cors::{Cors, CorsError};
use actix_web::body::EitherBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, VARY};
use chat_events::{ErrorBody, ErrorCode};

use crate::error::answer;

/// Seconds for which a browser may keep a preflight's answer.
const MAX_AGE: usize = 600;

/// What the answer to a preflight depends on.
const WHAT_IT_DEPENDS_ON: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// Continues a trace (<https://www.w3.org/TR/trace-context/>).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A preflight that actix-cors refuses by a line of text, in the one shape of errors instead.
pub(crate) fn in_the_one_shape<B>(response: ServiceResponse<B>) -> ServiceResponse<EitherBody<B>> {
    let refused = response.response().error().and_then(|error| error.as_error::<CorsError>());
    let Some(refused) = refused else { return response.map_into_left_body() };
    let body = match refused {
        CorsError::OriginNotAllowed => ErrorBody::new(ErrorCode::Forbidden, "pages of this origin are not allowed"),
        CorsError::MethodNotAllowed => {
            ErrorBody::new(ErrorCode::MethodNotAllowed, "pages of other sites may not use this method here")
        }
        CorsError::HeadersNotAllowed => {
            ErrorBody::new(ErrorCode::Forbidden, "pages of other sites may not send one of these headers")
        }
        _ => ErrorBody::new(ErrorCode::BadRequest, "the preflight could not be read"),
    };
    let (request, _) = response.into_parts();
    let mut response = answer(body);
    // It is another for another preflight.
    response.headers_mut().insert(VARY, HeaderValue::from_static(WHAT_IT_DEPENDS_ON));
    ServiceResponse::new(request, response).map_into_right_body()
}

/// The origins of the configuration; `*` stands for all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// As configured. Browsers write an origin in lower case and without a slash at its end.
    pub(crate) fn new(list: &[String]) -> Self {
        Self(list.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect())
    }

    /// Whether no page of another site may read anything.
    pub(crate) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    fn allow(&self, origin: &[u8]) -> bool {
        self.0.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin)
    }

    /// For one resource: that alone is wrapped, since other services may share the server. Nothing is authenticated by
    /// cookies, so credentials are never allowed.
    pub(crate) fn cors(&self, methods: Vec<Method>) -> Cors {
        let origins = self.clone();
        Cors::default()
            .allowed_origin_fn(move |origin, _| origins.allow(origin.as_bytes()))
            .allowed_methods(methods)
            .allowed_headers([AUTHORIZATION, CONTENT_TYPE, TRACEPARENT])
            .expose_headers([RETRY_AFTER])
            .max_age(MAX_AGE)
    }
}
