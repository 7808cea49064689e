//! Pages of other sites (CORS).

use std::collections::BTreeSet;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::service::{Installation, Service, code};

/// A service that pages of these origins may call.
async fn service_for(origins: &str) -> Service {
    let installation = Installation::fresh().await;
    let program = installation.program().env("CORS__ALLOWED_ORIGINS", origins);
    Service::start_program(installation, program).await
}

/// What a browser does for a page: the answer's status, headers and text.
async fn page(service: &Service, origin: &str, method: Method, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = service.request(method, path).header("Origin", origin);
    answer(request).await
}

/// What a browser asks before it sends a request of a page.
async fn preflight(service: &Service, origin: &str, method: &str, header: &str) -> (StatusCode, HeaderMap, String) {
    preflight_of(service, "/chat/session", (origin, method, header)).await
}

async fn preflight_of(
    service: &Service,
    path: &str,
    (origin, method, header): (&str, &str, &str),
) -> (StatusCode, HeaderMap, String) {
    let request = service
        .request(Method::OPTIONS, path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method)
        .header("Access-Control-Request-Headers", header);
    answer(request).await
}

async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, HeaderMap, String) {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.text().await.expect("a body"))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().expect("text"))
}

fn allowed(headers: &HeaderMap) -> Option<&str> {
    header(headers, "access-control-allow-origin")
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_read_answers() {
    let service = service_for("https://a.example,https://B.example/").await;
    for (origin, expected) in [("https://b.example", Some("https://b.example")), ("https://c.example", None)] {
        let (status, headers, _) = page(&service, origin, Method::GET, "/.well-known/jwks.json").await;
        assert_eq!((status, allowed(&headers)), (StatusCode::OK, expected));
        assert!(header(&headers, "vary").expect("Vary").contains("Origin"), "a cache must keep them apart");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }
}

#[tokio::test]
async fn a_page_may_read_why_it_was_refused() {
    let service = service_for("https://a.example").await;
    for (method, path, expected) in [
        (Method::GET, "/users/me", "unauthorized"),
        (Method::DELETE, "/users/me", "method_not_allowed"),
        (Method::GET, "/chats/x/messages", "bad_request"),
        (Method::POST, "/auth/login", "unsupported_media_type"),
    ] {
        let (_, headers, text) = page(&service, "https://a.example", method, path).await;
        assert_eq!(allowed(&headers), Some("https://a.example"), "{path}");
        let body: Value = serde_json::from_str(&text).expect("an error");
        assert_eq!(code(&body), expected, "{path}");
        let exposed: BTreeSet<&str> =
            header(&headers, "access-control-expose-headers").expect("names").split(", ").collect();
        assert_eq!(exposed, BTreeSet::from(["date", "retry-after"]));
    }
}

#[tokio::test]
async fn a_preflight_tells_what_a_page_may_send() {
    let service = service_for("https://a.example").await;
    let (status, headers, _) = preflight(&service, "https://a.example", "POST", "content-type, traceparent").await;
    assert_eq!((status, allowed(&headers)), (StatusCode::OK, Some("https://a.example")));
    assert_eq!(header(&headers, "access-control-allow-methods"), Some("POST"));
    assert_eq!(header(&headers, "access-control-max-age"), Some("600"));
    for (origin, method, sends) in [
        ("https://c.example", "POST", "content-type"),
        ("https://a.example", "PUT", "content-type"),
        ("https://a.example", "POST", "x-unheard-of"),
    ] {
        let (status, headers, text) = preflight(&service, origin, method, sends).await;
        let body: Value = serde_json::from_str(&text).expect("an error in the one shape");
        let expected = if method == "PUT" { (405, "method_not_allowed") } else { (403, "forbidden") };
        assert_eq!((status.as_u16(), code(&body)), expected, "{origin} {method} {sends}");
        assert_eq!((allowed(&headers), header(&headers, "content-type")), (None, Some("application/json")));
        assert!(header(&headers, "vary").expect("Vary").contains("Origin"));
    }
}

#[tokio::test]
async fn a_page_of_a_site_asks_what_visitors_ask_and_nothing_else() {
    let service = Service::start().await;
    let (_, admin) = service.account("admin@example.com", "admin").await;
    let origins = json!({"origins": ["https://shop.example"]});
    let (status, _) = service.call(Method::PATCH, "/sites/1", Some(&admin), Some(origins)).await;
    assert_eq!(status, StatusCode::OK);
    for (path, method, is_for_visitors) in [
        ("/chat/session", "POST", true),
        ("/chat/session/1/channel-token", "GET", true),
        ("/chat/session/1/messages", "POST", true),
        ("/chat/sites/default", "GET", true),
        ("/chat/sites/default/sessions", "POST", true),
        ("/chat/sessions", "GET", false),
        ("/users/me", "GET", false),
        ("/sites", "GET", false),
    ] {
        for (origin, expected) in [("https://shop.example", is_for_visitors), ("https://other.example", false)] {
            let asked = (origin, method, "authorization, content-type");
            let (status, headers, _) = preflight_of(&service, path, asked).await;
            assert_eq!(
                (status == StatusCode::OK, allowed(&headers).is_some()),
                (expected, expected),
                "{origin} {path}"
            );
        }
    }
}

#[tokio::test]
async fn every_page_may_come_where_that_is_configured_and_none_where_nothing_is() {
    let open = service_for("*").await;
    let (_, headers, _) = page(&open, "https://any.example", Method::GET, "/openapi.json").await;
    assert_eq!(allowed(&headers), Some("https://any.example"));
    let closed = Service::start().await;
    let (status, headers, _) = page(&closed, "https://any.example", Method::GET, "/openapi.json").await;
    assert_eq!((status, allowed(&headers)), (StatusCode::OK, None));
    // A site may allow it the next moment.
    assert!(header(&headers, "vary").expect("Vary").contains("Origin"));
}

#[tokio::test]
async fn routes_of_other_services_and_of_gateways_are_left_alone() {
    let service = service_for("*").await;
    for path in ["/healthz", "/metrics", "/internal/tops"] {
        let (_, headers, _) = page(&service, "https://a.example", Method::GET, path).await;
        assert_eq!((allowed(&headers), header(&headers, "vary")), (None, None), "{path}");
    }
}

#[tokio::test]
async fn the_page_of_the_documents_runs_what_is_its_own_and_in_no_frame() {
    let service = Service::start().await;
    for path in
        ["/docs/", "/api/docs/", "/docs/index.html", "/docs/swagger-initializer.js", "/docs/swagger-ui-bundle.js"]
    {
        let (status, headers, text) = answer(service.request(Method::GET, path)).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let policy = header(&headers, "content-security-policy").expect("a policy");
        for rule in ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert_eq!(header(&headers, "x-frame-options"), Some("DENY"));
        assert_eq!(header(&headers, "x-content-type-options"), Some("nosniff"));
        // What the policy would not let run.
        assert!(!path.ends_with('/') || !text.contains("<script>"), "{text}");
    }
}

#[tokio::test]
async fn nobody_keeps_an_answer_unless_it_says_so() {
    let service = Service::start().await;
    let (visitor, (_, operator)) = (service.visitor().await, service.operator().await);
    let login = service.log_in("operator@example.com", "a good password").await.1;
    let token_path = format!("/chat/session/{}/channel-token", visitor.session);
    let credentials = json!({"email": "operator@example.com", "password": "a good password"});
    let post = |path: &str, body: Value| service.request(Method::POST, path).json(&body);
    let get = |path: &str, token: &str| service.request(Method::GET, path).bearer_auth(token);
    for (what, request) in [
        ("a session", post("/chat/session", json!({}))),
        ("a channel token", get(&token_path, &visitor.secret)),
        ("a login", post("/auth/login", credentials)),
        ("a refresh", post("/auth/refresh", json!({"refresh_token": login["refresh_token"]}))),
        ("an account", get("/users/me", &operator)),
        ("sessions", get("/chat/sessions", &operator)),
        ("a refusal", get("/chat/sessions", "no token")),
    ] {
        let (_, headers, _) = answer(request).await;
        assert_eq!(header(&headers, "cache-control"), Some("no-store"), "{what}");
    }
    let (_, headers, _) = answer(get("/.well-known/jwks.json", "")).await;
    assert_eq!(header(&headers, "cache-control"), Some("public, max-age=300"));
}
