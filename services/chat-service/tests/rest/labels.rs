//! What comes from outside leaves no traces that grow: metrics and where they are.

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::service::{Installation, Service};

async fn metrics(service: &Service) -> String {
    reqwest::get(format!("{}/metrics", service.url)).await.expect("an answer").text().await.expect("text")
}

#[tokio::test]
async fn a_thousand_methods_that_nobody_knows_are_one() {
    let service = Service::start().await;
    let before = metrics(&service).await.len();
    let authority = service.url.trim_start_matches("http://").to_owned();
    for number in 0..1000 {
        let mut connection = TcpStream::connect(&authority).await.expect("a connection");
        // Long ones are refused another way than short ones.
        let method = format!("M{number}{}", "A".repeat(if number % 25 == 0 { 100_000 } else { 1000 }));
        let request = format!("{method} /chats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        // A server may refuse so long a head before it has read all of it.
        let _cut_short = connection.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _cut_short = connection.read_to_end(&mut answer).await;
    }
    for method in ["BREW", "get", "PROPFIND"] {
        let method = method.parse().expect("a method");
        let answer = reqwest::Client::new().request(method, format!("{}/chats", service.url)).send().await;
        assert_eq!(answer.expect("an answer").status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    let text = metrics(&service).await;
    assert!(text.len() < before + 10_000, "{} bytes, and {before} before", text.len());
    let other = r#"http_requests_total{route="/chats",method="other",status="405"}"#;
    assert!(text.contains(other), "{text}");
    assert!(!text.contains("BREW") && !text.contains("AAAA"));
}

#[tokio::test]
async fn metrics_may_have_an_address_of_their_own() {
    let installation = Installation::fresh().await;
    let program = installation.program().env("METRICS__BIND", "127.0.0.1:0");
    let service = Service::start_program(installation, program).await;
    let status = async |url: String| reqwest::get(url).await.expect("an answer").status();
    assert_eq!(status(format!("{}/metrics", service.url)).await, StatusCode::NOT_FOUND);
    assert_eq!(status(format!("{}/readyz", service.url)).await, StatusCode::OK);
    let logged = service.process.log().iter().find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        (line["message"] == "metrics are served").then(|| line["addr"].as_str().expect("an address").to_owned())
    });
    let own = format!("http://{}", logged.expect("it says where"));
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(status(format!("{own}{path}")).await, StatusCode::OK, "{path}");
    }
    assert_eq!(status(format!("{own}/chats")).await, StatusCode::NOT_FOUND, "and nothing else");
}
