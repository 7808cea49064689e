//! Rights that are taken away, or renewed, while a connection stands.

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::order::Seen;
use system_tests::{Socket, System, system_test};

const REVOKED: u16 = 4501;

fn of_type<'a>(frames: &'a [Value], frame_type: &str) -> Vec<&'a Value> {
    frames.iter().filter(|frame| frame["type"] == frame_type).collect()
}

/// What one hears until a first message and an invitation have come, in whichever order.
async fn message_and_invitation(socket: &mut Socket) -> (Seen, Option<Value>) {
    let (mut seen, mut invited) = (Seen::new(), None);
    while seen.count() < 1 || invited.is_none() {
        let frame = socket.next().await;
        match frame["type"].as_str() {
            Some("subscribed") => invited = Some(frame["invited"].clone()),
            _ => seen.frame(&frame),
        }
    }
    (seen, invited)
}

system_test! {
    async fn a_removed_member_is_told_and_hears_nothing_after_that(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        let mut socket = ben.socket(system.gateway(1)).await;
        socket.connected().await;
        ada.send(chat, "one").await.accepted();
        system.rest().delete(&format!("/chats/{chat}/members/{}", ben.id), &ada.token).await.accepted();
        ada.send(chat, "two").await.accepted();
        let mut seen = Seen::new();
        let removed = loop {
            let frame = socket.next().await;
            seen.frame(&frame);
            if frame["type"] == "chat.member.removed" {
                break frame;
            }
        };
        assert_eq!((&removed["chat_id"], &removed["data"]["user_id"]), (&chat.into(), &ben.id.into()));
        assert_eq!(removed["data"]["is_active"], false);
        assert_eq!(seen.bodies(chat), ["one"]);
        // Ada hears of "two" on the same gateway: what Ben does not hear by then he never will.
        let mut other = ada.socket(system.gateway(1)).await;
        other.connected().await;
        ada.send(chat, "three").await.accepted();
        other.next_of("chat.message").await;
        assert!(of_type(&socket.until_pong().await, "chat.message").is_empty());
        socket.send(json!({"type": "subscribe", "chat_id": chat, "after": 0})).await;
        let refused = socket.next_of("error").await;
        assert_eq!((&refused["error"]["code"], &refused["chat_id"]), (&"forbidden".into(), &chat.into()));
    }

    async fn a_member_that_may_not_read_any_more_is_told_and_hears_nothing_until_it_may_again(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        let set_read = async |can_read: bool| {
            let path = format!("/chats/{chat}/members/{}", ben.id);
            let rights = json!({"can_read": can_read});
            system.rest().call(Method::PATCH, &path, Some(&ada.token), Some(rights)).await.accepted();
        };
        let (mut socket, mut other) = (ben.socket(system.gateway(1)).await, ada.socket(system.gateway(1)).await);
        socket.connected().await;
        other.connected().await;
        set_read(false).await;
        ada.send(chat, "two").await.accepted();
        for hears in [&mut socket, &mut other] {
            let changed = hears.next_of("chat.member.changed").await;
            assert_eq!((&changed["data"]["user_id"], &changed["data"]["can_read"]), (&ben.id.into(), &false.into()));
        }
        // Ada hears of "two" on the same gateway: what Ben does not hear by then he never will.
        other.next_of("chat.message").await;
        assert!(of_type(&socket.until_pong().await, "chat.message").is_empty());
        set_read(true).await;
        ada.send(chat, "three").await.accepted();
        let (seen, invited) = message_and_invitation(&mut socket).await;
        assert_eq!((seen.bodies(chat), invited), (&["three".to_owned()][..], Some(json!(true))));
    }

    async fn an_operator_who_is_made_a_user_loses_its_connections(system: System) {
        let (olga, otto) = (system.operator("Olga").await, system.operator("Otto").await);
        let (mut ends, mut stays) = (olga.socket(system.gateway(1)).await, otto.socket(system.gateway(1)).await);
        ends.connected().await;
        stays.connected().await;
        system.accounts().set_role("olga@example.com", "user").await;
        assert_eq!(ends.close_code().await, REVOKED);
        assert!(stays.until_pong().await.is_empty());
    }

    async fn a_ban_is_told_to_operators_who_listen_and_to_those_who_come_back(system: System) {
        let (olga, otto) = (system.operator("Olga").await, system.operator("Otto").await);
        let visitor = system.visitor("Ann").await;
        let mut staff = olga.socket(system.gateway(1)).await;
        staff.connected().await;
        for (what, is_banned) in [("ban", true), ("unban", false)] {
            let path = format!("/chat/session/{}/{what}", visitor.session);
            system.rest().post(&path, &otto.token, json!({})).await.accepted();
            let told = staff.next_of("chat.session.desk").await;
            let expected = json!({"session_id": visitor.session, "is_banned": is_banned, "contact_id": null, "desk_seq": told["seq"]});
            assert_eq!((&told["session_id"], &told["data"]), (&visitor.session.into(), &expected));
        }
        let mut late = otto.socket(system.gateway(0)).await;
        late.connected().await;
        late.send(json!({"type": "subscribe", "session_id": visitor.session, "after": 0})).await;
        let told = late.next_of("chat.session.desk").await;
        assert_eq!((&told["seq"], &told["data"]["is_banned"]), (&json!(3), &json!(false)));
        let mut client = visitor.socket_after(system.gateway(0), 0).await;
        client.connected().await;
        visitor.send("I am back").await;
        let mut types = vec![];
        while types.last().is_none_or(|last| last != "chat.message") {
            types.push(client.next().await["type"].as_str().expect("a type").to_owned());
        }
        assert_eq!(types, ["chat.session.created", "chat.message"], "its client hears nothing of it");
    }

    async fn who_is_added_while_connected_joins_and_gets_what_follows(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada]).await;
        let mut socket = ben.socket(system.gateway(1)).await;
        socket.connected().await;
        ada.send(chat, "before").await.accepted();
        system.rest().post(&format!("/chats/{chat}/members"), &ada.token, json!({"user_id": ben.id})).await.accepted();
        ada.send(chat, "after").await.accepted();
        let added = socket.next_of("chat.member.added").await;
        assert_eq!((&added["chat_id"], &added["data"]["user_id"]), (&chat.into(), &ben.id.into()));
        // The message may come with what was read or live: once, and behind the frame that says that he came in.
        let (seen, invited) = message_and_invitation(&mut socket).await;
        assert_eq!((seen.bodies(chat), invited), (&["after".to_owned()][..], Some(json!(true))));
        assert!(of_type(&socket.until_pong().await, "chat.message").is_empty());
    }

    async fn who_comes_back_late_hears_of_its_removal_and_of_nothing_behind_it(system: System) {
        let (ada, ben, eve) = (system.user("Ada").await, system.user("Ben").await, system.user("Eve").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben, &eve]).await;
        ada.send(chat, "one").await.accepted();
        system.rest().delete(&format!("/chats/{chat}/members/{}", eve.id), &ada.token).await.accepted();
        ada.send(chat, "two").await.accepted();
        let mut socket = ben.socket(system.gateway(0)).await;
        socket.connected().await;
        socket.send(json!({"type": "subscribe", "chat_id": chat, "after": 0})).await;
        let mut types = Vec::new();
        loop {
            let frame = socket.next().await;
            if frame["type"] == "subscribed" {
                break;
            }
            types.push((frame["type"].as_str().expect("a type").to_owned(), frame["data"]["user_id"].as_i64()));
        }
        let told: Vec<_> = types.iter().map(|(name, user)| (name.as_str(), *user)).collect();
        let expected = [
            ("chat.member.added", Some(ada.id)), ("chat.member.added", Some(ben.id)),
            // That Eve came, which her removal supersedes.
            ("chat.activity", None), ("chat.message", None),
            ("chat.member.removed", Some(eve.id)), ("chat.message", None),
        ];
        assert_eq!(told, expected);
    }

    async fn a_logout_closes_the_connections_of_that_login_alone(system: System) {
        let operator = system.operator("Olga").await;
        let other = operator.log_in_again().await;
        let mut ends = operator.socket(system.gateway(1)).await;
        let mut stays = other.socket(system.gateway(1)).await;
        ends.connected().await;
        stays.connected().await;
        operator.log_out().await;
        assert_eq!(ends.close_code().await, REVOKED);
        assert!(stays.until_pong().await.is_empty());
    }

    async fn a_closed_account_and_a_banned_client_lose_their_connections(system: System) {
        let operator = system.operator("Olga").await;
        let (user, visitor) = (system.user("Ada").await, system.visitor("Ann").await);
        let mut sockets = [user.socket(system.gateway(0)).await, visitor.socket(system.gateway(1)).await];
        let mut stream = visitor.stream(system.gateway(0)).await;
        for socket in &mut sockets {
            socket.connected().await;
        }
        stream.connected().await;
        system.accounts().disable("ada@example.com").await;
        let path = format!("/chat/session/{}/ban", visitor.session);
        system.rest().post(&path, &operator.token, json!({})).await.accepted();
        for socket in &mut sockets {
            assert_eq!(socket.close_code().await, REVOKED);
        }
        assert_eq!(stream.closed().await["code"], REVOKED);
        let again = Socket::open(system.gateway(1), &visitor.socket_target()).await.close_code().await;
        assert_eq!(again, REVOKED);
    }

    async fn a_fresh_token_is_shown_on_the_live_socket(system: System) {
        let (operator, other) = (system.operator("Olga").await, system.operator("Otto").await);
        let visitor = system.visitor("Ann").await;
        let mut staff = operator.socket(system.gateway(0)).await;
        staff.connected().await;
        staff.send(json!({"type": "auth", "access_token": operator.log_in_again().await.token})).await;
        staff.next_of("authenticated").await;
        for (bad, code) in [(other.token.as_str(), "forbidden"), ("not.a.token", "unauthorized")] {
            staff.send(json!({"type": "auth", "token": bad})).await;
            assert_eq!(staff.next_of("error").await["error"]["code"], code);
        }
        let mut client = visitor.socket(system.gateway(1)).await;
        client.connected().await;
        client.send(json!({"type": "auth", "token": visitor.fresh_token().await})).await;
        client.next_of("authenticated").await;
        // The login that the socket was opened with may end now.
        operator.log_out().await;
        let sent = visitor.send("still there").await;
        assert_eq!(staff.next_of("chat.message").await["data"], sent);
    }
}
