//! What else coming back needs; what is promised of it is in `recovery`.

use serde_json::{Value, json};
use system_tests::{Socket, System, system_test};

fn bodies(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["data"]["body"].as_str().expect("a text")).collect()
}

system_test! {
    async fn an_operator_fetches_what_it_missed_by_subscribing_with_a_cursor(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut colleague = operator.socket(system.gateway(1)).await;
        colleague.connected().await;
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
