//! Signs of life: delivered, read, typing.

use serde_json::{Value, json};
use system_tests::{Person, System, system_test};

/// Whose marks a chat is told with.
fn readers(chat: &Value) -> Vec<i64> {
    let marks = chat["marks"].as_array().unwrap_or_else(|| panic!("no marks in {chat}"));
    let mut readers: Vec<i64> = marks.iter().map(|mark| mark["reader_id"].as_i64().expect("an id")).collect();
    readers.sort_unstable();
    readers
}

system_test! {
    async fn an_ack_sets_delivered_and_tells_the_sender(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut staff = operator.socket(system.gateway(1)).await;
        let mut client = visitor.socket(system.gateway(0)).await;
        staff.connected().await;
        client.connected().await;
        let answer = operator.send(visitor.session, "Hello").await;
        let received = client.next_of("chat.message").await;
        client.send(json!({"type": "ack", "last_id": received["data"]["id"]})).await;
        let delivered = staff.next_of("chat.delivered").await;
        assert_eq!(delivered["session_id"], visitor.session);
        assert_eq!(delivered["data"]["reader_type"], "client");
        assert_eq!(delivered["data"]["delivered_seq"], answer["seq"]);
        let page = system.rest().get(&format!("/chat/session/{}/messages", visitor.session), &operator.token).await;
        assert_eq!(page.good()["marks"], json!([delivered["data"]]), "history tells it too");
    }

    async fn reading_tells_the_sender_and_counts_as_delivered(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut staff = operator.socket(system.gateway(0)).await;
        let mut client = visitor.socket(system.gateway(1)).await;
        staff.connected().await;
        client.connected().await;
        let question = visitor.send("Hello?").await;
        let received = staff.next_of("chat.message").await;
        staff.send(json!({"type": "read", "chat_id": visitor.session, "last_id": received["data"]["id"]})).await;
        let read = client.next_of("chat.read").await;
        assert_eq!((&read["data"]["reader_type"], &read["data"]["reader_id"]), (&"user".into(), &operator.id.into()));
        assert_eq!((&read["data"]["read_seq"], &read["data"]["delivered_seq"]), (&question["seq"], &question["seq"]));
        let page = system.rest().get(&format!("/chat/session/{}/messages", visitor.session), &visitor.token).await;
        assert_eq!(page.good()["marks"], json!([read["data"]]), "history tells it too");
    }

    async fn a_mark_only_rises(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut staff = operator.socket(system.gateway(0)).await;
        let mut client = visitor.socket(system.gateway(0)).await;
        staff.connected().await;
        client.connected().await;
        let first = operator.send(visitor.session, "one").await;
        let second = operator.send(visitor.session, "two").await;
        client.send(json!({"type": "ack", "last_id": second["id"]})).await;
        assert_eq!(staff.next_of("chat.delivered").await["data"]["delivered_seq"], second["seq"]);
        client.send(json!({"type": "ack", "last_id": first["id"]})).await;
        client.send(json!({"type": "read", "last_id": first["id"]})).await;
        // Frames of a socket are served one after the other: had the late ack said anything, it would come first.
        let read = staff.next_of("chat.read").await;
        assert_eq!((&read["data"]["read_seq"], &read["data"]["delivered_seq"]), (&first["seq"], &second["seq"]));
    }

    async fn who_connects_is_told_of_marks_a_member_of_its_own_and_a_visitor_of_all(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let (olga, ann) = (system.operator("Olga").await, system.visitor("Ann").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        let soup = ada.send(chat, "Soup?").await.good();
        for reader in [&ada, &ben] {
            let mark = json!({"kind": "read", "last_id": soup["id"]});
            reader.rest().post(&format!("/chats/{chat}/marks"), &reader.token, mark).await.accepted();
        }
        let mut socket = ben.socket(system.gateway(0)).await;
        assert_eq!(readers(&socket.connected().await["data"]["chats"][0]), [ben.id]);
        socket.send(json!({"type": "subscribe", "chat_id": chat})).await;
        assert_eq!(readers(&socket.next_of("subscribed").await["data"]), [ada.id, ben.id]);

        let question = ann.send("Hello?").await;
        let mark = json!({"kind": "read", "last_id": question["id"]});
        let path = format!("/chat/session/{}/marks", ann.session);
        olga.rest().post(&path, &olga.token, mark).await.accepted();
        let connected = ann.socket(system.gateway(1)).await.connected().await;
        assert_eq!(readers(&connected["data"]["chats"][0]), [olga.id]);
    }

    async fn typing_reaches_the_other_side_and_not_oneself(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut staff = operator.socket(system.gateway(1)).await;
        let mut client = visitor.socket(system.gateway(0)).await;
        staff.connected().await;
        client.connected().await;
        client.send(json!({"type": "typing", "is_typing": true})).await;
        let typing = staff.next_of("chat.typing").await;
        assert_eq!(typing["session_id"], visitor.session);
        assert_eq!((&typing["data"]["sender_type"], &typing["data"]["is_typing"]), (&"client".into(), &true.into()));
        assert_eq!(typing["data"]["sender_name"], "Ann");
        assert!(typing.get("seq").is_none(), "a sign of life has no place in the chat: {typing}");
        staff.send(json!({"type": "typing", "chat_id": visitor.session, "is_typing": true})).await;
        let typing = client.next_of("chat.typing").await;
        assert_eq!(typing["data"]["sender_type"], "operator", "its own would have come first: {typing}");
        client.send(json!({"type": "typing", "is_typing": false})).await;
        let stopped = staff.next_of("chat.typing").await;
        assert_eq!(
            (&stopped["data"]["sender_type"], &stopped["data"]["is_typing"]),
            (&"client".into(), &false.into()),
            "its own, or the first one twice: {stopped}"
        );
    }
}
