//! Connections that are opened and not used: whoever has many of them keeps nobody out, and none of them is kept for long.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use system_tests::{Gateway, Shape, Socket, System, Visitor, system_test};
use test_support::wait_until;

/// A process that may open so few files has room for 256 connections, of which 212 may be channels.
const FILES: u32 = 352;

fn say(gateway: &Gateway, words: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&gateway.authority).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream.write_all(words.as_bytes()).expect("the server reads");
    stream
}

fn answer(gateway: &Gateway, words: &str) -> String {
    let mut answer = Vec::new();
    // What was sent before a reset counts.
    let _ = say(gateway, words).read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads up to the event that lets a stream in, or that ends it.
fn is_let_in(stream: &mut TcpStream) -> bool {
    let (mut all, mut some) = (String::new(), [0; 4096]);
    while !all.contains("event: close") {
        if all.contains("\"connected\"") {
            return true;
        }
        let length = stream.read(&mut some).expect("an event in time");
        assert!(length > 0, "the stream ended: {all}");
        all.push_str(&String::from_utf8_lossy(&some[..length]));
    }
    assert!(all.contains("retry: "), "{all}");
    false
}

fn stream_request(visitor: &Visitor, header: &str) -> String {
    format!("GET {} HTTP/1.1\r\nHost: a\r\n{header}\r\n", visitor.stream_url)
}

#[tokio::test]
async fn health_is_answered_and_people_come_in_while_ten_times_as_many_half_requests_wait_as_there_is_room_for() {
    let system = System::start_with_open_files(FILES).await;
    let gateway = system.gateway(0).clone();
    let login =
        "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let halves = ["", "GET /healthz HT", login];
    let held: Vec<_> = halves.iter().cycle().take(2560).map(|half| say(&gateway, half)).collect();
    for path in ["/healthz", "/readyz"] {
        let since = Instant::now();
        assert_eq!(reqwest::get(gateway.url(path)).await.expect("an answer").status(), 200);
        assert!(since.elapsed() < Duration::from_secs(5), "{path} took {:?}", since.elapsed());
    }
    let ann = system.visitor("Ann").await;
    let mut socket = ann.socket(&gateway).await;
    socket.connected().await;
    let mut stream = ann.stream(&gateway).await;
    stream.connected().await;
    let sent = ann.send("Is anybody there?").await;
    assert_eq!(socket.next_of("chat.message").await["data"], sent);
    assert_eq!(stream.next_of("chat.message").await["data"], sent);
    assert!(gateway.counted("http_connections_cut_total{reason=\"newcomer\"}").await > 1000);
    drop(held);
}

#[tokio::test]
async fn channels_leave_room_for_newcomers() {
    let system = System::start_with_open_files(FILES).await;
    let gateway = system.gateway(0).clone();
    let mut held = Vec::new();
    let visitor = loop {
        assert!(held.len() < 250, "all are let in");
        // Each session may have five.
        let visitor = system.visitor("Ann").await;
        let streams: Vec<_> = (0..5).map(|_| say(&gateway, &stream_request(&visitor, ""))).collect();
        let before = held.len();
        for mut stream in streams {
            if is_let_in(&mut stream) {
                held.push(stream);
            }
        }
        if held.len() < before + 5 {
            break visitor;
        }
    };
    assert_eq!(held.len(), 212);
    Socket::refused(&gateway, &format!("/ws?session={}&token={}", visitor.session, visitor.token), None)
        .await
        .refused(503, "unavailable");
    assert_eq!(reqwest::get(gateway.url("/healthz")).await.expect("an answer").status(), 200);
    visitor.send("Still written").await;
    held.truncate(200);
    wait_until("there is room again", async || {
        is_let_in(&mut say(&gateway, &stream_request(&visitor, ""))).then_some(())
    })
    .await;
}

system_test! {
    async fn an_event_stream_whose_peer_is_gone_is_noticed_at_once(system: System) {
        let (ann, gateway) = (system.visitor("Ann").await, system.gateway(0).clone());
        let closed = "connections_closed_total{reason=\"peer gone\"}";
        for round in 1..=5 {
            let mut stream = say(&gateway, &stream_request(&ann, ""));
            assert!(is_let_in(&mut stream));
            let since = Instant::now();
            if round % 2 == 0 {
                // Whoever still reads is gone too: an event stream has no other way to say so.
                stream.shutdown(std::net::Shutdown::Write).expect("a socket");
            } else {
                drop(stream);
            }
            wait_until("it is noticed", async || (gateway.counted(closed).await == round).then_some(())).await;
            assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
        }
    }

    async fn before_http_1_1_there_is_no_websocket_and_a_stream_has_no_chunks(system: System) {
        let (ann, gateway) = (system.visitor("Ann").await, system.gateway(0).clone());
        let target = format!("/ws?session={}&token={}", ann.session, ann.token);
        let handshake = format!(
            "GET {target} HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let refused = answer(&gateway, &handshake);
        assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("bad_request"), "{refused}");
        let mut stream = say(&gateway, &stream_request(&ann, "").replace("HTTP/1.1", "HTTP/1.0"));
        let mut head = [0; 1024];
        let length = stream.read(&mut head).expect("an answer");
        let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
        assert!(head.contains("200 ok") && !head.contains("chunked"), "{head}");
    }

    async fn what_is_no_http_is_refused_in_the_one_shape_by_every_server_and_logged_with_its_peer_alone(system: System) {
        let secret = "nobody-may-read-this";
        for process in ["standalone", "chat-service", "dispatcher", "channel-gateway"] {
            let Some(address) = system.address_of(process) else { continue };
            let gateway = Gateway { authority: address };
            for _ in 0..100 {
                let answer = answer(&gateway, &format!("{secret} nonsense\r\n\r\n"));
                assert!(answer.starts_with("HTTP/1.1 400 "), "{process}: {answer}");
                let body: serde_json::Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
                assert_eq!(body["error"]["code"], "bad_request", "{process}");
            }
            let log = system.processes(process)[0].log();
            let lines: Vec<_> = log.iter().filter(|line| line.contains("a request cannot be read")).collect();
            assert!((1..=15).contains(&lines.len()), "{process}: {} lines", lines.len());
            assert!(lines.iter().all(|line| line.contains("127.0.0.1")), "{process}: {lines:?}");
            assert!(!log.iter().any(|line| line.contains(secret)), "{process}");
            assert!(!log.iter().any(|line| line.contains("stream error")), "{process}");
        }
    }
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_one_behind_a_proxy_so_many_channels() {
    let system = System::start_with(Shape::Standalone, &[("HTTP__CONNECTIONS_PER_ADDRESS", "10")]).await;
    let gateway = system.gateway(0).clone();
    let held: Vec<_> = (0..10).map(|_| say(&gateway, "GET")).collect();
    let refused = wait_until("the eleventh is refused", async || {
        let refused = answer(&gateway, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
        refused.starts_with("HTTP/1.1 429 ").then_some(refused)
    })
    .await;
    assert!(refused.contains("rate_limited") && refused.contains("Retry-After: 5"), "{refused}");
    drop(held);

    let behind = [("HTTP__CONNECTIONS_PER_ADDRESS", "2"), ("HTTP__TRUSTED_PROXIES", "1")];
    let system = System::start_with(Shape::Standalone, &behind).await;
    let (ann, gateway) = (system.visitor("Ann").await, system.gateway(0).clone());
    let from = |address: &str| stream_request(&ann, &format!("X-Forwarded-For: {address}\r\n"));
    let mut held: Vec<_> = (0..2).map(|_| say(&gateway, &from("2001:db8::1"))).collect();
    assert!(held.iter_mut().all(is_let_in));
    assert!(!is_let_in(&mut say(&gateway, &from("2001:db8::2"))));
    let handshake = |address: &str| {
        format!(
            "GET /ws?session={}&token={} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            ann.session, ann.token
        )
    };
    let refused = answer(&gateway, &handshake("2001:db8::3"));
    assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("too many connections"), "{refused}");
    assert!(is_let_in(&mut say(&gateway, &from("192.0.2.7"))));
}
