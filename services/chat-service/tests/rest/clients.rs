//! The clients for browsers, as they were built, or the page that says that they were not.

use std::path::Path;

use reqwest::{Method, Response, StatusCode};
use test_support::Program;

use crate::service::{Installation, Service, code};

/// Whether this tree has the clients: `make test` builds them, cargo alone does not.
fn are_built() -> bool {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../clients/dist/index.html")).exists()
}

async fn get(service: &Service, path: &str) -> Response {
    service.request(Method::GET, path).send().await.expect("an answer")
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

async fn is_not_found(answer: Response) -> bool {
    let status = answer.status();
    status == StatusCode::NOT_FOUND && code(&answer.json().await.expect("JSON")) == "not_found"
}

#[tokio::test]
async fn the_first_page_is_there_with_or_without_the_clients() {
    let service = Service::start().await;
    let page = get(&service, "/").await;
    assert_eq!((page.status(), header(&page, "content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    assert_eq!(header(&page, "cache-control"), "no-cache");
    assert!(header(&page, "content-security-policy").contains("frame-ancestors 'none'"));
    let etag = header(&page, "etag").to_owned();
    let text = page.text().await.expect("HTML");
    assert_eq!(text.contains("are not built"), !are_built(), "{text}");

    let known = service.request(Method::GET, "/").header("if-none-match", &etag).send().await.expect("an answer");
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let head = service.request(Method::HEAD, "/").send().await.expect("an answer");
    assert_eq!((head.status(), header(&head, "etag")), (StatusCode::OK, etag.as_str()));
    assert_eq!(header(&head, "content-length"), text.len().to_string());
    assert_eq!(head.text().await.expect("nothing"), "");
}

#[tokio::test]
async fn the_widget_is_served_to_pages_of_all_sites_where_it_was_built() {
    let service = Service::start().await;
    let loader = get(&service, "/widget.js").await;
    if !are_built() {
        assert!(is_not_found(loader).await);
        assert!(is_not_found(get(&service, "/widget/frame").await).await);
        assert!(is_not_found(get(&service, "/console/").await).await);
        return;
    }
    assert_eq!((loader.status(), header(&loader, "access-control-allow-origin")), (StatusCode::OK, "*"));
    assert_eq!(header(&loader, "cross-origin-resource-policy"), "cross-origin");
    assert_eq!(header(&loader, "cache-control"), "no-cache");
    assert_eq!(header(&loader, "vary"), "Accept-Encoding");
    let brotli = service.request(Method::GET, "/widget.js").header("accept-encoding", "gzip, br");
    assert_eq!(header(&brotli.send().await.expect("an answer"), "content-encoding"), "br");
    assert_eq!(get(&service, "/widget/frame").await.status(), StatusCode::OK);
    let console = get(&service, "/console").await;
    assert_eq!((console.url().path(), console.status()), ("/console/", StatusCode::OK));
}

#[tokio::test]
async fn an_asset_that_is_not_there_is_told_as_everything_else() {
    let service = Service::start().await;
    for path in ["/assets/", "/assets/none-1a2b.js", "/assets/a/b.css", "/assets/..%2Findex.html", "/demo/none.js"] {
        let answer = get(&service, path).await;
        assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
        assert!(is_not_found(answer).await, "{path}");
    }
    let post = service.request(Method::POST, "/widget.js").send().await.expect("an answer");
    assert_eq!((post.status(), header(&post, "allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, OPTIONS"));
}

#[tokio::test]
async fn the_demo_page_has_a_place_of_its_own() {
    let service = Service::start().await;
    let page = get(&service, "/demo").await;
    assert_eq!((page.url().path(), page.status()), ("/demo/", StatusCode::OK));
    assert!(page.text().await.expect("HTML").contains("both ends of one conversation"));
    for (name, content_type) in [("demo.js", "text/javascript; charset=utf-8"), ("demo.css", "text/css; charset=utf-8")]
    {
        let file = get(&service, &format!("/demo/{name}")).await;
        assert_eq!((file.status(), header(&file, "content-type")), (StatusCode::OK, content_type));
    }
}

/// A page and its files are a dozen requests, of an office behind one address some hundreds.
#[tokio::test]
async fn files_count_for_their_address_as_other_requests_do() {
    let installation = Installation::fresh().await;
    let program: Program = installation.program();
    let program = program.env("LIMITS__ADDRESS_REQUESTS_PER_SECOND", "1").env("LIMITS__ADDRESS_REQUEST_BURST", "12");
    let service = Service::start_program(installation, program).await;
    for _ in 0..10 {
        assert_eq!(get(&service, "/demo/demo.js").await.status(), StatusCode::OK);
    }
    let mut statuses = vec![];
    for _ in 0..6 {
        statuses.push(get(&service, "/").await.status());
    }
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
}
