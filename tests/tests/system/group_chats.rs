//! Users who talk to each other.

use system_tests::order::Seen;
use system_tests::{Socket, System, system_test};

system_test! {
    async fn members_of_a_group_hear_each_other_and_nobody_else_does(system: System) {
        let (ada, ben, eve) = (system.user("Ada").await, system.user("Ben").await, system.user("Eve").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        let mut sockets = [ada.socket(system.gateway(0)).await, ben.socket(system.gateway(1)).await];
        for socket in &mut sockets {
            let connected = socket.connected().await;
            assert_eq!(connected["data"]["role"], "user");
            assert_eq!(connected["data"]["chats"][0]["chat_id"], chat, "{connected}");
            assert_eq!(connected["data"]["chats"][0]["title"], "Lunch");
        }
        let mut outside = eve.socket(system.gateway(0)).await;
        outside.connected().await;

        let sent = ada.send(chat, "Soup?").await.good();
        let [of_ada, of_ben] = &mut sockets;
        let answer = of_ben.say(Some(chat), "Soup!").await;
        for socket in [of_ada, of_ben] {
            let mut seen = Seen::new();
            while seen.count() < 2 {
                seen.frame(&socket.next().await);
            }
            assert_eq!(seen.bodies(chat), ["Soup?", "Soup!"]);
        }
        assert_eq!((&sent["sender_type"], &sent["session_id"]), (&"user".into(), &serde_json::Value::Null));
        assert_eq!(answer["sender_name"], "Ben");
        eve.send(chat, "Me too").await.refused(404, "not_found");
        assert!(outside.until_pong().await.is_empty());
    }

    async fn a_token_may_come_in_the_query_or_in_a_first_frame(system: System) {
        let ada = system.user("Ada").await;
        let mut by_query = Socket::open(system.gateway(0), &format!("/ws?token={}", ada.token)).await;
        assert_eq!(by_query.connected().await["data"]["self_id"], ada.id);
        let mut by_frame = Socket::open(system.gateway(1), "/channel/ws").await;
        by_frame.send(serde_json::json!({"type": "init", "access_token": ada.token})).await;
        assert_eq!(by_frame.connected().await["data"]["self_id"], ada.id);
    }
}
