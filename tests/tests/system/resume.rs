//! Coming back: first what was missed, then live, in order and without a repeat.

use serde_json::{Value, json};
use system_tests::order::Seen;
use system_tests::{EventStream, Socket, System, system_test};

fn bodies(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["data"]["body"].as_str().expect("a text")).collect()
}

system_test! {
    async fn a_socket_with_a_cursor_first_gets_what_it_missed(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut before = visitor.socket(system.gateway(0)).await;
        before.connected().await;
        visitor.send("one").await;
        let cursor = before.next_of("chat.message").await["seq"].as_i64().expect("a seq");
        drop(before);
        for body in ["two", "three"] {
            operator.send(visitor.session, body).await;
        }
        let mut after = visitor.socket_after(system.gateway(1), cursor).await;
        after.connected().await;
        operator.send(visitor.session, "four").await;
        assert_eq!(bodies(&after.take_of("chat.message", 3).await), ["two", "three", "four"]);
        assert!(after.until_pong().await.iter().all(|frame| frame["type"] != "chat.message"));
    }

    async fn joining_while_messages_pour_in_leaves_no_gap_and_no_repeat(system: System) {
        const MESSAGES: usize = 60;
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let sending = async {
            for number in 0..MESSAGES {
                operator.send(visitor.session, &number.to_string()).await;
            }
        };
        let joining = async {
            let mut sockets = Vec::new();
            for number in 0..8 {
                let mut socket = visitor.socket_after(system.gateway(number), 0).await;
                socket.connected().await;
                sockets.push(socket);
                // Five connections of a session are allowed: the oldest leave.
                if sockets.len() > 4 {
                    sockets.remove(0);
                }
            }
            sockets
        };
        let ((), sockets) = tokio::join!(sending, joining);
        let sent: Vec<String> = (0..MESSAGES).map(|number| number.to_string()).collect();
        for mut socket in sockets {
            let mut seen = Seen::new();
            while seen.count() < MESSAGES {
                seen.frame(&socket.next().await);
            }
            assert_eq!(seen.bodies(visitor.session), sent);
        }
    }

    async fn a_stream_resumes_after_its_last_event_id(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut before = visitor.stream(system.gateway(0)).await;
        before.connected().await;
        operator.send(visitor.session, "one").await;
        before.next_of("chat.message").await;
        let last_id = before.last_id.clone().expect("an id");
        drop(before);
        operator.send(visitor.session, "two").await;
        let target = format!("/channel/sse?session={}&token={}", visitor.session, visitor.token);
        let mut after = EventStream::open(system.gateway(1), &target, Some(&last_id)).await;
        after.connected().await;
        assert_eq!(after.next_of("chat.message").await["data"]["body"], "two");
        operator.send(visitor.session, "three").await;
        assert_eq!(after.next_of("chat.message").await["data"]["body"], "three");
    }

    async fn an_operator_fetches_what_it_missed_by_subscribing_with_a_cursor(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut colleague = operator.socket(system.gateway(1)).await;
        let first = visitor.send("one").await;
        operator.note(visitor.session, "two, for us").await;
        visitor.send("three").await;
        // What a colleague on the same gateway has seen is no longer on its way.
        colleague.take_of("chat.message", 3).await;
        let mut staff = operator.socket(system.gateway(1)).await;
        staff.connected().await;
        staff.send(json!({"type": "subscribe", "session_id": visitor.session, "after": first["seq"]})).await;
        assert_eq!(bodies(&staff.take_of("chat.message", 2).await), ["two, for us", "three"]);
        let subscribed = staff.next_of("subscribed").await;
        assert_eq!(subscribed["chat_id"], visitor.session);
        assert_eq!(subscribed["data"]["session"]["client"]["name"], "Ann");
        visitor.send("four").await;
        assert_eq!(staff.next_of("chat.message").await["data"]["body"], "four");
    }

    async fn a_cursor_above_the_top_is_told_to_begin_anew(system: System) {
        let visitor = system.visitor("Ann").await;
        let mut socket = visitor.socket_after(system.gateway(0), 1_000_000).await;
        socket.connected().await;
        let resync = socket.next_of("resync").await;
        assert_eq!((&resync["why"], &resync["chats"]), (&"ahead".into(), &json!([visitor.session])));
        let sent = visitor.send("still here").await;
        assert_eq!(socket.next_of("chat.message").await["data"], sent);
    }

    async fn connected_tells_where_the_chat_stands(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let sent = operator.send(visitor.session, "Hello").await;
        let mut socket = visitor.socket(system.gateway(0)).await;
        let connected = socket.connected().await;
        assert_eq!((&connected["session_id"], &connected["seq"]), (&visitor.session.into(), &sent["seq"]));
        assert_eq!(connected["data"]["role"], "client");
        assert_eq!(connected["data"]["chats"][0]["seq"], sent["seq"]);
        let mut staff = operator.socket(system.gateway(0)).await;
        let connected = staff.connected().await;
        assert_eq!((&connected["data"]["role"], &connected["data"]["self_id"]), (&"staff".into(), &operator.id.into()));
        assert_eq!(connected["data"]["name"], "Olga");
    }

    async fn a_returning_visitor_gets_a_new_token_for_its_secret(system: System) {
        let visitor = system.visitor("Ann").await;
        visitor.send("Before").await;
        let path = format!("/chat/session/{}/channel-token", visitor.session);
        let fresh = system.other_rest().get(&path, &visitor.secret).await.good();
        let token = fresh["token"].as_str().expect("a token");
        let target = format!("/channel/ws?session={}&token={token}&after=0", visitor.session);
        let mut socket = Socket::open(system.gateway(1), &target).await;
        socket.connected().await;
        assert_eq!(socket.next_of("chat.message").await["data"]["body"], "Before");
        system.rest().get(&path, "no-such-secret").await.refused(401, "unauthorized");
    }
}
