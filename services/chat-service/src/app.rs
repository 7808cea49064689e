//! The routes, and what every answer has in common: the shape of errors, CORS (`cors`), metrics.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::web::{self, JsonConfig, PathConfig, QueryConfig, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, Route};
use chat_events::{ErrorBody, ErrorCode};

use crate::api;
use crate::cors::Origins;
use crate::error::{Answer, answer};
use crate::state::AppState;

/// The largest body of a REST request, in bytes: a message of 10,000 characters fits, however it is escaped.
const MAX_BODY: usize = 128 * 1024;

/// The largest body of a request by a gateway, in bytes: it asks for many chats at once.
const MAX_INTERNAL_BODY: usize = 4 * 1024 * 1024;

/// All routes. What matches none of them is for the server's default service; see [`not_found`].
pub fn configure(state: AppState) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(web::Data::new(state.clone()))
            .app_data(json_config(MAX_BODY))
            .app_data(QueryConfig::default().error_handler(|why, _| Answer(bad_query(&why)).into()))
            .app_data(PathConfig::default().error_handler(|why, _| Answer(bad_path(&why)).into()));
        for endpoint in api::endpoints() {
            config.service(endpoint.into_resource(&state.allowed_origins));
        }
        if state.internal_secret.is_some() {
            for endpoint in api::internal_endpoints() {
                config.service(endpoint.accepting(MAX_INTERNAL_BODY).into_resource(&Origins::default()));
            }
        }
        api::documents(config, &state.allowed_origins);
    }
}

/// The answer where no route matches.
pub async fn not_found() -> HttpResponse {
    answer(ErrorBody::new(ErrorCode::NotFound, "there is nothing at this path"))
}

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
    fn accepting(self, max_body: usize) -> Self {
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

fn json_config(max_body: usize) -> JsonConfig {
    JsonConfig::default().limit(max_body).error_handler(|why, _: &HttpRequest| Answer(bad_json(&why)).into())
}

fn bad_json(why: &JsonPayloadError) -> ErrorBody {
    match why {
        JsonPayloadError::OverflowKnownLength { limit, .. } | JsonPayloadError::Overflow { limit } => {
            ErrorBody::new(ErrorCode::TooLarge, "the body is too large").with("limit", *limit)
        }
        JsonPayloadError::ContentType => {
            ErrorBody::new(ErrorCode::UnsupportedMediaType, "the body must be application/json")
        }
        JsonPayloadError::Deserialize(why) if why.is_data() => bad_value(&why.to_string()),
        JsonPayloadError::Deserialize(why) => {
            let (line, column) = (why.line(), why.column());
            ErrorBody::new(ErrorCode::BadRequest, format!("the body is not JSON: line {line}, column {column}"))
        }
        _ => ErrorBody::new(ErrorCode::BadRequest, "the body could not be read"),
    }
}

/// serde's words about a value, without the value: it may be a password in the wrong place. Between backquotes it
/// names the field.
fn bad_value(words: &str) -> ErrorBody {
    let words = words.split(" at line ").next().unwrap_or_default();
    let words = match (words.split_once(": string "), words.rsplit_once(", expected ")) {
        (Some((kind, _)), Some((_, expected))) => format!("{kind}: a string, expected {expected}"),
        _ => words.chars().take(200).collect(),
    };
    let field = words.contains(" field `").then(|| words.split('`').nth(1)).flatten().map(str::to_owned);
    let body = ErrorBody::new(ErrorCode::Invalid, words);
    match field {
        Some(field) => body.with("field", field),
        None => body,
    }
}

fn bad_query(why: &QueryPayloadError) -> ErrorBody {
    match why {
        QueryPayloadError::Deserialize(why) => {
            let why: String = why.to_string().chars().take(200).collect();
            ErrorBody::new(ErrorCode::BadRequest, format!("the query could not be read: {why}"))
        }
        _ => ErrorBody::new(ErrorCode::BadRequest, "the query could not be read"),
    }
}

fn bad_path(why: &PathError) -> ErrorBody {
    tracing::debug!(%why, "a path could not be read");
    ErrorBody::new(ErrorCode::BadRequest, "an id in a path is a 64-bit integer")
}
