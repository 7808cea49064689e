//! What only the frame `resume` can say; coming back to many chats is in `recovery`.

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
    async fn cursors_of_another_database_and_too_many_of_them_are_told(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
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
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        ada.send(chat, "one").await.accepted();
        let mut socket = ben.socket(system.gateway(1)).await;
        socket.connected().await;
        socket.send(json!({"type": "resume", "cursors": {chat.to_string(): 0}})).await;
        let (frames, _) = until_resumed(&mut socket).await;
        assert_eq!(bodies(&frames, chat), ["one"]);
    }

    async fn who_announced_a_resume_and_says_something_else_is_live(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        let mut socket = Socket::open(system.gateway(1), &format!("/ws?token={}&resume=1", ben.token)).await;
        socket.connected().await;
        let sent = socket.say(Some(chat), "Hello").await;
        assert_eq!(socket.next_of("chat.message").await["data"], sent);
        Socket::refused(system.gateway(0), "/ws?resume=maybe&token=x", None).await.refused(400, "bad_request");
    }
}
