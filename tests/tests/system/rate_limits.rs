//! How often one may connect, and how fast one may write on a socket.

use futures_util::future::join_all;
use reqwest::Response;
use serde_json::{Value, json};
use system_tests::{Answer, EventStream, Gateway, Shape, Socket, System};
use test_support::wait::in_time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

/// More tries than any machine makes in the seconds that the buckets here last.
const TRIES: usize = 100;

/// A handshake of a WebSocket or of an event stream, as the path says.
async fn knock(gateway: &Gateway, target: &str, forwarded_for: Option<&str>) -> Response {
    let mut request = reqwest::Client::new().get(gateway.url(target));
    if target.starts_with("/channel/ws") {
        for (name, value) in [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            request = request.header(name, value);
        }
    }
    if let Some(address) = forwarded_for {
        request = request.header("x-forwarded-for", address);
    }
    request.send().await.expect("an answer")
}

/// Knocks until it is told to wait; that answer, and how many others came before.
async fn until_told_to_wait(gateway: &Gateway, target: &str) -> (usize, Response) {
    for before in 0..TRIES {
        let answer = knock(gateway, target, None).await;
        if answer.status() == 429 {
            return (before, answer);
        }
    }
    panic!("{TRIES} handshakes and no limit");
}

/// In a stream: a browser's EventSource would end for good at any answer that is not 200.
async fn stream_is_told_to_wait(gateway: &Gateway, target: &str) {
    for _ in 0..TRIES {
        let mut stream = EventStream::open(gateway, target, None).await;
        let told = stream.next().await;
        if told["type"] != "connected" {
            assert_eq!((&told["code"], &told["reason"]), (&4006.into(), &"rate limited".into()), "{told}");
            let wait = told["retry_after_ms"].as_u64();
            assert!(wait.is_some_and(|wait| wait >= 1000) && stream.retry == wait, "{told}");
            return;
        }
    }
    panic!("{TRIES} streams and no limit");
}

async fn says_when_to_come_again(answer: Response) {
    let header = answer.headers()["retry-after"].to_str().expect("ASCII").to_owned();
    let error = Answer::read(answer).await.refused(429, "rate_limited");
    let millis = error["details"]["retry_after_ms"].as_u64().expect("a number");
    assert!((1..=1000).contains(&millis), "{error}");
    assert_eq!((error["details"]["retry_after"].to_string(), header.as_str()), ("1".to_owned(), "1"));
}

async fn an_owner_that_connects_too_often_is_told_when_to_come_again(shape: Shape) {
    let rates = [("CHANNEL__HANDSHAKES_PER_SECOND", "1"), ("CHANNEL__HANDSHAKE_BURST", "3")];
    let system = System::start_with(shape, &rates).await;
    let gateway = system.gateway(0);
    let ann = system.visitor("Ann").await;
    let (served, answer) = until_told_to_wait(gateway, &ann.socket_target()).await;
    assert!(served >= 3, "only {served} handshakes were served");
    says_when_to_come_again(answer).await;
    let stream = format!("/channel/sse?session={}&token={}", ann.session, ann.token);
    stream_is_told_to_wait(gateway, &stream).await;
    stream_is_told_to_wait(gateway, &ann.stream_url).await;
    // Nobody else is kept.
    system.visitor("Bob").await.socket(gateway).await.connected().await;
    system.operator("Olga").await.socket(gateway).await.connected().await;

    // A user's token may also come in a first frame.
    let ada = system.user("Ada").await;
    let init = json!({"type": "init", "access_token": ada.token});
    for _ in 0..TRIES {
        let mut socket = Socket::open(gateway, "/channel/ws").await;
        socket.send(init.clone()).await;
        let frame = socket.next().await;
        if frame["type"] == "error" {
            assert_eq!(frame["error"]["code"], "rate_limited", "{frame}");
            assert!(frame["error"]["details"]["retry_after_ms"].is_u64(), "{frame}");
            assert_eq!(socket.close_code().await, 4006);
            return;
        }
    }
    panic!("{TRIES} handshakes and no limit");
}

#[tokio::test]
async fn an_owner_that_connects_too_often_is_told_when_to_come_again_standalone() {
    an_owner_that_connects_too_often_is_told_when_to_come_again(Shape::Standalone).await;
}

#[tokio::test]
async fn an_owner_that_connects_too_often_is_told_when_to_come_again_distributed() {
    an_owner_that_connects_too_often_is_told_when_to_come_again(Shape::Distributed).await;
}

#[tokio::test]
async fn bad_tokens_from_an_address_keep_no_good_one_out() {
    let rates =
        [("CHANNEL__BAD_PROOFS_PER_SECOND", "1"), ("CHANNEL__BAD_PROOF_BURST", "3"), ("HTTP__TRUSTED_PROXIES", "1")];
    let system = System::start_with(Shape::Distributed, &rates).await;
    let gateway = system.gateway(1);
    let ann = system.visitor("Ann").await;
    let bad = format!("/channel/ws?session={}&token=nonsense", ann.session);
    let (told, answer) = until_told_to_wait(gateway, &bad).await;
    assert!(told >= 3, "only {told} bad tokens were told so");
    says_when_to_come_again(answer).await;
    let mut sockets = join_all((0..5).map(async |_| ann.socket(gateway).await)).await;
    for socket in &mut sockets {
        socket.connected().await;
    }
    // Another address behind the same proxy is told what is wrong with its token.
    assert_eq!(knock(gateway, &bad, Some("192.0.2.7")).await.status(), 401);
}

#[tokio::test]
async fn a_mass_reconnect_is_not_refused_as_things_are_configured() {
    let defaults = [
        ("CHANNEL__HANDSHAKES_PER_SECOND", "5"),
        ("CHANNEL__BAD_PROOFS_PER_SECOND", "10"),
        ("CHANNEL__FRAMES_PER_SECOND", "50"),
    ];
    let system = System::start_with(Shape::Standalone, &defaults).await;
    let gateway = system.gateway(0);
    let olga = system.operator("Olga").await;
    // All connections of an operator, thrice in a moment.
    for _ in 0..3 {
        let mut sockets = join_all((0..20).map(async |_| olga.socket(gateway).await)).await;
        for socket in &mut sockets {
            socket.connected().await;
        }
    }
    // Many visitors of one address.
    let names: Vec<String> = (0..200).map(|number| format!("Visitor {number}")).collect();
    let mut visitors = Vec::new();
    for some in names.chunks(20) {
        visitors.extend(join_all(some.iter().map(|name| system.visitor(name))).await);
    }
    for some in visitors.chunks(20) {
        join_all(some.iter().map(async |visitor| visitor.socket(gateway).await.connected().await)).await;
    }
}

const FRAME_RATES: [(&str, &str); 3] =
    [("CHANNEL__FRAMES_PER_SECOND", "5"), ("CHANNEL__FRAME_BURST", "10"), ("CHANNEL__FRAME_EXCESS", "50")];

fn message(number: usize) -> Value {
    json!({"type": "message", "body": format!("{number}"), "client_id": Uuid::new_v4()})
}

#[tokio::test]
async fn frames_that_come_too_fast_are_refused_and_served_after_the_wait() {
    let system = System::start_with(Shape::Distributed, &FRAME_RATES).await;
    let ann = system.visitor("Ann").await;
    let mut socket = ann.socket(system.gateway(0)).await;
    socket.connected().await;
    let messages: Vec<Value> = (0..30).map(message).collect();
    for message in &messages {
        socket.send(message.clone()).await;
    }
    let (mut acks, mut refused) = (Vec::new(), Vec::new());
    while acks.len() + refused.len() < messages.len() {
        let frame = socket.next().await;
        match frame["type"].as_str() {
            Some("ack") => acks.push(frame["client_id"].clone()),
            Some("error") => refused.push(frame),
            _ => {}
        }
    }
    assert!(acks.len() >= 10 && !refused.is_empty(), "{} served, {} refused", acks.len(), refused.len());
    for frame in &refused {
        assert_eq!(frame["error"]["code"], "rate_limited", "{frame}");
        assert!(messages.iter().any(|message| message["client_id"] == frame["client_id"]), "{frame}");
    }
    // As long as it says, and the connection serves again.
    let mut again = messages.iter().find(|message| message["client_id"] == refused[0]["client_id"]).cloned();
    while let Some(message) = again.take() {
        let wait = refused.last().expect("one")["error"]["details"]["retry_after_ms"].as_u64().expect("a number");
        tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
        socket.send(message.clone()).await;
        let answer = loop {
            let frame = socket.next().await;
            if frame["client_id"] == message["client_id"] && frame["type"] != "chat.message" {
                break frame;
            }
        };
        if answer["type"] != "ack" {
            refused.push(answer);
            again = Some(message);
        }
    }
    assert_eq!(ann.messages().await.len(), acks.len() + 1);
}

/// A frame as a client sends it, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).ok().filter(|length| *length < 126).expect("a short payload");
    [&[first, 0x80 | length, 0, 0, 0, 0][..], payload].concat()
}

#[tokio::test]
async fn a_flood_of_frames_of_any_kind_is_closed_and_harms_no_neighbour() {
    let system = System::start_with(Shape::Standalone, &FRAME_RATES).await;
    let gateway = system.gateway(0);
    let (ann, bob) = (system.visitor("Ann").await, system.visitor("Bob").await);
    let mut neighbour = bob.socket(gateway).await;
    neighbour.connected().await;
    let a_message = [frame(0x01, b"{"), frame(0x00, b" ").repeat(TRIES)].concat();
    let floods = [
        ("pings", frame(0x89, b"?").repeat(TRIES)),
        ("pongs", frame(0x8a, b"").repeat(TRIES)),
        ("texts", frame(0x81, br#"{"type":"ping"}"#).repeat(TRIES)),
        ("fragments", a_message),
        ("empty fragments", [frame(0x01, b""), frame(0x00, b"").repeat(TRIES)].concat()),
    ];
    for (name, flood) in floods {
        let mut socket = ann.socket(gateway).await;
        socket.connected().await;
        socket.write_bytes(&flood).await.expect("the gateway reads");
        assert_eq!(socket.close_code().await, 4006, "{name}");
        assert_eq!(neighbour.say(None, name).await["body"], name);
    }
    // A frame that comes byte by byte.
    let mut socket = ann.socket(gateway).await;
    socket.connected().await;
    socket.write_bytes(&[0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.expect("the gateway reads");
    for _ in 0..1500 {
        if socket.write_bytes(b"x").await.is_err() {
            break;
        }
        // Bytes that come at once are one piece.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(socket.close_code().await, 4006);
    assert_eq!(neighbour.say(None, "Still here").await["body"], "Still here");
}

#[tokio::test]
async fn a_ping_above_the_limit_is_not_answered_and_those_below_are() {
    let system = System::start_with(Shape::Standalone, &FRAME_RATES).await;
    let ann = system.visitor("Ann").await;
    let mut socket = ann.socket(system.gateway(0)).await;
    socket.connected().await;
    socket.until_read().await;
    // Pongs that the gateway asked for, and messages as before, are not concerned.
    assert_eq!(socket.say(None, "Hello").await["body"], "Hello");
    socket.write_bytes(&frame(0x89, b"?").repeat(40)).await.expect("the gateway reads");
    let refused = loop {
        socket.send(json!({"type": "ping"})).await;
        if let Ok(frame) = socket.next_or_closed().await
            && frame["type"] == "error"
        {
            break frame;
        }
    };
    assert_eq!(refused["error"]["code"], "rate_limited", "{refused}");
}

#[tokio::test]
async fn what_is_no_http_is_told_so_and_let_go() {
    let system = System::start(Shape::Standalone).await;
    let gateway = system.gateway(0);
    for words in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\0\0\0\0", b"{\"type\":\"ping\"}"] {
        let mut stream = TcpStream::connect(&gateway.authority).await.expect("the gateway listens");
        stream.write_all(words).await.expect("the gateway reads");
        let mut answer = String::new();
        in_time("an end", stream.read_to_string(&mut answer)).await.expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
        let body: Value = serde_json::from_str(body).expect("JSON");
        Answer { status: 400, body }.refused(400, "bad_request");
    }
}

#[tokio::test]
async fn a_flood_that_goes_on_is_closed_and_its_neighbours_are_not() {
    let system = System::start_with(Shape::Standalone, &FRAME_RATES).await;
    let ann = system.visitor("Ann").await;
    let mut neighbour = ann.socket(system.gateway(0)).await;
    let mut socket = ann.socket(system.gateway(0)).await;
    neighbour.connected().await;
    socket.connected().await;
    for _ in 0..TRIES {
        socket.send(json!({"type": "ping"})).await;
    }
    assert_eq!(socket.close_code().await, 4006);
    assert!(neighbour.until_pong().await.is_empty());
    ann.socket(system.gateway(0)).await.connected().await;
}

async fn fresh_sessions_on_sockets_write_no_faster_than_their_address_may(shape: Shape) {
    let limits = [("LIMITS__FRESH_SENDS_PER_SECOND", "1"), ("LIMITS__FRESH_SEND_BURST", "5")];
    let system = System::start_with(shape, &limits).await;
    let visitors = join_all((0..15).map(async |number| system.visitor(&format!("Visitor {number}")).await)).await;
    let answers = join_all(visitors.iter().map(async |visitor| {
        let mut socket = visitor.socket(system.gateway(0)).await;
        socket.connected().await;
        let message = message(1);
        socket.send(message.clone()).await;
        loop {
            let frame = socket.next().await;
            if frame["client_id"] == message["client_id"] && frame["type"] != "chat.message" {
                break frame;
            }
        }
    }))
    .await;
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer["type"] == "ack");
    assert!(served.len() >= 5 && !refused.is_empty(), "{} served, {} refused", served.len(), refused.len());
    for frame in refused {
        assert_eq!(frame["error"]["code"], "rate_limited", "{frame}");
        assert!(frame["error"]["details"]["retry_after_ms"].is_u64(), "{frame}");
    }
}

#[tokio::test]
async fn fresh_sessions_on_sockets_write_no_faster_than_their_address_may_standalone() {
    fresh_sessions_on_sockets_write_no_faster_than_their_address_may(Shape::Standalone).await;
}

#[tokio::test]
async fn fresh_sessions_on_sockets_write_no_faster_than_their_address_may_distributed() {
    fresh_sessions_on_sockets_write_no_faster_than_their_address_may(Shape::Distributed).await;
}
