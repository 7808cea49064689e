//! What a client may send, and what becomes of what it may not.

use reqwest::Method;
use serde_json::json;
use system_tests::{Answer, Socket, System, system_test};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

system_test! {
    async fn a_message_over_the_socket_is_acked_once_and_for_all(system: System) {
        let visitor = system.visitor("Ann").await;
        let mut socket = visitor.socket(system.gateway(0)).await;
        socket.connected().await;
        let client_id = Uuid::new_v4();
        let message = json!({"type": "message", "body": "Only once", "client_id": client_id});
        socket.send(message.clone()).await;
        let first = socket.next_of("ack").await;
        socket.send(message).await;
        let again = socket.next_of("ack").await;
        assert_eq!((&first["client_id"], &again["client_id"]), (&json!(client_id), &json!(client_id)));
        for field in ["id", "seq", "body", "created_at"] {
            assert_eq!(first["data"][field], again["data"][field], "{field}");
        }
        let by_rest = visitor.send_as("Only once", client_id).await;
        assert_eq!((by_rest.status, &by_rest.body["id"]), (200, &first["data"]["id"]));
        assert_eq!(visitor.messages().await.len(), 1);
    }

    async fn a_bad_frame_is_answered_and_the_connection_stays(system: System) {
        let visitor = system.visitor("Ann").await;
        let mut socket = visitor.socket(system.gateway(0)).await;
        socket.connected().await;
        let id = Uuid::new_v4().to_string();
        let cases = [
            ("{".to_owned(), "bad_request", None),
            ("[1, 2]".to_owned(), "bad_request", None),
            (r#"{"body": "no type"}"#.to_owned(), "bad_request", None),
            (r#"{"type": "dance"}"#.to_owned(), "unknown_type", None),
            (json!({"type": "dance", "client_id": id}).to_string(), "unknown_type", Some(&id)),
            (json!({"type": "message", "client_id": id}).to_string(), "invalid", Some(&id)),
            (json!({"type": "message", "body": 5, "client_id": id}).to_string(), "invalid", Some(&id)),
            (json!({"type": "message", "body": "  \n", "client_id": id}).to_string(), "invalid", Some(&id)),
            (json!({"type": "message", "body": "a\u{0}b", "client_id": id}).to_string(), "invalid", Some(&id)),
            (json!({"type": "message", "body": "x".repeat(10_001), "client_id": id}).to_string(), "invalid", Some(&id)),
            (json!({"type": "message", "body": "x", "client_id": "not a uuid"}).to_string(), "invalid", None),
            (
                json!({"type": "message", "body": "x", "client_id": id, "visibility": "staff"}).to_string(),
                "forbidden",
                Some(&id),
            ),
            (
                json!({"type": "message", "chat_id": 9_000_000, "body": "x", "client_id": id}).to_string(),
                "not_found",
                Some(&id),
            ),
            (r#"{"type": "ack", "last_id": 9000000}"#.to_owned(), "not_found", None),
            (r#"{"type": "subscribe", "chat_id": 9000000}"#.to_owned(), "not_found", None),
            (r#"{"type": "subscribe", "chat_id": 99999999999999999999}"#.to_owned(), "invalid", None),
        ];
        for (text, code, client_id) in cases {
            socket.send_text(&text).await;
            let answer = socket.next_of("error").await;
            let shown: String = text.chars().take(120).collect();
            assert_eq!(answer["error"]["code"], code, "{shown}: {answer}");
            if let Some(client_id) = client_id {
                assert_eq!(answer["client_id"], **client_id, "{shown}");
            }
            assert!(answer["error"]["message"].is_string() && answer["error"]["details"].is_object(), "{answer}");
        }
        assert_eq!(socket.say(None, "Still here").await["body"], "Still here");
    }

    async fn fields_that_are_not_known_do_no_harm(system: System) {
        let visitor = system.visitor("Ann").await;
        let mut socket = visitor.socket(system.gateway(0)).await;
        socket.connected().await;
        let frame = json!({"type": "message", "body": "Hi", "client_id": Uuid::new_v4(), "colour": "red", "v": 2});
        socket.send(frame).await;
        assert_eq!(socket.next_of("ack").await["data"]["body"], "Hi");
    }

    async fn the_longest_message_is_taken_however_it_is_escaped(system: System) {
        let visitor = system.visitor("Ann").await;
        let mut socket = visitor.socket(system.gateway(0)).await;
        socket.connected().await;
        let (longest, client_id) = ("😀".repeat(10_000), Uuid::new_v4());
        let escaped = r"\ud83d\ude00".repeat(10_000);
        let message = |id: Uuid| format!(r#""body":"{escaped}","client_id":"{id}","visibility":"public"}}"#);
        socket.send_text(&format!(r#"{{"type":"message",{}"#, message(client_id))).await;
        assert_eq!(socket.stored(client_id).await["body"], longest);
        assert_eq!(socket.next_of("chat.message").await["data"]["body"], longest);

        let path = format!("/chat/session/{}/messages", visitor.session);
        let request = system.rest().request(Method::POST, &path).bearer_auth(&visitor.token);
        let request = request.header("content-type", "application/json").body(format!("{{{}", message(Uuid::new_v4())));
        let stored = Answer::read(request.send().await.expect("an answer")).await.good();
        assert_eq!(stored["body"], longest);
    }

    async fn a_frame_that_is_too_large_is_refused_by_its_name_and_the_connection_stays(system: System) {
        let visitor = system.visitor("Ann").await;
        let mut socket = visitor.socket(system.gateway(0)).await;
        socket.connected().await;
        let (id, long) = (Uuid::new_v4().to_string(), "x".repeat(140 * 1024));
        let first = format!(r#"{{"type":"message","client_id":"{id}","body":"{long}"}}"#);
        let last = format!(r#"{{"type":"message","body":"{long}","client_id":"{id}"}}"#);
        let nowhere = format!(r#"{{"type":"message","body":"{long}","client_id":"{id}","more":"{long}"}}"#);
        for (text, name) in [(first, Some(&id)), (last, Some(&id)), (nowhere, None)] {
            socket.send_text(&text).await;
            let answer = socket.next_of("error").await;
            assert_eq!((&answer["error"]["code"], answer["client_id"].as_str()), (&json!("too_large"), name.map(String::as_str)));
            assert_eq!(answer["error"]["details"]["limit"], 128 * 1024, "{answer}");
        }
        assert_eq!(socket.say(None, "Still here").await["body"], "Still here");
        assert_eq!(visitor.messages().await.len(), 1);
    }

    async fn a_frame_beyond_all_measure_closes_the_connection_for_good(system: System) {
        let visitor = system.visitor("Ann").await;
        let mut socket = visitor.socket(system.gateway(0)).await;
        socket.connected().await;
        // Its header says enough.
        socket.write_bytes(&[0x81, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1]).await.expect("the gateway reads");
        assert_eq!(socket.close_code().await, 4504);
        assert!(visitor.messages().await.is_empty());
    }

    async fn a_long_message_may_come_right_behind_the_proof(system: System) {
        let ada = system.user("Ada").await;
        let chat = system.group_chat("Warehouse", &[&ada]).await;
        let mut socket = Socket::open(system.gateway(0), "/channel/ws").await;
        socket.send(json!({"type": "init", "access_token": ada.token})).await;
        let body = "ж".repeat(10_000);
        let escaped = r"\u0436".repeat(10_000);
        let id = Uuid::new_v4();
        socket.send_text(&format!(r#"{{"type":"message","chat_id":{chat},"body":"{escaped}","client_id":"{id}"}}"#)).await;
        socket.connected().await;
        assert_eq!(socket.next_of("ack").await["data"]["body"], body);
    }

    async fn a_frame_that_is_no_text_closes_the_connection_for_good(system: System) {
        let visitor = system.visitor("Ann").await;
        let mut socket = visitor.socket(system.gateway(0)).await;
        socket.connected().await;
        socket.send_raw(Message::binary(vec![1, 2, 3])).await;
        assert_eq!(socket.close_code().await, 4503);
    }

    async fn a_message_keeps_every_character(system: System) {
        let visitor = system.visitor("Ann").await;
        let mut socket = visitor.socket(system.gateway(0)).await;
        socket.connected().await;
        for body in [" padded ", "two\nlines\r\n", "Привет, мир", "👩‍👩‍👧 \u{200f}שלום", "\"quotes\" \\ </script>", &"ж".repeat(10_000)] {
            assert_eq!(socket.say(None, body).await["body"], *body);
            assert_eq!(socket.next_of("chat.message").await["data"]["body"], *body);
        }
    }

    async fn a_chat_is_left_and_joined_again(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut socket = operator.socket(system.gateway(0)).await;
        socket.connected().await;
        socket.send(json!({"type": "subscribe", "chat_id": visitor.session})).await;
        assert_eq!(socket.next_of("subscribed").await["chat_id"], visitor.session);
        socket.send(json!({"type": "unsubscribe", "chat_id": visitor.session})).await;
        assert_eq!(socket.next_of("unsubscribed").await["chat_id"], visitor.session);
        let sent = visitor.send("While away").await;
        let after = sent["seq"].as_i64().expect("a seq") - 1;
        socket.send(json!({"type": "subscribe", "chat_id": visitor.session, "after": after})).await;
        assert_eq!(socket.next_of("chat.message").await["data"], sent);
    }
}
