//! Coming back to many chats at once.

use serde_json::{Value, json};
use system_tests::order::Seen;
use system_tests::{Socket, System, system_test};

/// Everything up to `resumed`, which comes last.
async fn until_resumed(socket: &mut Socket) -> (Vec<Value>, Value) {
    let mut frames = Vec::new();
    loop {
        let frame = socket.next().await;
        if frame["type"] == "resumed" {
            return (frames, frame);
        }
        frames.push(frame);
    }
}

fn bodies(frames: &[Value], chat: i64) -> Vec<String> {
    let mut seen = Seen::new();
    frames.iter().for_each(|frame| seen.frame(frame));
    seen.bodies(chat).to_vec()
}

fn resync<'a>(frames: &'a [Value], why: &str) -> Option<&'a Value> {
    frames.iter().find(|frame| frame["type"] == "resync" && frame["why"] == why).map(|frame| &frame["chats"])
}

system_test! {
    async fn a_user_resumes_all_its_chats_before_anything_newer(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let members = [&ada, &ben];
        let [missed, level, ahead, new] = ["Missed", "Level", "Ahead", "New"].map(|name| system.group_chat(name, &members));
        let not_mine = system.group_chat("Not Ben's", &[&ada]);
        let first = ada.send(missed, "seen").await.good();
        let last = ada.send(level, "seen").await.good();
        for body in ["two", "three"] {
            ada.send(missed, body).await.accepted();
        }
        ada.send(new, "not asked for").await.accepted();
        let mut socket = Socket::open(system.gateway(1), &format!("/ws?token={}&resume=1", ben.token)).await;
        let connected = socket.connected().await;
        // Sent before the cursors are: it comes after what was missed all the same.
        ada.send(missed, "four").await.accepted();
        socket.send(json!({
            "type": "resume", "epoch": connected["data"]["epoch"],
            "cursors": {
                missed.to_string(): first["seq"], level.to_string(): last["seq"], ahead.to_string(): 1_000_000,
                not_mine.to_string(): 1,
            },
        })).await;
        let (mut frames, resumed) = until_resumed(&mut socket).await;
        assert_eq!(bodies(&frames, level), Vec::<String>::new());
        assert_eq!(bodies(&frames, new), Vec::<String>::new());
        assert_eq!(resync(&frames, "gone"), Some(&json!([not_mine])));
        assert_eq!(resync(&frames, "ahead"), Some(&json!([ahead])));
        assert_eq!(resumed["cursors"][level.to_string()], last["seq"]);
        while bodies(&frames, missed).len() < 3 {
            frames.push(socket.next().await);
        }
        assert_eq!(bodies(&frames, missed), ["two", "three", "four"]);
        let sent = ada.send(ahead, "live").await.good();
        assert_eq!(socket.next_of("chat.message").await["data"], sent);
    }

    async fn an_operator_resumes_sessions_without_a_gap_or_a_repeat(system: System) {
        let operator = system.operator("Olga").await;
        let (ann, bob, cid) = (system.visitor("Ann").await, system.visitor("Bob").await, system.visitor("Cid").await);
        let seen = ann.send("one").await;
        let level = bob.send("level").await;
        operator.note(ann.session, "a note").await;
        ann.send("three").await;
        let target = format!("/channel/ws?type=staff&access_token={}&resume=1", operator.token);
        let mut staff = Socket::open(system.gateway(1), &target).await;
        staff.connected().await;
        cid.send("while it connects").await;
        ann.send("four").await;
        let cursors = json!({ann.session.to_string(): seen["seq"], bob.session.to_string(): level["seq"]});
        staff.send(json!({"type": "resume", "cursors": cursors})).await;
        let (mut frames, _) = until_resumed(&mut staff).await;
        while bodies(&frames, ann.session).len() < 3 || bodies(&frames, cid.session).is_empty() {
            frames.push(staff.next().await);
        }
        assert_eq!(bodies(&frames, ann.session), ["a note", "three", "four"]);
        assert_eq!(bodies(&frames, bob.session), Vec::<String>::new());
        bob.send("news").await;
        frames.push(staff.next_of("chat.message").await);
        assert_eq!(bodies(&frames, bob.session), ["news"]);
        assert!(staff.until_pong().await.is_empty());
    }

    async fn cursors_of_another_database_and_too_many_of_them_are_told(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]);
        let mut socket = Socket::open(system.gateway(0), &format!("/ws?token={}&resume=1", ben.token)).await;
        socket.connected().await;
        socket.send(json!({"type": "resume", "epoch": 999, "cursors": {chat.to_string(): 1}})).await;
        let (frames, _) = until_resumed(&mut socket).await;
        assert_eq!(resync(&frames, "epoch"), Some(&json!([chat])));
        let cursors: serde_json::Map<_, _> = (1..=1001).map(|id| ((1_000_000 + id).to_string(), json!(1))).collect();
        socket.send(json!({"type": "resume", "cursors": cursors})).await;
        let (frames, _) = until_resumed(&mut socket).await;
        assert_eq!(resync(&frames, "too_many").and_then(Value::as_array).map(Vec::len), Some(1));
        assert_eq!(resync(&frames, "gone").and_then(Value::as_array).map(Vec::len), Some(1000));
    }

    async fn a_late_resume_fetches_what_is_older(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]);
        ada.send(chat, "one").await.accepted();
        let mut socket = ben.socket(system.gateway(1)).await;
        socket.connected().await;
        socket.send(json!({"type": "resume", "cursors": {chat.to_string(): 0}})).await;
        let (frames, _) = until_resumed(&mut socket).await;
        assert_eq!(bodies(&frames, chat), ["one"]);
    }

    async fn who_announced_a_resume_and_says_something_else_is_live(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]);
        let mut socket = Socket::open(system.gateway(1), &format!("/ws?token={}&resume=1", ben.token)).await;
        socket.connected().await;
        let sent = socket.say(Some(chat), "Hello").await;
        assert_eq!(socket.next_of("chat.message").await["data"], sent);
        Socket::refused(system.gateway(0), "/ws?resume=maybe&token=x", None).await.refused(400, "bad_request");
    }
}
