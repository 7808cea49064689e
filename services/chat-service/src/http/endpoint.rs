//! A path, its handlers, and the common part of all answers: limits, CORS, methods, caching, metrics.

use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::web::{self, JsonConfig};
use actix_web::{HttpRequest, HttpResponse, Route};
use chat_events::{ErrorBody, ErrorCode, SitePages};
use http_server::preflight;

use super::api_error::{ApiError, answer};
use super::caller::{CameFrom, ChatAddress};
use super::cors::cors;
use super::{table, unreadable};
use crate::error::Error;
use crate::state::AppState;

/// The largest body of a REST request, in bytes: a message of 10,000 characters fits, however it is escaped.
pub(crate) const MAX_BODY: usize = 128 * 1024;

/// The encodings of bodies that are understood.
const DECODED: [&str; 2] = ["gzip", "identity"];

/// A path and its handlers.
pub(crate) struct Endpoint {
    path: String,
    address: ChatAddress,
    handlers: Vec<(Method, Route)>,
    max_body: usize,
    counts: bool,
}

/// The endpoints of these routes: routes of one path are one endpoint.
pub(crate) fn endpoints(routes: Vec<table::Route>) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for table::Route { path, handlers, address, .. } in routes {
        match endpoints.iter_mut().find(|endpoint| endpoint.path == path) {
            Some(endpoint) => endpoint.handlers.extend(handlers),
            None => endpoints.push(Endpoint { path, address, handlers, max_body: MAX_BODY, counts: true }),
        }
    }
    endpoints
}

impl Endpoint {
    /// With another limit of the body, in bytes.
    pub(crate) fn accepting(self, max_body: usize) -> Self {
        Self { max_body, ..self }
    }

    /// Without a limit of how often an address may come: for gateways, which ask for all their clients.
    pub(crate) fn uncounted(self) -> Self {
        Self { counts: false, ..self }
    }

    /// As actix-web takes it, for programs, and for those of these pages that may use it; none for no page.
    pub(crate) fn into_resource(self, pages: Option<&SitePages>) -> impl actix_web::dev::HttpServiceFactory + use<> {
        let (methods, routes): (Vec<Method>, Vec<Route>) = self.handlers.into_iter().unzip();
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let allowed = HeaderValue::from_str(&format!("{}, OPTIONS", names.join(", ")))
            .unwrap_or_else(|_| HeaderValue::from_static("OPTIONS"));
        let options = allowed.clone();
        let cors = cors(pages.unwrap_or(&SitePages::default()), &self.path, methods);
        let mut resource = web::resource(self.path).app_data(json_config(self.max_body)).app_data(self.address);
        for route in routes {
            resource = resource.route(route);
        }
        resource
            .route(web::method(Method::OPTIONS).to(move || {
                std::future::ready(HttpResponse::NoContent().insert_header((header::ALLOW, options.clone())).finish())
            }))
            .default_service(web::to(move || std::future::ready(method_not_allowed(allowed.clone()))))
            .wrap(from_fn(read_encoding))
            .wrap(Condition::new(self.counts, from_fn(count)))
            // Around all that refuses: a page of another site may read why.
            .wrap(Condition::new(pages.is_some(), cors))
            .wrap(from_fn(observe))
    }
}

fn method_not_allowed(allowed: HeaderValue) -> HttpResponse {
    let mut response = answer(ErrorBody::new(ErrorCode::MethodNotAllowed, "this method is not served here"));
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// Counts the request for the address that it comes from.
async fn count(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, actix_web::Error> {
    let counted = request.app_data::<web::Data<AppState>>().map_or(Ok(()), |state| {
        let CameFrom(address) = CameFrom::of(request.request(), state.trusted_proxies);
        state.limits.request_from(address)
    });
    pass(counted, request, next).await
}

/// Refuses bodies that cannot be decoded (RFC 9110, section 8.4).
async fn read_encoding(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, actix_web::Error> {
    let is_known = |encoding: &HeaderValue| {
        encoding.to_str().is_ok_and(|name| DECODED.iter().any(|known| name.trim().eq_ignore_ascii_case(known)))
    };
    let mut encodings = request.headers().get_all(header::CONTENT_ENCODING);
    let read = match (encodings.next(), encodings.next()) {
        (None, _) => Ok(()),
        (Some(one), None) if is_known(one) => Ok(()),
        _ => {
            Err(Error::refused(ErrorCode::UnsupportedMediaType, "the body may be encoded by gzip, and by nothing else"))
        }
    };
    let mut response = pass(read, request, next).await?;
    if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // RFC 9110, section 12.5.3: the encoding that would have been good.
        response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static(DECODED[0]));
    }
    Ok(response)
}

/// Serves the request, or answers with the refusal.
async fn pass<B: MessageBody + 'static>(
    verdict: Result<(), Error>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    match verdict {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_left_body),
        Err(error) => Ok(request.into_response(answer(error.into_body())).map_into_right_body()),
    }
}

/// Counts the answer, and says that nobody keeps it, unless it says itself for how long: it has secrets or texts of
/// people.
async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let Some(state) = request.app_data::<web::Data<AppState>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    let route = request.match_pattern().unwrap_or_default();
    let method = request.method().clone();
    let mut response = preflight::in_the_one_shape(next.call(request).await?);
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    state.metrics.answered(route, method.as_str(), response.status().as_u16(), started.elapsed());
    Ok(response)
}

/// How JSON bodies are read.
pub(crate) fn json_config(max_body: usize) -> JsonConfig {
    JsonConfig::default()
        .limit(max_body)
        .error_handler(|why, _: &HttpRequest| ApiError(unreadable::json("", &why)).into())
}
