//! Under a prefix, as docs/infra/runbook.md says it for nginx: pages, documents, REST and channels.

use reqwest::StatusCode;
use serde_json::Value;
use system_tests::{EventStream, Front, Rest, Shape, Socket, System, Visitor};

/// What `href` and `src` in a page refer to.
fn references(html: &str) -> Vec<&str> {
    let parts = html.split("href=\"").skip(1).chain(html.split("src=\"").skip(1));
    parts.filter_map(|rest| rest.split('"').next()).filter(|reference| !reference.starts_with("data:")).collect()
}

#[tokio::test]
async fn all_is_served_under_a_prefix() {
    let public = [("PUBLIC_URL", "https://example.com/chat-app/")];
    let system = System::start_with(Shape::Standalone, &public).await;
    let front = system.front().await;
    let outer = Front::under_a_prefix(&front.address).await;

    for page in ["/chat-app/", "/chat-app/docs", "/chat-app/api/docs"] {
        let answer = reqwest::get(outer.address.url(page)).await.expect("an answer");
        let at = answer.url().clone();
        assert_eq!((answer.status(), at.path().starts_with("/chat-app/")), (StatusCode::OK, true), "{page} {at}");
        let html = answer.text().await.expect("HTML");
        let referred = references(&html);
        assert!(referred.len() >= 3, "{page}: {referred:?}");
        for reference in referred {
            let url = at.join(reference).expect("a URL");
            assert!(url.path().starts_with("/chat-app/"), "{page}: {reference}");
            let status = reqwest::get(url).await.expect("an answer").status();
            assert_eq!(status, StatusCode::OK, "{page}: {reference}");
        }
    }
    let document = reqwest::get(outer.address.url("/chat-app/openapi.json")).await.expect("an answer");
    let at = document.url().clone();
    let document: Value = document.json().await.expect("JSON");
    let server = at.join(document["servers"][0]["url"].as_str().expect("a server")).expect("a URL");
    assert_eq!(server.path(), "/chat-app/");

    let ann = Visitor::open(&Rest::new(&outer.address.url("/chat-app")), "Ann").await;
    assert!(ann.stream_url.starts_with(&format!("/chat-app/chat/{}/stream?sig=", ann.session)), "{}", ann.stream_url);
    let mut stream = EventStream::open(&outer.address, &ann.stream_url, None).await;
    stream.connected().await;
    let mut socket = Socket::open(&outer.address, &format!("/chat-app{}", ann.socket_target())).await;
    socket.connected().await;
    let sent = ann.send("Hello").await;
    assert_eq!(stream.next_of("chat.message").await["data"], sent);
    assert_eq!(socket.next_of("chat.message").await["data"], sent);
}
