//! Which pages of other sites may read answers (<https://fetch.spec.whatwg.org/#http-cors-protocol>).

use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER};

/// Seconds for which a browser may keep a preflight's answer.
const MAX_AGE: usize = 600;

/// Continues a trace (<https://www.w3.org/TR/trace-context/>).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

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

    /// The pages of this server and of these origins, as a Content-Security-Policy names them.
    pub(crate) fn as_frame_ancestors(&self) -> String {
        self.0.iter().fold("'self'".to_owned(), |list, origin| list + " " + origin)
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
