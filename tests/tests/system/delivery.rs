//! What is written reaches everybody who may see it.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;
use system_tests::order::{Seen, chat_of};
use system_tests::{System, Visitor, system_test};

system_test! {
    async fn an_operator_receives_a_visitors_message(system: System) {
        let operator = system.operator("Olga").await;
        let mut socket = operator.socket(system.gateway(1)).await;
        socket.connected().await;
        let visitor = system.visitor("Ann").await;
        let created = socket.next_of("chat.session.created").await;
        assert_eq!(created["session_id"], visitor.session);
        assert_eq!(created["data"]["client"]["name"], "Ann");
        let sent = visitor.send("Is anybody there?").await;
        let frame = socket.next_of("chat.message").await;
        assert_eq!((&frame["session_id"], &frame["seq"]), (&visitor.session.into(), &sent["seq"]));
        assert_eq!(frame["data"], sent);
        assert_eq!((&sent["sender_type"], &sent["body"]), (&"client".into(), &"Is anybody there?".into()));
    }

    async fn a_visitor_receives_the_operators_answer_over_sse(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut stream = visitor.stream(system.gateway(0)).await;
        stream.connected().await;
        let sent = operator.send(visitor.session, "Yes: how can I help?").await;
        let frame = stream.next_of("chat.message").await;
        assert_eq!(frame["data"], sent);
        assert_eq!((&sent["sender_type"], &sent["sender_name"]), (&"operator".into(), &"Olga".into()));
        assert_eq!(stream.last_id, Some(format!("1:{}", frame["seq"])));
    }

    async fn the_signed_link_is_a_stream_of_the_same_session(system: System) {
        let visitor = system.visitor("Ann").await;
        let mut stream = system_tests::EventStream::open(system.gateway(1), &visitor.stream_url, None).await;
        assert_eq!(stream.connected().await["session_id"], visitor.session);
        let sent = visitor.send("Hello").await;
        assert_eq!(stream.next_of("chat.message").await["data"], sent);
    }

    async fn a_note_reaches_operators_and_never_the_client(system: System) {
        let (olga, oleg) = (system.operator("Olga").await, system.operator("Oleg").await);
        let visitor = system.visitor("Ann").await;
        let mut staff = oleg.socket(system.gateway(0)).await;
        staff.connected().await;
        let mut client = visitor.socket(system.gateway(1)).await;
        let mut stream = visitor.stream(system.gateway(0)).await;
        let cursor = client.connected().await["seq"].as_i64().expect("a cursor");
        stream.connected().await;

        let note = olga.note(visitor.session, "Careful, a big customer").await;
        let answer = olga.send(visitor.session, "Good morning!").await;

        assert_eq!(staff.next_of("chat.message").await["data"], note);
        assert_eq!(staff.next_of("chat.message").await["data"], answer);
        // The answer comes after the note: what is not here by now does not come.
        assert_eq!(client.next_of("chat.message").await["data"], answer);
        assert_eq!(stream.next_of("chat.message").await["data"], answer);
        let mut late = visitor.socket_after(system.gateway(1), cursor).await;
        late.connected().await;
        assert_eq!(late.next_of("chat.message").await["data"], answer);
        let read = visitor.messages().await;
        assert!(read.iter().all(|message| message["id"] != note["id"]), "{read:?}");
        assert!(olga.messages(visitor.session).await.contains(&note));
    }

    async fn a_message_crosses_from_one_gateway_to_the_other_and_back(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut client = visitor.socket(system.gateway(0)).await;
        let mut staff = operator.socket(system.gateway(1)).await;
        client.connected().await;
        staff.connected().await;
        let question = client.say(None, "How much is it?").await;
        assert_eq!(staff.next_of("chat.message").await["data"], question);
        let answer = staff.say(Some(visitor.session), "Ten.").await;
        // One's own message comes back too: that is what moves the cursor.
        assert_eq!(client.next_of("chat.message").await["data"], question);
        assert_eq!(client.next_of("chat.message").await["data"], answer);
    }

    async fn twenty_chats_of_fifty_messages_arrive_in_order_and_once(system: System) {
        const CHATS: usize = 20;
        const MESSAGES: usize = 50;
        let operator = system.operator("Olga").await;
        let mut staff = operator.socket(system.gateway(1)).await;
        let mut stream = operator.stream(system.gateway(0)).await;
        staff.connected().await;
        stream.connected().await;
        let names: Vec<String> = (0..CHATS).map(|number| format!("Visitor {number}")).collect();
        let visitors: Vec<Visitor> = join_all(names.iter().map(|name| system.visitor(name))).await;
        let sending = join_all(visitors.iter().map(async |visitor| {
            for number in 0..MESSAGES {
                visitor.send(&format!("{} {number}", visitor.session)).await;
            }
        }));
        let by_socket = async {
            let mut seen = Seen::new();
            while seen.count() < CHATS * MESSAGES {
                seen.frame(&staff.next().await);
            }
            seen
        };
        let by_stream = async {
            let mut seen = Seen::new();
            while seen.count() < CHATS * MESSAGES {
                seen.frame(&stream.next().await);
            }
            seen
        };
        let (_, by_socket, by_stream) = tokio::join!(sending, by_socket, by_stream);
        for session in visitors.iter().map(|visitor| visitor.session) {
            let sent: Vec<String> = (0..MESSAGES).map(|number| format!("{session} {number}")).collect();
            assert_eq!(by_socket.bodies(session), sent);
            assert_eq!(by_stream.bodies(session), sent);
        }
    }

    async fn a_session_is_opened_to_its_own_client_alone(system: System) {
        let (ann, bob) = (system.visitor("Ann").await, system.visitor("Bob").await);
        let mut socket = bob.socket(system.gateway(0)).await;
        socket.connected().await;
        ann.send("For the operator only").await;
        let own = bob.send("Mine").await;
        assert_eq!(socket.next_of("chat.message").await["data"], own);
        socket.send(json!({"type": "subscribe", "session_id": ann.session, "after": 0})).await;
        assert_eq!(socket.next_of("error").await["error"]["code"], "not_found");
        assert!(socket.until_pong().await.iter().all(|frame| chat_of(frame) != Some(ann.session)));
    }

    async fn staff_hears_of_a_session_whose_client_connects_and_writes_at_once(system: System) {
        const VISITORS: usize = 20;
        let operator = system.operator("Olga").await;
        let mut staff = operator.socket(system.gateway(0)).await;
        staff.connected().await;
        let names: Vec<String> = (0..VISITORS).map(|number| format!("Visitor {number}")).collect();
        let at_once = async |name: &String| {
            let visitor = system.visitor(name).await;
            let mut socket = visitor.socket(system.gateway(0)).await;
            socket.connected().await;
            visitor.send("Hello").await;
            // Another tab, while the message is on its way.
            let second = visitor.socket(system.gateway(0)).await;
            (visitor.session, socket, second)
        };
        let opened = join_all(names.iter().map(at_once)).await;
        let mut created = BTreeSet::new();
        let mut written = BTreeSet::new();
        while created.len() < VISITORS || written.len() < VISITORS {
            let frame = staff.next().await;
            match frame["type"].as_str() {
                Some("chat.session.created") => created.insert(chat_of(&frame)),
                Some("chat.message") => written.insert(chat_of(&frame)),
                _ => false,
            };
        }
        let sessions: BTreeSet<_> = opened.iter().map(|(session, ..)| Some(*session)).collect();
        assert_eq!((&created, &written), (&sessions, &sessions));
    }

    async fn staff_gets_what_was_lost_before_the_first_event_that_is_heard_of_a_session(system: System) {
        let visitor = system.visitor("Ann").await;
        visitor.send("one").await;
        let long_ago = "UPDATE messages SET created_at = now() - interval '1 hour';
            UPDATE chats SET changed_at = now() - interval '1 hour'";
        system.database.run_sql(long_ago).await;
        let operator = system.operator("Olga").await;
        let mut staff = operator.socket(system.gateway(0)).await;
        staff.connected().await;
        // Committed, and its event is lost.
        let lost = format!(
            "WITH next AS (UPDATE chats SET seq = seq + 1, changed_at = now() WHERE id = {chat} RETURNING seq)
             INSERT INTO messages (chat_id, seq, changed_seq, sender_type, sender_id, body, client_id, visibility)
             SELECT {chat}, seq, seq, 'client', 1, 'two', gen_random_uuid(), 'public' FROM next",
            chat = visitor.session
        );
        system.database.run_sql(&lost).await;
        visitor.send("three").await;
        visitor.send("four").await;
        let mut seen = Seen::new();
        staff.take_of("chat.message", 3).await.iter().for_each(|frame| seen.frame(frame));
        assert_eq!(seen.bodies(visitor.session), ["two", "three", "four"]);
    }
}
