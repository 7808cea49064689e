//! The files of the clients over HTTP, and the page where there are none.

use actix_web::body::to_bytes;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, CROSS_ORIGIN_RESOURCE_POLICY, ETAG, HeaderName, IF_NONE_MATCH, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::test::TestRequest;
use actix_web::{HttpRequest, HttpResponse};
use web_assets::{Assets, File};

const PANEL: &str = "assets/panel-4f2a.js";

/// Compressed forms are passed on as they are: any bytes will do.
fn built() -> Assets {
    let file = |path, plain: &'static str| File { path, plain: plain.as_bytes(), brotli: None, gzip: None };
    let panel = File { brotli: Some(b"as brotli"), gzip: Some(b"as gzip"), ..file(PANEL, "panel()") };
    Assets::new(&[
        file("index.html", "<!doctype html>newcomer"),
        file("widget/frame.html", "<!doctype html>frame"),
        file("console/index.html", "<!doctype html>console"),
        file("assets/panel-4f2a.css", "p{}"),
        panel,
        File { gzip: Some(b"loader as gzip"), ..file("widget.js", "loader()") },
    ])
}

fn asking(headers: &[(HeaderName, &str)]) -> HttpRequest {
    let request = TestRequest::get();
    headers.iter().fold(request, |request, header| request.append_header(header.clone())).to_http_request()
}

fn header(answer: &HttpResponse, name: HeaderName) -> &str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

async fn text(answer: HttpResponse) -> String {
    String::from_utf8(to_bytes(answer.into_body()).await.expect("a body").to_vec()).expect("UTF-8")
}

/// The form of the panel that is served to who accepts these encodings.
async fn form(accepted: Option<&str>) -> String {
    let headers: Vec<_> = accepted.map(|accepted| (ACCEPT_ENCODING, accepted)).into_iter().collect();
    let answer = built().asset(&asking(&headers), PANEL).expect("the panel");
    assert_eq!(header(&answer, VARY), "Accept-Encoding");
    let encoding = header(&answer, CONTENT_ENCODING).to_owned();
    let text = text(answer).await;
    let expected = match encoding.as_str() {
        "br" => "as brotli",
        "gzip" => "as gzip",
        "" => "panel()",
        other => panic!("{other}"),
    };
    assert_eq!(text, expected);
    encoding
}

#[actix_web::test]
async fn a_client_is_given_the_form_that_it_wants_most() {
    for (accepted, expected) in [
        (None, ""),
        (Some(""), ""),
        (Some("gzip, deflate, br, zstd"), "br"),
        (Some("gzip, deflate"), "gzip"),
        (Some("br;q=0.5, gzip;q=0.8"), "gzip"),
        (Some("br;q=0, gzip"), "gzip"),
        (Some("br;q=0.001"), "br"),
        (Some("*"), "br"),
        (Some("*;q=0.5, br;q=0"), "gzip"),
        (Some("identity, br;q=0.5"), ""),
        (Some("identity;q=0, br"), "br"),
        (Some("BR"), "br"),
        (Some("br;q=0, gzip;q=0"), ""),
        (Some("deflate"), ""),
        (Some(";;q=x"), ""),
    ] {
        assert_eq!(form(accepted).await, expected, "{accepted:?}");
    }
}

#[actix_web::test]
async fn an_asset_is_kept_for_a_year_and_is_for_pages_of_all_sites() {
    let answer = built().asset(&asking(&[]), PANEL).expect("the panel");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, CONTENT_TYPE), "text/javascript; charset=utf-8");
    assert_eq!(header(&answer, CACHE_CONTROL), "public, max-age=31536000, immutable");
    assert_eq!(header(&answer, ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert_eq!(header(&answer, CROSS_ORIGIN_RESOURCE_POLICY), "cross-origin");
    assert_eq!(header(&answer, X_CONTENT_TYPE_OPTIONS), "nosniff");
    let style = built().asset(&asking(&[]), "assets/panel-4f2a.css").expect("the style");
    assert_eq!(header(&style, CONTENT_TYPE), "text/css; charset=utf-8");
}

#[actix_web::test]
async fn only_files_under_assets_are_kept_for_a_year() {
    for path in ["assets/other.js", "index.html", "widget.js", "widget/frame.html", "assets/../index.html", ""] {
        assert!(built().asset(&asking(&[]), path).is_none(), "{path}");
    }
}

#[actix_web::test]
async fn the_loader_is_asked_for_anew_each_time_by_pages_of_all_sites() {
    let answer = built().loader(&asking(&[(ACCEPT_ENCODING, "gzip, br")])).expect("the loader");
    assert_eq!(header(&answer, CONTENT_ENCODING), "gzip", "it has no other form");
    assert_eq!(header(&answer, CACHE_CONTROL), "no-cache");
    assert_eq!(header(&answer, ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert_eq!(header(&answer, CROSS_ORIGIN_RESOURCE_POLICY), "cross-origin");
}

#[actix_web::test]
async fn who_has_a_form_already_is_told_so() {
    let first = built().asset(&asking(&[(ACCEPT_ENCODING, "br")]), PANEL).expect("the panel");
    let etag = header(&first, ETAG).to_owned();
    assert!(etag.starts_with('"') && etag.len() > 20, "strong: {etag}");
    let again = |tags: &str, accepted: &str| {
        built().asset(&asking(&[(ACCEPT_ENCODING, accepted), (IF_NONE_MATCH, tags)]), PANEL).expect("the panel")
    };
    for tags in [etag.as_str(), "*", &format!("\"other\", {etag}"), &format!("W/{etag}")] {
        let known = again(tags, "br");
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{tags}");
        assert_eq!(header(&known, ETAG), etag);
        assert_eq!(header(&known, VARY), "Accept-Encoding");
        assert_eq!(header(&known, CACHE_CONTROL), "public, max-age=31536000, immutable");
        assert_eq!(header(&known, CONTENT_TYPE), "");
        assert_eq!(text(known).await, "");
    }
    for (tags, accepted) in [("\"other\"", "br"), (etag.as_str(), "gzip"), (etag.as_str(), ""), ("no tag", "br")] {
        assert_eq!(again(tags, accepted).status(), StatusCode::OK, "{tags} {accepted}");
    }
}

#[actix_web::test]
async fn another_content_has_another_etag() {
    let of = |plain: &'static [u8]| {
        let assets = Assets::new(&[File { path: "widget.js", plain, brotli: None, gzip: None }]);
        header(&assets.loader(&asking(&[])).expect("the loader"), ETAG).to_owned()
    };
    assert_ne!(of(b"a"), of(b"b"));
    assert_eq!(of(b"a"), of(b"a"));
}

#[actix_web::test]
async fn pages_have_their_policy_and_are_asked_for_anew() {
    let (assets, request) = (built(), asking(&[]));
    let home = assets.home(&request);
    assert_eq!(header(&home, CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(&home, CACHE_CONTROL), "no-cache");
    assert_eq!(header(&home, ACCESS_CONTROL_ALLOW_ORIGIN), "");
    let policy = header(&home, CONTENT_SECURITY_POLICY);
    for part in ["default-src 'none'; script-src 'self';", "frame-ancestors 'none';", "trusted-types 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(text(home).await.contains("newcomer"));

    let frame = assets.frame_page(&request, "https://shop.example").expect("the frame's page");
    assert!(header(&frame, CONTENT_SECURITY_POLICY).contains("; frame-ancestors https://shop.example;"));
    assert!(text(frame).await.contains("frame"));

    let console = assets.console(&request).expect("the console's page");
    assert_eq!(header(&console, CACHE_CONTROL), "no-cache");
    let policy = header(&console, CONTENT_SECURITY_POLICY);
    assert!(policy.contains("; frame-ancestors 'self';") && !policy.contains("frame-src"), "{policy}");
    assert!(text(console).await.contains("console"));
}

#[actix_web::test]
async fn without_the_clients_a_page_says_so_and_the_demo_page_is_there() {
    let (assets, request) = (Assets::new(&[]), asking(&[]));
    assert!(!assets.are_built() && built().are_built());
    let page = assets.home(&request);
    assert_eq!((page.status(), header(&page, CACHE_CONTROL)), (StatusCode::OK, "no-cache"));
    let page = text(page).await;
    for words in ["not built", "make run", "npm run build", "href=\"demo/\""] {
        assert!(page.contains(words), "{words}");
    }
    assert!(assets.loader(&request).is_none());
    assert!(assets.frame_page(&request, "*").is_none());
    assert!(assets.console(&request).is_none());
    assert!(assets.asset(&request, PANEL).is_none());
}

#[actix_web::test]
async fn the_demo_page_finds_its_files_beside_it() {
    let (assets, request) = (built(), asking(&[]));
    let page = assets.demo(&request, "").expect("the page");
    assert!(header(&page, CONTENT_SECURITY_POLICY).contains("frame-ancestors 'self'"));
    let page = text(page).await;
    for (name, content_type) in [("demo.css", "text/css; charset=utf-8"), ("demo.js", "text/javascript; charset=utf-8")]
    {
        assert!(page.contains(&format!("=\"{name}\"")), "{name}");
        let file = assets.demo(&request, name).expect("a file of it");
        assert_eq!(header(&file, CONTENT_TYPE), content_type);
    }
    assert!(assets.demo(&request, "other.js").is_none());
}

/// What is embedded is what is in the folder: none of it is old, and none is missing.
#[actix_web::test]
async fn the_embedded_files_are_those_in_the_folder() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../clients/dist"));
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).ok();
    let (assets, request) = (Assets::embedded(), asking(&[]));
    assert_eq!(assets.are_built(), folder.join("index.html").exists());
    if let Some(page) = read("index.html") {
        assert_eq!(text(assets.home(&request)).await, page);
    }
    let served = match assets.loader(&request) {
        Some(loader) => Some(text(loader).await),
        None => None,
    };
    assert_eq!(served, read("widget.js"));
    for entry in std::fs::read_dir(folder.join("assets")).into_iter().flatten() {
        let name = entry.expect("a file").file_name().into_string().expect("UTF-8");
        if name.ends_with(".br") || name.ends_with(".gz") {
            continue;
        }
        let brotli = asking(&[(ACCEPT_ENCODING, "br")]);
        let answer = assets.asset(&brotli, &format!("assets/{name}")).unwrap_or_else(|| panic!("{name}"));
        assert_ne!(header(&answer, CONTENT_TYPE), "application/octet-stream", "{name} is of a known type");
        let has_twin = folder.join(format!("assets/{name}.br")).exists();
        assert_eq!(header(&answer, CONTENT_ENCODING) == "br", has_twin, "{name}");
    }
}
