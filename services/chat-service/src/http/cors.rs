//! Which pages of other sites may read answers (<https://fetch.spec.whatwg.org/#http-cors-protocol>).

use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderName, RETRY_AFTER};
use chat_events::SitePages;

/// Seconds for which a browser may keep a preflight's answer.
const MAX_AGE: usize = 600;

/// Continues a trace (<https://www.w3.org/TR/trace-context/>).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Whether visitors ask there: pages of their sites may read the answers. All else is for pages of the configuration.
fn is_for_visitors(path: &str) -> bool {
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below("/chat/session") || below("/chat/sites")
}

/// For one resource: that alone is wrapped, since other services may share the server. Nothing is authenticated by
/// cookies, so credentials are never allowed. Which site a request is for, its handler looks at.
pub(super) fn cors(pages: &SitePages, path: &str, methods: Vec<Method>) -> Cors {
    let (pages, is_for_visitors) = (pages.clone(), is_for_visitors(path));
    Cors::default()
        .allowed_origin_fn(move |origin, _| {
            origin.to_str().is_ok_and(|origin| match is_for_visitors {
                true => pages.allow_somewhere(origin),
                false => pages.allow_everywhere(origin),
            })
        })
        .allowed_methods(methods)
        .allowed_headers([AUTHORIZATION, CONTENT_TYPE, TRACEPARENT])
        .expose_headers([RETRY_AFTER, DATE])
        .max_age(MAX_AGE)
}
