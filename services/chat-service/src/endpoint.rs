//! A path, its handlers, and what every answer has in common: the limit of the body, CORS, methods, metrics.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::web::{self, JsonConfig};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, Route};
use chat_events::{ErrorBody, ErrorCode};

use crate::cors::Origins;
use crate::error::{Answer, answer};
use crate::state::AppState;
use crate::unreadable;

/// The largest body of a REST request, in bytes: a message of 10,000 characters fits, however it is escaped.
pub(crate) const MAX_BODY: usize = 128 * 1024;

/// A path and what it serves.
pub(crate) struct Endpoint {
    path: &'static str,
    routes: Vec<Route>,
    methods: Vec<Method>,
    max_body: usize,
}

/// An endpoint that serves nothing yet.
pub(crate) fn at(path: &'static str) -> Endpoint {
    Endpoint { path, routes: vec![], methods: vec![], max_body: MAX_BODY }
}

impl Endpoint {
    /// GET, and HEAD with it.
    pub(crate) fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler.clone()).on(Method::HEAD, handler)
    }

    /// DELETE.
    pub(crate) fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::DELETE, handler)
    }

    /// PATCH.
    pub(crate) fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::PATCH, handler)
    }

    /// POST.
    pub(crate) fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::POST, handler)
    }

    fn on<F, Args>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.routes.push(web::method(method.clone()).to(handler));
        self.methods.push(method);
        self
    }

    /// With another limit of the body, in bytes.
    pub(crate) fn accepting(self, max_body: usize) -> Self {
        Self { max_body, ..self }
    }

    /// As actix-web takes it, for pages of these origins and for programs.
    pub(crate) fn into_resource(self, origins: &Origins) -> impl actix_web::dev::HttpServiceFactory + use<> {
        let names: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        let allowed = HeaderValue::from_str(&format!("{}, OPTIONS", names.join(", ")))
            .unwrap_or_else(|_| HeaderValue::from_static("OPTIONS"));
        let options = allowed.clone();
        let mut resource = web::resource(self.path).app_data(json_config(self.max_body));
        for route in self.routes {
            resource = resource.route(route);
        }
        resource
            .route(web::method(Method::OPTIONS).to(move || {
                std::future::ready(HttpResponse::NoContent().insert_header((header::ALLOW, options.clone())).finish())
            }))
            .default_service(web::to(move || std::future::ready(method_not_allowed(allowed.clone()))))
            .wrap(Condition::new(!origins.are_none(), origins.cors(self.methods)))
            .wrap(from_fn(observe))
    }
}

fn method_not_allowed(allowed: HeaderValue) -> HttpResponse {
    let mut response = answer(ErrorBody::new(ErrorCode::MethodNotAllowed, "this method is not served here"));
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// Counts the answer.
async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let Some(state) = request.app_data::<web::Data<AppState>>().cloned() else { return next.call(request).await };
    let route = request.match_pattern().unwrap_or_default();
    let method = request.method().clone();
    let response = next.call(request).await?;
    state.metrics.answered(route, method.as_str(), response.status().as_u16(), started.elapsed());
    Ok(response)
}

/// How JSON bodies are read.
pub(crate) fn json_config(max_body: usize) -> JsonConfig {
    JsonConfig::default().limit(max_body).error_handler(|why, _: &HttpRequest| Answer(unreadable::json(&why)).into())
}
