//! A gateway that is told to end: everybody is told to come back, nothing that was begun is lost.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use system_tests::{Answer, EventStream, Shape, Socket, System, system_test};
use test_people::socket::Closed;
use test_support::wait::wait_until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

/// As docs/protocol.md says it: `restart; retry_after_ms=<milliseconds>`.
fn hint(closed: &Closed) -> u64 {
    assert_eq!(closed.code, 4004, "{closed:?}");
    let wait = closed.reason.strip_prefix("restart; retry_after_ms=").unwrap_or_else(|| panic!("{closed:?}"));
    wait.parse().expect("a number")
}

async fn stream_is_told(stream: &mut EventStream) {
    let (data, retry) = (stream.closed().await, stream.retry);
    assert_eq!((&data["code"], &data["reason"]), (&4004.into(), &"restart".into()));
    assert!(retry.is_some_and(|wait| wait <= 5000) && data["retry_after_ms"].as_u64() == retry, "{retry:?} {data}");
}

system_test! {
    async fn everybody_is_told_to_come_back_and_the_process_ends(system: System) {
        let mut system = system;
        let (ann, olga) = (system.visitor("Ann").await, system.operator("Olga").await);
        let gateway = system.gateway(0).clone();
        let mut sockets = [ann.socket(&gateway).await, olga.socket(&gateway).await];
        for socket in &mut sockets {
            socket.connected().await;
        }
        let mut streams = [ann.stream(&gateway).await, olga.stream(&gateway).await];
        for stream in &mut streams {
            stream.connected().await;
        }
        let name = if system.shape() == Shape::Standalone { "standalone" } else { "channel-gateway 0" };
        // It would not be waited for long, and is told at once.
        let mut unproved = Socket::open(&gateway, "/channel/ws").await;
        let process = system.processes_mut().iter_mut().find(|process| process.name() == name).expect("it");
        process.terminate();
        assert_eq!(unproved.close_code().await, 4004);
        for socket in &mut sockets {
            assert!(hint(&socket.closed().await) <= 5000);
        }
        for stream in &mut streams {
            stream_is_told(stream).await;
        }
        drop((sockets, streams, unproved));
        assert!(process.ended().await.success());
    }
}

#[tokio::test]
async fn a_page_that_is_left_open_holds_nothing_up_and_a_request_that_was_begun_is_answered() {
    let mut system = System::start(Shape::Standalone).await;
    let gateway = system.gateway(0).clone();
    // A browser keeps its connections for the next request.
    let page = reqwest::Client::new();
    assert!(page.get(gateway.url("/healthz")).send().await.expect("an answer").status().is_success());
    let body = json!({"name": "Ann"}).to_string();
    let mut begun = TcpStream::connect(gateway.url("").trim_start_matches("http://")).await.expect("a connection");
    begun.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("the server reads");
    begun.read_u8().await.expect("an answer");
    let head = format!(
        "POST /chat/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    begun.write_all(format!("{head}{}", &body[..1]).as_bytes()).await.expect("the server reads");
    let process = &mut system.processes_mut()[0];
    let told = Instant::now();
    process.terminate();
    begun.write_all(&body.as_bytes()[1..]).await.expect("the server reads");
    let mut answer = String::new();
    begun.read_to_string(&mut answer).await.expect("an answer, and its end");
    assert!(answer.contains("HTTP/1.1 201"), "{answer}");
    assert!(process.ended().await.success());
    // Far below the 10 seconds that requests are waited for, and the 75 that the page's connection would have been kept.
    assert!(told.elapsed() < Duration::from_secs(8), "it took {:?}", told.elapsed());
    drop(page);
}

#[tokio::test]
async fn what_was_written_before_is_answered_and_nobody_new_is_let_in() {
    let mut system = System::start(Shape::Distributed).await;
    let (ann, bob) = (system.visitor("Ann").await, system.visitor("Bob").await);
    let gateway = system.gateway(0).clone();
    let mut writer = ann.socket(&gateway).await;
    let mut idle = bob.socket(&gateway).await;
    let cursor = writer.connected().await["seq"].as_i64().expect("a cursor");
    idle.connected().await;

    // The gateway's chat-service takes its time.
    system.processes("chat-service 0")[0].freeze();
    let written: Vec<Uuid> = (0..3).map(|_| Uuid::new_v4()).collect();
    for client_id in &written {
        writer.send(json!({"type": "message", "body": "In flight", "client_id": client_id})).await;
    }
    writer.until_read().await;
    system.processes("channel-gateway 0")[0].terminate();
    hint(&idle.closed().await);
    let ready = reqwest::get(gateway.url("/readyz")).await.expect("an answer");
    assert_eq!(ready.status(), 503);
    let target = bob.socket_target();
    let refused = Socket::refused(&gateway, &target, None).await.refused(503, "unavailable");
    assert_eq!(refused["details"]["retry_after"], 1, "{refused}");
    let stream = format!("/channel/sse?session={}&token={}", bob.session, bob.token);
    let mut refused = EventStream::open(&gateway, &stream, None).await;
    let (data, retry) = (refused.closed().await, refused.retry);
    assert_eq!((&data["code"], &data["reason"]), (&4004.into(), &"restart".into()));
    assert!(retry.is_some_and(|wait| wait >= 1000) && data["retry_after_ms"].as_u64() == retry, "{retry:?} {data}");
    // Too late: not served, so not answered.
    writer.send(json!({"type": "message", "body": "Too late", "client_id": Uuid::new_v4()})).await;
    writer.until_read().await;

    system.processes("chat-service 0")[0].thaw();
    for client_id in &written {
        let ack = writer.next_of("ack").await;
        assert_eq!(ack["client_id"], client_id.to_string());
    }
    hint(&writer.closed().await);
    drop((writer, idle));
    let process = system.processes_mut().iter_mut().find(|process| process.name() == "channel-gateway 0").expect("it");
    assert!(process.ended().await.success());

    let mut back = ann.socket_after(system.gateway(1), cursor).await;
    back.connected().await;
    let bodies: Vec<_> =
        back.take_of("chat.message", 3).await.iter().map(|frame| frame["data"]["body"].clone()).collect();
    assert_eq!(bodies, ["In flight", "In flight", "In flight"]);
    assert!(back.until_pong().await.is_empty());
}

#[tokio::test]
async fn connections_are_closed_at_a_bounded_pace_and_told_different_times() {
    let mut system = System::start_with(Shape::Standalone, &[("CHANNEL__DRAIN_PER_SECOND", "20")]).await;
    let gateway = system.gateway(0).clone();
    let visitors = join_all((0..8).map(async |number| system.visitor(&format!("Visitor {number}")).await)).await;
    let mut sockets = Vec::new();
    for visitor in &visitors {
        for _ in 0..5 {
            let mut socket = visitor.socket(&gateway).await;
            socket.connected().await;
            sockets.push(socket);
        }
    }
    system.processes("standalone")[0].terminate();
    let closed = join_all(sockets.iter_mut().map(async |socket| (socket.closed().await, Instant::now()))).await;
    let hints: BTreeSet<u64> = closed.iter().map(|(closed, _)| hint(closed)).collect();
    let times = closed.iter().map(|(_, at)| *at);
    let took = times.clone().max().expect("one") - times.min().expect("one");
    // 39 pauses of 50 ms; a client may notice the first one late.
    assert!(took >= Duration::from_millis(1500), "all were closed within {took:?}");
    assert!(hints.len() > 20 && hints.iter().all(|wait| *wait <= 5000), "{hints:?}");
    drop(sockets);
    assert!(system.processes_mut()[0].ended().await.success());
}

#[tokio::test]
async fn a_client_that_does_not_answer_the_close_holds_nothing_up() {
    let mut system = System::start(Shape::Distributed).await;
    let ann = system.visitor("Ann").await;
    let gateway = system.gateway(0).clone();
    let mut socket = ann.socket(&gateway).await;
    let mut stream = ann.stream(&gateway).await;
    socket.connected().await;
    stream.connected().await;
    let process = system.processes_mut().iter_mut().find(|process| process.name() == "channel-gateway 0").expect("it");
    process.terminate();
    // Neither reads on, and both stay connected.
    assert!(process.ended().await.success());
    assert_eq!(socket.close_code().await, 4004);
    stream_is_told(&mut stream).await;
    let answer = wait_until("the gateway to be gone", async || reqwest::get(gateway.url("/healthz")).await.err()).await;
    assert!(answer.is_connect(), "{answer}");
    let other = Answer::read(reqwest::get(system.gateway(1).url("/readyz")).await.expect("an answer")).await;
    assert_eq!(other.status, 200);
}
