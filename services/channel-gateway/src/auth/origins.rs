//! Which pages may use the channel. Tokens authenticate; the origin only keeps other sites' scripts away.

use actix_http::header::{self, HeaderMap};

/// The allowed origins.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// From a list such as `https://a.example,https://b.example`; `*` allows every page.
    #[must_use]
    pub fn new(list: &[String]) -> Self {
        Self(list.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect())
    }

    /// Whether a request may come in, by its headers.
    #[must_use]
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
        match headers.contains_key(header::ORIGIN) {
            true => text(header::ORIGIN)
                .is_some_and(|origin| self.allow_text(Some(origin), text(header::HOST).unwrap_or_default())),
            false => true,
        }
    }

    /// Programs send no origin; a page of this very address is always welcome.
    #[must_use]
    pub fn allow_text(&self, origin: Option<&str>, host: &str) -> bool {
        let Some(origin) = origin.map(str::to_ascii_lowercase) else { return true };
        let is_same = origin.split_once("://").is_some_and(|(_, authority)| authority == host.to_ascii_lowercase());
        is_same || self.allows(&origin)
    }

    /// The same rule for CORS: pages on the list may read the answers. Cookies are not involved.
    pub fn cors(&self) -> actix_cors::Cors {
        let origins = self.clone();
        actix_cors::Cors::default()
            .allowed_origin_fn(move |origin, _| origin.to_str().is_ok_and(|origin| origins.allows(origin)))
            .allow_any_method()
            .allow_any_header()
            .expose_headers(["retry-after"])
            .max_age(3600)
    }

    /// Whether an origin is on the list.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == "*" || allowed == origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, header::HeaderValue::from_static("chat.example:8080"));
        headers.insert(header::ORIGIN, header::HeaderValue::from_static(origin));
        headers
    }

    #[test]
    fn the_same_address_and_the_list_are_allowed_and_nothing_else() {
        let origins = Origins::new(&["https://Shop.example/".to_owned()]);
        assert!(origins.allow(&HeaderMap::new()));
        assert!(origins.allow(&headers("http://chat.example:8080")));
        assert!(origins.allow(&headers("https://shop.example")));
        assert!(!origins.allow(&headers("https://evil.example")));
        assert!(!origins.allow(&headers("null")));
    }
}
