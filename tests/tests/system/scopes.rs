//! Operators who work in some sites alone, and what becomes of their connections when their sites change.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use system_tests::{Operator, Socket, System, Visitor, system_test};

const SCOPE_CHANGED: u16 = 4007;
/// A right is enforced on live sockets within this time.
const WITHIN: Duration = Duration::from_secs(5);

/// The sessions whose frames came.
fn sessions(frames: &[Value]) -> BTreeSet<i64> {
    frames.iter().filter_map(|frame| frame["session_id"].as_i64()).collect()
}

async fn resuming(operator: &Operator, system: &System, cursors: Value) -> Socket {
    let target = format!("/channel/ws?type=staff&access_token={}&resume=1", operator.token);
    let mut socket = Socket::open(system.gateway(1), &target).await;
    let epoch = socket.connected().await["data"]["epoch"].clone();
    socket.send(json!({"type": "resume", "cursors": cursors, "epoch": epoch})).await;
    socket
}

system_test! {
    async fn an_operator_hears_of_the_sessions_of_its_sites_alone(system: System) {
        for site in ["shop", "blog"] {
            system.accounts().add_site(site).await;
        }
        let (olga, otto) = (system.operator_of("Olga", &["shop"]).await, system.operator("Otto").await);
        let before = Visitor::open_in(system.rest(), "Ann", "blog").await;
        let mut narrowed = olga.socket(system.gateway(1)).await;
        narrowed.connected().await;
        // An operator of all sites on the same gateway changes nothing for the other, while it is there and afterwards.
        for round in 0..3 {
            let mut other = if round == 1 { Some(otto.socket(system.gateway(1)).await) } else { None };
            if let Some(other) = &mut other {
                other.connected().await;
            }
            let in_shop = Visitor::open_in(system.rest(), "Ann", "shop").await;
            let in_blog = Visitor::open_in(system.rest(), "Bea", "blog").await;
            let mut typing = in_blog.socket(system.gateway(0)).await;
            typing.connected().await;
            typing.send(json!({"type": "typing", "is_typing": true})).await;
            for visitor in [&before, &in_blog, &in_shop] {
                visitor.send("Hello").await;
            }
            let mut shop_typing = in_shop.socket(system.gateway(0)).await;
            shop_typing.connected().await;
            shop_typing.send(json!({"type": "typing", "is_typing": true})).await;
            let mut heard = Vec::new();
            // Typing goes another way, and may come first.
            let has = |heard: &[Value], kind: &str| heard.iter().any(|frame| frame["type"] == kind);
            while !has(&heard, "chat.typing") || !has(&heard, "chat.message") {
                heard.push(narrowed.next().await);
            }
            heard.extend(narrowed.until_pong().await);
            assert_eq!(sessions(&heard), BTreeSet::from([in_shop.session]), "{heard:?}");
            let texts = heard.iter().filter(|frame| frame["type"] == "chat.message").count();
            assert_eq!(texts, 1, "once: {heard:?}");
            if let Some(mut other) = other {
                let seen = sessions(&other.take_of("chat.message", 3).await);
                assert_eq!(seen, BTreeSet::from([before.session, in_blog.session, in_shop.session]));
            }
        }
        // Nor by REST, nor by asking on the socket.
        for path in [format!("/chat/session/{}", before.session), format!("/chat/session/{}/messages", before.session)] {
            system.rest().get(&path, &olga.token).await.refused(404, "not_found");
        }
        narrowed.send(json!({"type": "subscribe", "chat_id": before.session, "after": 0})).await;
        assert_eq!(narrowed.next_of("error").await["error"]["code"], "not_found");
        let listed = system.rest().get("/chat/sessions", &olga.token).await.good();
        let listed = listed["sessions"].as_array().expect("a list").clone();
        assert_eq!(listed.len(), 3, "those of the shop: {listed:?}");
    }

    async fn an_operator_whose_sites_change_comes_again_and_is_told_what_is_gone(system: System) {
        for site in ["shop", "blog"] {
            system.accounts().add_site(site).await;
        }
        let olga = system.operator_of("Olga", &["shop"]).await;
        let in_shop = Visitor::open_in(system.rest(), "Ann", "shop").await;
        let in_blog = Visitor::open_in(system.rest(), "Bea", "blog").await;
        let mut socket = olga.socket(system.gateway(1)).await;
        socket.connected().await;
        in_shop.send("one").await;
        let last = socket.next_of("chat.message").await["seq"].clone();

        system.accounts().grant(&olga.email(), Some("blog")).await;
        system.accounts().ungrant(&olga.email(), Some("shop")).await;
        let taken = Instant::now();
        if let Some((_, redis)) = system.servers() {
            redis.delete_keys().await;
        }
        assert_eq!(socket.close_code().await, SCOPE_CHANGED);
        assert!(taken.elapsed() < WITHIN, "{:?}", taken.elapsed());

        in_shop.send("two").await;
        in_blog.send("three").await;
        let cursors = json!({in_shop.session.to_string(): last, in_blog.session.to_string(): 0});
        let mut socket = resuming(&olga, &system, cursors).await;
        let (mut gone, mut heard) = (Vec::new(), Vec::new());
        loop {
            let frame = socket.next().await;
            match frame["type"].as_str() {
                Some("resync") => gone.push((frame["why"].clone(), frame["chats"].clone())),
                Some("resumed") => break,
                _ => heard.push(frame),
            }
        }
        assert_eq!(gone, [(json!("gone"), json!([in_shop.session]))]);
        assert_eq!(sessions(&heard), BTreeSet::from([in_blog.session]), "{heard:?}");
        in_shop.send("four").await;
        in_blog.send("five").await;
        assert_eq!(socket.next_of("chat.message").await["data"]["body"], "five");
        assert!(sessions(&socket.until_pong().await).is_empty());

        // Without any site it stays an operator, and sees nothing.
        system.accounts().ungrant(&olga.email(), Some("blog")).await;
        assert_eq!(socket.close_code().await, SCOPE_CHANGED);
        let mut socket = olga.socket(system.gateway(1)).await;
        socket.connected().await;
        in_blog.send("six").await;
        assert_eq!(system.rest().get("/chat/sessions", &olga.token).await.good()["sessions"], json!([]));
        assert!(sessions(&socket.until_pong().await).is_empty());
    }

    async fn a_change_of_a_name_is_told_to_those_whom_it_concerns(system: System) {
        let (olga, uma, visitor) = (system.operator("Olga").await, system.user("Uma").await, system.visitor("Ann").await);
        let mut staff = olga.socket(system.gateway(0)).await;
        let mut user = uma.socket(system.gateway(1)).await;
        let mut client = visitor.socket(system.gateway(1)).await;
        let told = staff.connected().await["data"]["workspace"].as_i64().expect("a version");
        assert!(user.connected().await["data"]["workspace"].as_i64().is_some_and(|version| version >= told));
        assert_eq!(client.connected().await["data"]["workspace"], Value::Null);
        system.accounts().rename(&olga.email(), "Olivia").await;
        for socket in [&mut staff, &mut user] {
            let changed = socket.workspace_changed().await;
            assert_eq!(changed["data"]["kinds"], json!(["users"]));
            assert!(changed["data"]["version"].as_i64().is_some_and(|version| version > told), "{changed}");
        }
        let read = system.rest().get(&format!("/workspace?since={told}"), &uma.token).await.good();
        assert_eq!(read["users"], json!([{"id": olga.id, "name": "Olivia", "is_active": true}]));
        system.accounts().add_site("shop").await;
        assert_eq!(staff.workspace_changed().await["data"]["kinds"], json!(["sites"]));
        // Both gateways have asked by now; the next change is the next that is told.
        system.accounts().rename(&olga.email(), "Olga").await;
        assert_eq!(user.workspace_changed().await["data"]["kinds"], json!(["users"]));
        assert!(client.until_pong().await.is_empty());
    }
}
