//! Who does not read is closed, loses nothing, and does nobody any harm.

use serde_json::Value;
use system_tests::{EventStream, Gateway, System, system_test};
use test_support::wait::wait_until;

/// Together far more than the kernel takes for a connection and what may be unsent behind it.
const MESSAGES: usize = 120;

/// A text of 40 KB with its number before it.
fn body(number: usize) -> String {
    format!("{number} {}", "\u{1F600}".repeat(9_900))
}

fn number(frame: &Value) -> usize {
    let body = frame["data"]["body"].as_str().unwrap_or_else(|| panic!("no body in {}", frame["type"]));
    body.split_once(' ').expect("a number").0.parse().expect("a number")
}

/// How many connections of a gateway were closed for being slow.
async fn slow_ones(gateway: &Gateway) -> u64 {
    gateway.counted("connections_closed_total{reason=\"slow consumer\"}").await
}

system_test! {
    async fn who_does_not_read_is_closed_and_its_neighbours_get_everything(system: System) {
        let (ann, olga) = (system.visitor("Ann").await, system.operator("Olga").await);
        let gateway = system.gateway(0);
        let (mut slow, mut socket) = (ann.socket(gateway).await, ann.socket(gateway).await);
        let (mut slow_stream, mut stream) = (ann.stream(gateway).await, ann.stream(gateway).await);
        let mut staff = olga.socket(gateway).await;
        for socket in [&mut slow, &mut socket, &mut staff] {
            socket.connected().await;
        }
        for stream in [&mut slow_stream, &mut stream] {
            stream.connected().await;
        }

        for number in 0..MESSAGES {
            let sent = olga.send(ann.session, &body(number)).await;
            for frame in [
                socket.next_of("chat.message").await,
                stream.next_of("chat.message").await,
                staff.next_of("chat.message").await,
            ] {
                assert_eq!((&frame["data"]["id"], &frame["seq"]), (&sent["id"], &sent["seq"]), "message {number}");
                assert!(frame["data"]["body"] == sent["body"], "another text in message {number}");
            }
        }
        // Both, though neither has read since: a stream that is not read is cut.
        wait_until("both to be closed as slow", async || (slow_ones(gateway).await == 2).then_some(())).await;
        assert!(socket.until_pong().await.is_empty());

        // What the kernels held is still read.
        let all: Vec<usize> = (0..MESSAGES).collect();
        let (mut seen, mut cursor) = (Vec::new(), 0);
        while let Ok(frame) = slow.next_or_closed().await {
            seen.push(number(&frame));
            cursor = frame["seq"].as_i64().expect("a seq");
        }
        assert!(!seen.is_empty() && seen.len() < MESSAGES, "{} messages", seen.len());
        let mut back = ann.socket_after(gateway, cursor).await;
        back.connected().await;
        let rest = back.take_of("chat.message", MESSAGES - seen.len()).await;
        seen.extend(rest.iter().map(number));
        assert_eq!(seen, all);
        assert!(back.until_pong().await.is_empty());

        let frames = slow_stream.until_end().await;
        let mut seen: Vec<usize> = frames.iter().filter(|frame| frame["type"] == "chat.message").map(number).collect();
        assert!(!seen.is_empty() && seen.len() < MESSAGES, "{} messages", seen.len());
        let target = format!("/channel/sse?session={}&token={}", ann.session, ann.token);
        let mut back = EventStream::open(gateway, &target, slow_stream.last_id.as_deref()).await;
        back.connected().await;
        while seen.len() < MESSAGES {
            seen.push(number(&back.next_of("chat.message").await));
        }
        assert_eq!(seen, all);
    }

    async fn who_reads_too_slowly_hears_why_it_is_closed(system: System) {
        let (ann, olga) = (system.visitor("Ann").await, system.operator("Olga").await);
        let mut lagging = ann.socket(system.gateway(0)).await;
        lagging.connected().await;
        for written in 0..MESSAGES {
            olga.send(ann.session, &body(written)).await;
            // It reads every third message that it is sent.
            if written % 3 == 0 {
                match lagging.next_or_closed().await {
                    Ok(frame) => assert_eq!(number(&frame), written / 3),
                    Err(closed) => return assert_eq!((closed.code, closed.reason.as_str()), (4002, "slow consumer")),
                }
            }
        }
        assert_eq!(lagging.close_code().await, 4002);
    }
}
