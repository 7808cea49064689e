//! What a client may send, and what becomes of what it may not.

use serde_json::json;
use system_tests::{System, system_test};
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

    async fn an_over_large_frame_closes_the_connection_for_good(system: System) {
        let visitor = system.visitor("Ann").await;
        let mut socket = visitor.socket(system.gateway(0)).await;
        socket.connected().await;
        let body = "x".repeat(70 * 1024);
        socket.send(json!({"type": "message", "body": body, "client_id": Uuid::new_v4()})).await;
        assert_eq!(socket.close_code().await, 4504);
        assert!(visitor.messages().await.is_empty());
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
