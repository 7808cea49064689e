//! Operators hear which sessions other operators look at.

use serde_json::{Value, json};
use system_tests::{Person, Poller, System, system_test};

fn viewing(session: i64, is_viewing: bool) -> Value {
    json!({"type": "viewing", "session_id": session, "is_viewing": is_viewing})
}

system_test! {
    async fn operators_hear_who_looks_at_a_session_and_nobody_else_does(system: System) {
        system.accounts().add_site("shop").await;
        let (olga, oscar) = (system.operator("Olga").await, system.operator("Oscar").await);
        let (sue, ann) = (system.operator_of("Sue", &["shop"]).await, system.visitor("Ann").await);
        let mut desk = olga.socket(system.gateway(0)).await;
        let mut other = oscar.socket(system.gateway(1)).await;
        let mut stream = oscar.stream(system.gateway(0)).await;
        let (mut elsewhere, mut client) = (sue.socket(system.gateway(1)).await, ann.socket(system.gateway(0)).await);
        for socket in [&mut desk, &mut other, &mut elsewhere, &mut client] {
            socket.connected().await;
        }
        stream.connected().await;
        let told = json!({"user_id": olga.id, "name": "Olga", "is_viewing": true});
        desk.send(viewing(ann.session, true)).await;
        for heard in [other.next_of("chat.viewing").await, stream.next_of("chat.viewing").await] {
            assert_eq!((&heard["session_id"], &heard["data"]), (&ann.session.into(), &told));
            assert!(heard.get("seq").is_none(), "{heard}");
        }
        desk.send(viewing(ann.session, false)).await;
        assert_eq!(other.next_of("chat.viewing").await["data"]["is_viewing"], false);
        // Without a socket.
        let path = format!("/chat/session/{}/signals", ann.session);
        let given = system.rest().post(&path, &olga.token, json!({"type": "viewing", "is_viewing": true})).await;
        assert_eq!(given.status, 204);
        assert_eq!(other.next_of("chat.viewing").await["data"], told);
        // Whoever may not see the session may not say so, and is told nothing.
        system.rest().post(&path, &sue.token, json!({"type": "viewing", "is_viewing": true})).await.refused(404, "not_found");
        elsewhere.send(viewing(ann.session, true)).await;
        assert_eq!(elsewhere.next_of("error").await["error"]["code"], "not_found");
        client.send(json!({"type": "viewing", "is_viewing": true})).await;
        assert_eq!(client.next_of("error").await["error"]["code"], "forbidden");
        desk.send(json!({"type": "viewing", "session_id": ann.session})).await;
        assert_eq!(desk.next_of("error").await["error"]["code"], "invalid");
        for socket in [&mut elsewhere, &mut client] {
            let frames = socket.until_pong().await;
            assert!(frames.iter().all(|frame| frame["type"] != "chat.viewing"), "{frames:?}");
        }
        let own = desk.until_pong().await;
        let own: Vec<&Value> = own.iter().filter(|frame| frame["type"] == "chat.viewing").collect();
        assert!(own.len() <= 1, "of what it said over its socket it hears nothing: {own:?}");
    }

    async fn an_operator_that_polls_hears_it_too(system: System) {
        let (olga, oscar, ann) = (system.operator("Olga").await, system.operator("Oscar").await, system.visitor("Ann").await);
        let mut desk = olga.socket(system.gateway(0)).await;
        desk.connected().await;
        let mut poller = Poller::new(system.gateway(1), &oscar.proof());
        poller.poll(0.0).await;
        let says = async {
            // Between two polls it is lost: so it is said again.
            loop {
                desk.send(viewing(ann.session, true)).await;
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            }
        };
        tokio::select! {
            heard = poller.next_of("chat.viewing") => assert_eq!(heard["data"]["user_id"], olga.id),
            () = says => {}
        }
    }
}
