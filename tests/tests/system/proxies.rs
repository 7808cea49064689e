//! Proxies between a browser and the gateways: our front, and those that others put before it. Whatever they hold back, cut or
//! change, an event arrives at once, and a stream stays open.

use std::time::{Duration, Instant};

use flate2::write::GzDecoder;
use futures_util::future::join_all;
use serde_json::Value;
use std::io::Write;
use system_tests::front::free_address;
use system_tests::{EventStream, Front, Gateway, Person, Shape, Socket, System, Visitor, system_test};
use test_support::wait::in_time;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The proxies here cut what is silent for 3 seconds, where theirs usually cut after 20 or 60.
const SILENCE: &str = "3s";
const PINGS: (&str, &str) = ("CHANNEL__PING_INTERVAL", "2s");
/// Long enough to be cut twice.
const QUIET: Duration = Duration::from_secs(7);

/// nginx as Debian brings it: HTTP/1.0 to what is behind it, and answers are held back until a buffer is full.
async fn plain_nginx(before: &Gateway) -> Front {
    let location = format!("location / {{ proxy_pass http://{}; proxy_read_timeout {SILENCE}; }}", before.authority);
    Front::nginx("proxy_http_version 1.0;", &location).await
}

/// nginx that compresses all that it can.
async fn compressing_nginx(before: &Gateway) -> Front {
    let location = format!("location / {{ proxy_pass http://{}; proxy_read_timeout {SILENCE}; }}", before.authority);
    Front::nginx("proxy_http_version 1.1; gzip on; gzip_types *; gzip_proxied any; gzip_min_length 0;", &location).await
}

async fn haproxy(before: &Gateway) -> Front {
    Front::haproxy(before, &format!("  timeout client {SILENCE}\n  timeout server {SILENCE}")).await
}

/// A stream through it stays open, and what happens then comes at once.
async fn streams_through(proxy: &Front, visitor: &Visitor) {
    let mut stream = EventStream::open(&proxy.address, &format!("/channel/sse?{}", visitor.proof()), None).await;
    assert!(stream.header("cache-control").is_some_and(|value| value.contains("no-transform")));
    stream.connected().await;
    tokio::time::sleep(QUIET).await;
    let sent = visitor.send("after a while").await;
    assert_eq!(stream.next_of("chat.message").await["data"], sent);
}

#[tokio::test]
async fn an_event_arrives_through_any_proxy_and_silence_does_not_end_a_stream() {
    let system = System::start_with(Shape::Standalone, &[PINGS]).await;
    let front = system.front().await;
    let (plain, haproxy) = tokio::join!(plain_nginx(&front.address), haproxy(&front.address));
    // Ours passes on what the next proxy has to know.
    let visitor = system.visitor("Ann").await;
    let stream = EventStream::open(&front.address, &format!("/channel/sse?{}", visitor.proof()), None).await;
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    let people = join_all(["Bob", "Cid", "Dan"].map(|name| system.visitor(name))).await;
    let proxies = [&front, &plain, &haproxy];
    join_all(proxies.iter().zip(&people).map(|(proxy, visitor)| streams_through(proxy, visitor))).await;
}

#[tokio::test]
async fn an_event_arrives_through_a_proxy_that_compresses() {
    let system = System::start_with(Shape::Standalone, &[PINGS]).await;
    let front = system.front().await;
    let proxy = compressing_nginx(&front.address).await;
    let visitor = system.visitor("Ann").await;
    let head = format!("GET /channel/sse?{} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n", visitor.proof());
    let mut raw = Raw::open(&proxy.address, &head).await;
    let head = raw.head().await;
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut read = Unpacked { decoder: GzDecoder::new(Vec::new()), raw };
    read.until("\"connected\"").await;
    tokio::time::sleep(QUIET).await;
    visitor.send("after a while").await;
    read.until("after a while").await;
}

#[tokio::test]
async fn an_event_arrives_at_a_client_of_http_1_0() {
    let system = System::start_with(Shape::Standalone, &[PINGS]).await;
    let front = system.front().await;
    let visitor = system.visitor("Ann").await;
    let head = format!("GET /channel/sse?{} HTTP/1.0\r\nHost: {}\r\n\r\n", visitor.proof(), front.address.authority);
    let mut raw = Raw::open(&front.address, &head).await;
    let head = raw.head().await;
    assert!(head.starts_with("http/1.") && !head.contains("transfer-encoding"), "{head}");
    raw.until("\"connected\"").await;
    visitor.send("at once").await;
    raw.until("at once").await;
}

#[tokio::test]
async fn a_stream_says_every_15_seconds_that_it_lives_and_at_once_that_it_is_there() {
    let system = System::start(Shape::Standalone).await;
    let visitor = system.visitor("Ann").await;
    let mut stream = visitor.stream(system.gateway(0)).await;
    let first = stream.bytes().await;
    assert!(first.starts_with(b"retry: "), "{}", String::from_utf8_lossy(&first));
    stream.connected().await;
    let connected = Instant::now();
    while stream.bytes().await != b": ping\n\n" {}
    assert!(connected.elapsed() <= Duration::from_secs(15), "{:?}", connected.elapsed());
}

/// What our front says while no gateway serves.
async fn is_told_to_come_again(front: &Front, target: &str) {
    let mut stream = EventStream::open(&front.address, target, None).await;
    assert_eq!(stream.header("access-control-allow-origin"), Some("*"));
    let (data, retry) = (stream.closed().await, stream.retry);
    assert_eq!((&data["code"], &data["reason"]), (&4005.into(), &"unavailable".into()));
    assert!(retry.is_some_and(|wait| (2000..10_000).contains(&wait)) && data["retry_after_ms"].as_u64() == retry);
}

#[tokio::test]
async fn while_no_gateway_serves_our_front_tells_streams_when_to_come_again() {
    let (nobody, chat) = (free_address(), free_address());
    let front = Front::ours(&[nobody.clone(), free_address()], &[chat]).await;
    for target in ["/channel/sse?session=1&token=x", "/chat/1/stream?sig=x"] {
        is_told_to_come_again(&front, target).await;
    }
    // What programs ask is refused as ever.
    Socket::refused(&front.address, "/channel/ws?token=x", None).await.refused(503, "unavailable");
}

#[tokio::test]
async fn a_stream_finds_the_gateway_that_serves_while_the_other_ends() {
    let mut system = System::start(Shape::Distributed).await;
    let (ann, bob) = (system.visitor("Ann").await, system.visitor("Bob").await);
    let mut writer = bob.socket(system.gateway(0)).await;
    writer.connected().await;
    // Its chat-service takes its time, so the gateway waits for the answer before it ends.
    system.processes("chat-service 0")[0].freeze();
    writer.send(serde_json::json!({"type": "message", "body": "In flight", "client_id": uuid::Uuid::new_v4()})).await;
    writer.until_read().await;
    system.processes("channel-gateway 0")[0].terminate();
    let target = format!("/channel/sse?{}", ann.proof());
    let told = async || {
        let mut stream = EventStream::open(system.gateway(0), &target, None).await;
        let data: Option<Value> = stream.until_end().await.into_iter().find(|data| data["code"] == 4004);
        data
    };
    let data = test_support::wait::wait_until("the gateway to end", told).await;
    assert!(data["retry_after_ms"].as_u64().is_some_and(|wait| wait >= 1000), "{data}");
    let others = [system.gateway(0).clone(), system.gateway(1).clone()];
    let front = Front::ours(&others, &[system.other_rest().address()]).await;
    for _ in 0..4 {
        EventStream::open(&front.address, &target, None).await.connected().await;
    }
    // A program that stands before several gateways is told so as our front is.
    let request = reqwest::Client::new().get(system.gateway(0).url(&target)).header("x-failover", "1");
    assert_eq!(request.send().await.expect("an answer").status(), 503);
    system.processes("channel-gateway 1")[0].terminate();
    for process in system.processes_mut().iter_mut().filter(|process| process.name() == "channel-gateway 1") {
        process.ended().await;
    }
    is_told_to_come_again(&front, &target).await;
    system.processes("chat-service 0")[0].thaw();
}

system_test! {
    async fn a_bad_token_is_still_an_http_error(system: System) {
        let target = "/channel/sse?session=1&token=nonsense";
        EventStream::refused(system.gateway(0), target).await.refused(401, "unauthorized");
        let front = system.front().await;
        EventStream::refused(&front.address, target).await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn what_our_front_itself_refuses_has_the_shape_of_all_other_errors() {
    let system = System::start(Shape::Standalone).await;
    let front = system.front().await;
    let long = "x".repeat(40_000);
    for (request, status, code) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400, "bad_request"),
        ("TRACE / HTTP/1.1\r\nHost: front\r\n\r\n".to_owned(), 405, "method_not_allowed"),
        (format!("GET /{long} HTTP/1.1\r\nHost: front\r\n\r\n"), 431, "too_large"),
        (format!("GET / HTTP/1.1\r\nHost: front\r\nCookie: {long}\r\n\r\n"), 431, "too_large"),
        ("GET /metrics HTTP/1.1\r\nHost: front\r\n\r\n".to_owned(), 404, "not_found"),
        ("GET /internal/tops HTTP/1.1\r\nHost: front\r\n\r\n".to_owned(), 404, "not_found"),
    ] {
        let mut answer = Raw::open(&front.address, &request).await;
        let head = answer.head().await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        assert!(head.contains("content-type: application/json") && head.contains("nosniff"), "{head}");
        let body: Value = serde_json::from_slice(&answer.bytes().await).expect("JSON");
        assert_eq!(body["error"]["code"], code, "{body}");
    }
}

/// An answer as it comes from the network.
struct Raw(BufReader<TcpStream>);

impl Raw {
    async fn open(gateway: &Gateway, request: &str) -> Self {
        let mut stream = TcpStream::connect(&gateway.authority).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        Self(BufReader::new(stream))
    }

    /// Its head, in small letters.
    async fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = in_time("a head", self.0.read_line(&mut head)).await.expect("text");
            assert!(read > 0, "the answer ended: {head}");
        }
        head.to_ascii_lowercase()
    }

    async fn bytes(&mut self) -> Vec<u8> {
        let bytes = in_time("bytes", self.0.fill_buf()).await.expect("an open stream").to_vec();
        assert!(!bytes.is_empty(), "the stream ended");
        self.0.consume(bytes.len());
        bytes
    }

    async fn until(&mut self, wanted: &str) {
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains(wanted) {
            text.extend(self.bytes().await);
        }
    }

    /// One chunk of the answer's body (RFC 9112, section 7.1).
    async fn chunk(&mut self) -> Vec<u8> {
        let mut size = String::new();
        in_time("a chunk", self.0.read_line(&mut size)).await.expect("text");
        let size = usize::from_str_radix(size.trim(), 16).expect("the size of a chunk");
        let mut chunk = vec![0; size + 2];
        in_time("a chunk", tokio::io::AsyncReadExt::read_exact(&mut self.0, &mut chunk)).await.expect("a whole chunk");
        chunk.truncate(size);
        chunk
    }
}

/// A compressed stream, as far as it can be read.
struct Unpacked {
    decoder: GzDecoder<Vec<u8>>,
    raw: Raw,
}

impl Unpacked {
    async fn until(&mut self, wanted: &str) {
        while !String::from_utf8_lossy(self.decoder.get_ref()).contains(wanted) {
            let chunk = self.raw.chunk().await;
            self.decoder.write_all(&chunk).expect("a gzip stream");
            self.decoder.flush().expect("a gzip stream");
        }
    }
}
