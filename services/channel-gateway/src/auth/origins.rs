//! Which pages may use the channel. Tokens authenticate; the origin only keeps other sites' scripts away. A visitor's page has
//! to be allowed by the site of its session, which is known once chat-service has told of it.

use actix_http::header::{self, HeaderMap};
use chat_events::site_pages::{SitePages, Welcome};
use chat_events::{ErrorBody, ErrorCode, SiteId};

/// The page behind a connection that may come in only where its site allows it; none for every other.
pub(crate) type Page = Option<Box<str>>;

/// Whether a request may come in, by its headers, and whether its site has to be asked.
pub(crate) fn page(pages: &SitePages, headers: &HeaderMap) -> Result<Page, ErrorBody> {
    let text = |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or("null"));
    page_of(pages, text(header::ORIGIN), text(header::HOST).unwrap_or_default())
}

/// The same by the origin, and the address that was asked.
pub(crate) fn page_of(pages: &SitePages, origin: Option<&str>, host: &str) -> Result<Page, ErrorBody> {
    match pages.welcome(origin, host) {
        Welcome::Everywhere => Ok(None),
        Welcome::InItsSites(origin) => Ok(Some(origin.into())),
        Welcome::Nowhere => Err(not_allowed()),
        Welcome::NotKnown => Err(ErrorBody::new(ErrorCode::Unavailable, "the sites have not been read yet; try again")),
    }
}

/// Whether a page may follow a session of this site. Operators and users have no site: pages of sites are not for them.
pub(crate) fn check(pages: &SitePages, page: &Page, site: Option<SiteId>) -> Result<(), ErrorBody> {
    match (page, site) {
        (None, _) => Ok(()),
        (Some(origin), Some(site)) if pages.allow_in(site, origin) => Ok(()),
        (Some(_), _) => Err(not_allowed()),
    }
}

fn not_allowed() -> ErrorBody {
    ErrorBody::new(ErrorCode::Forbidden, "pages of this origin are not allowed")
}

/// The same for CORS: these pages may read the answers of one resource. Other services may share the server. Cookies are not involved.
pub(crate) fn cors(pages: &SitePages) -> actix_cors::Cors {
    let pages = pages.clone();
    actix_cors::Cors::default()
        .allowed_origin_fn(move |origin, _| origin.to_str().is_ok_and(|origin| pages.allow_somewhere(origin)))
        .allow_any_method()
        .allow_any_header()
        .expose_headers(["retry-after"])
        .max_age(600)
}

#[cfg(test)]
mod tests {
    use chat_events::gateway_api::{SiteRules, Sites};

    use super::*;

    fn headers(origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, header::HeaderValue::from_static("chat.example:8080"));
        headers.insert(header::ORIGIN, header::HeaderValue::from_static(origin));
        headers
    }

    #[test]
    fn a_page_is_let_in_by_its_address_by_the_configuration_or_by_its_site() {
        let pages = SitePages::new(&["https://Console.example/".to_owned()]);
        assert_eq!(
            page(&pages, &headers("https://shop.example")).map_err(|error| error.code),
            Err(ErrorCode::Unavailable)
        );
        let origins = vec!["https://shop.example".to_owned()];
        pages.set_sites(&Sites { sites: vec![SiteRules { site_id: SiteId(7), origins, identity_required: false }] });
        assert_eq!(page(&pages, &HeaderMap::new()), Ok(None));
        assert_eq!(page(&pages, &headers("http://chat.example:8080")), Ok(None));
        assert_eq!(page(&pages, &headers("https://console.example")), Ok(None));
        let shop = page(&pages, &headers("https://shop.example")).expect("a page of a site");
        assert!(check(&pages, &shop, Some(SiteId(7))).is_ok());
        assert!(check(&pages, &shop, Some(SiteId(8))).is_err() && check(&pages, &shop, None).is_err());
        for bad in ["https://evil.example", "null"] {
            assert_eq!(page(&pages, &headers(bad)).map_err(|error| error.code), Err(ErrorCode::Forbidden));
        }
    }
}
