//! Long polling: what is its own. What every transport promises of coming back is in `recovery`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::order::Seen;
use system_tests::{Answer, Gateway, Person, Poller, Shape, System, system_test};
use test_support::wait::{in_time, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Far less than a poll waits.
const SOON: Duration = Duration::from_secs(10);

fn poller(gateway: &Gateway, person: &impl Person) -> Poller {
    Poller::new(gateway, &person.proof())
}

fn types(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().expect("a type")).collect()
}

/// Polls as the frames say until these messages have come; each must come once, in order.
async fn hears(poller: &mut Poller, chat: i64, bodies: &[String], gateways: &[&Gateway]) {
    let mut seen = Seen::new();
    for turn in 0.. {
        if seen.bodies(chat).len() >= bodies.len() {
            break;
        }
        poller.turn_to(gateways[turn % gateways.len()]);
        let frames = in_time("an answer", poller.poll(25.0)).await;
        assert_eq!(poller.close, Value::Null);
        assert_eq!(frames[0]["type"], "connected", "{frames:?}");
        frames[1..].iter().for_each(|frame| seen.frame(frame));
    }
    assert_eq!(seen.bodies(chat), bodies);
}

/// Polls until nothing is left to be told.
async fn settle(poller: &mut Poller) {
    while poller.poll(0.0).await.iter().any(|frame| !matches!(frame["type"].as_str(), Some("connected" | "resumed"))) {}
}

/// How many polls of that role wait at a gateway.
async fn waiting(gateway: &Gateway, role: &str) -> u64 {
    gateway.counted(&format!("active_connections{{role=\"{role}\",transport=\"poll\"}}")).await
}

async fn waits(gateway: &Gateway, role: &str, count: u64) {
    wait_until("a poll to wait", async || (waiting(gateway, role).await == count).then_some(())).await;
}

system_test! {
    async fn a_visitor_gets_each_message_once_over_many_polls(system: System) {
        let (ann, olga) = (system.visitor("Ann").await, system.operator("Olga").await);
        let gateways = [system.gateway(0), system.gateway(1)];
        let mut polls = poller(gateways[0], &ann);
        assert_eq!(types(&polls.poll(25.0).await), ["connected"], "the first is answered at once");
        let bodies: Vec<String> = (0..60).map(|number| number.to_string()).collect();
        let sending = async {
            for body in &bodies {
                olga.send(ann.session, body).await;
                olga.note(ann.session, "not for her").await;
            }
        };
        tokio::join!(sending, hears(&mut polls, ann.session, &bodies, &gateways));
        assert!(polls.answers < 3 * bodies.len(), "{} answers", polls.answers);
    }

    async fn a_member_gets_each_message_once_over_many_polls(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        let gateways = [system.gateway(0), system.gateway(1)];
        let mut polls = poller(gateways[0], &ben);
        assert_eq!(types(&polls.poll(25.0).await), ["connected"]);
        let bodies: Vec<String> = (0..60).map(|number| number.to_string()).collect();
        let sending = async {
            for body in &bodies {
                ada.send(chat, body).await.accepted();
            }
        };
        tokio::join!(sending, hears(&mut polls, chat, &bodies, &gateways));
    }

    async fn an_operator_gets_each_message_once_over_many_polls_of_sessions_old_and_new(system: System) {
        let olga = system.operator("Olga").await;
        let gateways = [system.gateway(0), system.gateway(1)];
        let mut polls = poller(gateways[0], &olga);
        assert_eq!(types(&polls.poll(25.0).await), ["connected"]);
        let (mut seen, mut sent) = (Seen::new(), Vec::new());
        let sending = async {
            for number in 0..20 {
                let visitor = system.visitor(&format!("Visitor {number}")).await;
                for body in ["one", "two", "three"] {
                    visitor.send(body).await;
                }
                sent.push(visitor.session);
            }
        };
        let hearing = async {
            for turn in 0.. {
                let frames = in_time("an answer", polls.poll(25.0)).await;
                frames[1..].iter().for_each(|frame| seen.frame(frame));
                if seen.count() == 60 {
                    break;
                }
                polls.turn_to(gateways[turn % 2]);
            }
        };
        tokio::join!(sending, hearing);
        for session in sent {
            assert_eq!(seen.bodies(session), ["one", "two", "three"]);
        }
        // Level again: nothing comes twice.
        assert_eq!(types(&polls.poll(0.2).await), ["connected", "resumed"]);
    }

    async fn a_session_that_came_between_two_polls_is_told_whole(system: System) {
        let olga = system.operator("Olga").await;
        let mut polls = poller(system.gateway(0), &olga);
        polls.poll(0.0).await;
        let ann = system.visitor("Ann").await;
        let sent = ann.send("Is anybody there?").await;
        // Nobody listened at either gateway.
        polls.turn_to(system.gateway(1));
        let began = Instant::now();
        let frames = polls.poll(25.0).await;
        assert!(began.elapsed() < SOON, "it waited");
        assert_eq!(types(&frames), ["connected", "chat.session.created", "chat.message", "resumed"]);
        assert_eq!(frames[2]["data"], sent);
        assert_eq!(polls.cursors()[&ann.session], sent["seq"].as_i64().expect("a seq"));
        assert_eq!(types(&polls.poll(0.2).await), ["connected", "resumed"]);
    }

    async fn a_chat_that_a_user_came_into_between_two_polls_is_told_at_once(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let mut polls = poller(system.gateway(0), &ben);
        polls.poll(0.0).await;
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        let began = Instant::now();
        let frames = polls.poll(25.0).await;
        assert!(began.elapsed() < SOON, "it waited");
        assert_eq!(frames[0]["data"]["chats"][0]["chat_id"], chat, "{frames:?}");
        // It knows of it now, and waits.
        let soup = async { ada.send(chat, "Soup?").await.good() };
        let (frames, soup) = tokio::join!(polls.poll(25.0), soup);
        let told = frames.iter().find(|frame| frame["type"] == "chat.message").expect("the message");
        assert_eq!(told["data"], soup);
    }

    async fn a_poll_is_answered_by_signals_too_and_at_the_end_of_its_wait(system: System) {
        let (ann, olga) = (system.visitor("Ann").await, system.operator("Olga").await);
        let mut staff = olga.socket(system.gateway(1)).await;
        staff.connected().await;
        let mut polls = poller(system.gateway(0), &ann);
        polls.poll(0.0).await;
        let began = Instant::now();
        assert_eq!(types(&polls.poll(0.7).await), ["connected"]);
        assert!(began.elapsed() >= Duration::from_millis(700));
        let typing = async {
            waits(system.gateway(0), "client", 1).await;
            staff.send(json!({"type": "typing", "chat_id": ann.session, "is_typing": true})).await;
        };
        let (frames, ()) = tokio::join!(polls.poll(25.0), typing);
        assert_eq!(types(&frames), ["connected", "chat.typing"]);
        assert_eq!(waiting(system.gateway(0), "client").await, 0);
    }

    async fn more_than_fits_in_an_answer_comes_with_the_next(system: System) {
        let (ann, olga) = (system.visitor("Ann").await, system.operator("Olga").await);
        let mut polls = poller(system.gateway(0), &ann);
        polls.poll(0.0).await;
        let long = "x".repeat(9_000);
        let bodies: Vec<String> = (0..60).map(|number| format!("{number} {long}")).collect();
        for body in &bodies {
            olga.send(ann.session, body).await;
        }
        let frames = polls.poll(25.0).await;
        let bytes: usize = frames.iter().map(|frame| frame.to_string().len()).sum();
        assert!((128 * 1024..256 * 1024).contains(&bytes) && polls.close == Value::Null, "{bytes} bytes");
        let first = frames.len() - 1;
        hears(&mut polls, ann.session, &bodies[first..], &[system.gateway(1)]).await;
    }

    async fn a_right_that_is_taken_ends_the_wait(system: System) {
        let (ann, olga) = (system.visitor("Ann").await, system.operator("Olga").await);
        let gateway = system.gateway(0);
        let mut polls = [poller(gateway, &ann), poller(gateway, &olga)];
        for polls in &mut polls {
            polls.poll(0.0).await;
            settle(polls).await;
        }
        let [anns, olgas] = &mut polls;
        let other = olga.log_in_again().await;
        let logging_out = async {
            waits(gateway, "staff", 1).await;
            let since = Instant::now();
            olga.log_out().await;
            since
        };
        let (_, since) = tokio::join!(olgas.poll(25.0), logging_out);
        assert!(since.elapsed() < Duration::from_secs(5), "it took {:?}", since.elapsed());
        let banning = async {
            waits(gateway, "client", 1).await;
            let since = Instant::now();
            let path = format!("/chat/session/{}/ban", ann.session);
            system.rest().post(&path, &other.token, json!({"is_banned": true})).await.accepted();
            since
        };
        let (_, since) = tokio::join!(anns.poll(25.0), banning);
        assert!(since.elapsed() < Duration::from_secs(5), "it took {:?}", since.elapsed());
        for polls in &mut polls {
            assert_eq!(polls.close["code"], 4501, "{}", polls.close);
            // Said again as often as it asks.
            let frames = polls.poll(25.0).await;
            assert_eq!(types(&frames), ["error"]);
            assert!(polls.close["code"].as_u64() >= Some(4500), "{}", polls.close);
        }
    }

    async fn a_peer_that_hangs_up_leaves_nothing_behind(system: System) {
        let ann = system.visitor("Ann").await;
        let gateway = system.gateway(0);
        let mut polls = poller(gateway, &ann);
        polls.poll(0.0).await;
        for _ in 0..3 {
            let body = json!({"cursors": polls.cursors()}).to_string();
            let mut peer = TcpStream::connect(&gateway.authority).await.expect("a connection");
            let head = format!(
                "POST /channel/poll?{} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
                ann.proof(),
                body.len()
            );
            peer.write_all(head.as_bytes()).await.expect("the gateway reads");
            waits(gateway, "client", 1).await;
            drop(peer);
            waits(gateway, "client", 0).await;
        }
    }

    async fn the_oldest_poll_of_too_many_gives_way(system: System) {
        let ann = system.visitor("Ann").await;
        let gateway = system.gateway(0);
        let mut first = poller(gateway, &ann);
        first.poll(0.0).await;
        let mut others: Vec<Poller> = (0..5).map(|_| first.clone()).collect();
        let crowd = async {
            waits(gateway, "client", 1).await;
            futures_util::future::join_all(others.iter_mut().map(async |polls| polls.poll(25.0).await)).await
        };
        let all_are_told = async {
            let frames = first.poll(25.0).await;
            // The others wait on, and hear what comes.
            waits(gateway, "client", 5).await;
            ann.send("Hello?").await;
            frames
        };
        let (told, frames) = tokio::join!(crowd, all_are_told);
        assert_eq!((types(&frames), &first.close["code"]), (vec!["connected"], &json!(4502)));
        for frames in told {
            assert_eq!(types(&frames), ["connected", "chat.message"]);
        }
    }

    async fn a_gateway_that_ends_answers_those_who_wait(system: System) {
        let mut system = system;
        let (ann, olga) = (system.visitor("Ann").await, system.operator("Olga").await);
        let gateway = system.gateway(0).clone();
        let mut polls = [poller(&gateway, &ann), poller(&gateway, &olga)];
        for polls in &mut polls {
            polls.poll(0.0).await;
            settle(polls).await;
        }
        let [anns, olgas] = &mut polls;
        let name = if system.shape() == Shape::Standalone { "standalone" } else { "channel-gateway 0" };
        let ending = async {
            waits(&gateway, "client", 1).await;
            waits(&gateway, "staff", 1).await;
            system.processes(name)[0].terminate();
        };
        tokio::join!(anns.poll(25.0), olgas.poll(25.0), ending);
        for polls in &polls {
            assert_eq!((&polls.close["code"], &polls.close["reason"]), (&4004.into(), &"restart".into()));
            assert!(polls.close["retry_after_ms"].as_u64().is_some_and(|wait| wait <= 5000), "{}", polls.close);
        }
        let process = system.processes_mut().iter_mut().find(|process| process.name() == name).expect("it");
        assert!(process.ended().await.success());
    }

    async fn what_cannot_be_served_is_told_so(system: System) {
        let (ann, ada, olga) = (system.visitor("Ann").await, system.user("Ada").await, system.operator("Olga").await);
        let gateway = system.gateway(0);
        let url = gateway.url("/channel/poll");
        let http = reqwest::Client::new();
        let ask = async |token: &str, body: &str| {
            let request = http.post(&url).bearer_auth(token).body(body.to_owned());
            Answer::read(request.send().await.expect("an answer")).await
        };
        for (body, code) in [("{", 400), ("[]", 400), (r#"{"wait": 26}"#, 422), (r#"{"wait": "now"}"#, 422)] {
            ask(&ada.token, body).await.refused(code, if code == 400 { "bad_request" } else { "invalid" });
        }
        let field = |error: Value| error["details"]["field"].as_str().expect("a field").to_owned();
        for (body, named) in [
            (r#"{"cursors": {"7": -1}}"#, "cursors"),
            (r#"{"cursors": {"x": 1}}"#, "cursors"),
            (r#"{"epoch": "one"}"#, "epoch"),
            (r#"{"after": 3}"#, "after"),
            (r#"{"waits": 3}"#, "waits"),
        ] {
            assert_eq!(field(ask(&ada.token, body).await.refused(422, "invalid")), named);
        }
        assert_eq!(field(ask(&ann.token, r#"{"cursors": {"1": 0, "7": 1}}"#).await.refused(422, "invalid")), "cursors");
        ask(&ann.token, r#"{"type": "staff"}"#).await.refused(400, "bad_request");
        ask(&ada.token, r#"{"type": "robot"}"#).await.refused(400, "bad_request");
        ask(&ada.token, r#"{"type": "staff"}"#).await.refused(403, "forbidden");
        ask(&ann.token, r#"{"session_id": 999999}"#).await.refused(401, "unauthorized");
        ask(&ada.token, r#"{"session_id": 999999}"#).await.refused(401, "unauthorized");
        ask("nonsense", "{}").await.refused(401, "unauthorized");
        ask("c1.nonsense", "{}").await.refused(401, "unauthorized");
        let without = http.post(&url).body("{}").send().await.expect("an answer");
        Answer::read(without).await.refused(401, "unauthorized");
        let get = http.get(&url).bearer_auth(&ada.token).send().await.expect("an answer");
        Answer::read(get).await.refused(405, "method_not_allowed");
        let form = http.post(&url).bearer_auth(&ada.token).header("content-type", "application/x-www-form-urlencoded");
        Answer::read(form.body("wait=3").send().await.expect("an answer")).await.refused(415, "unsupported_media_type");
        ask(&ann.token, &" ".repeat(5_000)).await.refused(413, "too_large");
        ask(&ada.token, &" ".repeat(1024 * 1024 + 1)).await.refused(413, "too_large");
        let page = http.post(&url).bearer_auth(&ada.token).header("origin", "https://evil.example").body("{}");
        Answer::read(page.send().await.expect("an answer")).await.refused(403, "forbidden");

        // A body of its size, and cursors that cannot be honoured.
        let many: BTreeMap<String, i64> = (0..20_001).map(|chat| (format!("{}", 5_000_000_000_i64 + chat), 1)).collect();
        let body = json!({"type": "staff", "cursors": many, "wait": 0}).to_string();
        let answer = ask(&olga.token, &body).await.good();
        let frames = answer["frames"].as_array().expect("frames");
        assert_eq!((&frames[1]["why"], &frames[1]["chats"]), (&"too_many".into(), &json!([5_000_020_000_i64])));
        assert_eq!(frames[2]["why"], "gone");
        let foreign = json!({"cursors": {ann.session.to_string(): 1}, "epoch": 9, "wait": 25}).to_string();
        let answer = ask(&ann.token, &foreign).await.good();
        assert_eq!(types(answer["frames"].as_array().expect("frames")), ["connected", "resync"], "at once");
        let ahead = json!({"cursors": {ann.session.to_string(): 9999}, "wait": 25}).to_string();
        let answer = ask(&ann.token, &ahead).await.good();
        assert_eq!(types(answer["frames"].as_array().expect("frames")), ["connected", "resync"]);
    }
}

#[tokio::test]
async fn who_polls_too_often_is_told_to_wait_in_an_answer_and_waits_no_longer_than_that() {
    let rates = [("CHANNEL__HANDSHAKES_PER_SECOND", "2"), ("CHANNEL__HANDSHAKE_BURST", "3")];
    let system = System::start_with(Shape::Standalone, &rates).await;
    let ann = system.visitor("Ann").await;
    let mut polls = poller(system.gateway(0), &ann);
    let mut told = 0;
    for _ in 0..20 {
        polls.poll(0.0).await;
        if polls.close != Value::Null {
            assert_eq!(polls.close["code"], 4006, "{}", polls.close);
            let wait = polls.close["retry_after_ms"].as_u64().expect("a time");
            assert!((1..=500).contains(&wait), "{wait} ms");
            tokio::time::sleep(Duration::from_millis(wait)).await;
            polls.poll(0.0).await;
            assert_eq!(polls.close, Value::Null, "it waited as long as it was told");
            told += 1;
        }
    }
    assert!(told > 0);
}

#[tokio::test]
async fn a_token_whose_time_ends_ends_the_wait() {
    let system = System::start_with(Shape::Standalone, &[("AUTH__SESSION_TTL", "3s")]).await;
    let ann = system.visitor("Ann").await;
    let mut polls = poller(system.gateway(0), &ann);
    polls.poll(0.0).await;
    let began = Instant::now();
    polls.poll(25.0).await;
    assert_eq!(polls.close["code"], 4001, "{}", polls.close);
    assert!(began.elapsed() < SOON);
    polls.ask(&json!({})).await.refused(401, "token_expired");
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_poll_and_our_front_passes_it_on() {
    let origin = "https://shop.example";
    let system = System::start_with(Shape::Distributed, &[("CORS__ALLOWED_ORIGINS", origin)]).await;
    let front = system.front().await;
    let url = front.address.url("/channel/poll");
    let ann = system.visitor("Ann").await;
    let preflight = reqwest::Client::new()
        .request(Method::OPTIONS, &url)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let preflight = preflight.send().await.expect("an answer");
    assert_eq!(
        (preflight.status().as_u16(), &preflight.headers()["access-control-allow-origin"]),
        (200, &origin.parse().expect("a header"))
    );
    let first = reqwest::Client::new()
        .post(&url)
        .header("origin", origin)
        .bearer_auth(&ann.token)
        .json(&json!({"session_id": ann.session}));
    let first = first.send().await.expect("an answer");
    assert_eq!(first.headers()["access-control-allow-origin"], origin);
    assert_eq!(first.headers()["content-type"], "application/json");

    let mut polls = poller(&front.address, &ann);
    polls.poll(0.0).await;
    let began = Instant::now();
    assert_eq!(types(&polls.poll(1.0).await), ["connected"]);
    assert!(began.elapsed() >= Duration::from_secs(1));
    let bodies: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let sending = async {
        for body in &bodies {
            ann.send(body).await;
        }
    };
    let gateways = [&front.address];
    tokio::join!(sending, hears(&mut polls, ann.session, &bodies, &gateways));
}

#[tokio::test]
async fn while_no_gateway_serves_our_front_says_when_to_come_again() {
    let mut system = System::start(Shape::Distributed).await;
    let (front, ann) = (system.front().await, system.visitor("Ann").await);
    for gateway in &mut system.take_processes("channel-gateway") {
        gateway.kill();
    }
    let mut polls = poller(&front.address, &ann);
    assert!(polls.poll(0.0).await.is_empty());
    assert_eq!((&polls.close["code"], &polls.close["reason"]), (&4005.into(), &"unavailable".into()));
    assert!(
        polls.close["retry_after_ms"].as_u64().is_some_and(|wait| (2000..=9999).contains(&wait)),
        "{}",
        polls.close
    );
}

#[tokio::test]
async fn a_chat_service_that_does_not_answer_is_told_within_the_time_of_a_poll() {
    let system = System::start(Shape::Distributed).await;
    let ann = system.visitor("Ann").await;
    let mut polls = poller(system.gateway(0), &ann);
    polls.poll(0.0).await;
    system.processes("chat-service 0")[0].freeze();
    let began = Instant::now();
    polls.poll(25.0).await;
    assert_eq!(polls.close["code"], 4005, "{}", polls.close);
    assert!(began.elapsed() < Duration::from_secs(25), "it took {:?}", began.elapsed());
    system.processes("chat-service 0")[0].thaw();
}

#[tokio::test]
async fn a_connection_that_polls_serves_the_next_request_too() {
    let system = System::start(Shape::Standalone).await;
    let ann = system.visitor("Ann").await;
    let mut peer = TcpStream::connect(&system.gateway(0).authority).await.expect("a connection");
    let body = r#"{"wait":0}"#;
    let request = format!(
        "POST /channel/poll?{} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        ann.proof(),
        body.len()
    );
    for _ in 0..3 {
        peer.write_all(request.as_bytes()).await.expect("the gateway reads");
        let mut answer = String::new();
        while !answer.contains("\"close\":null}") {
            let mut some = [0; 4096];
            let length = in_time("an answer", peer.read(&mut some)).await.expect("bytes");
            assert!(length > 0, "it ended behind {answer}");
            answer.push_str(&String::from_utf8_lossy(&some[..length]));
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
