//! Who comes back with a resume ticket in place of its access token.

use chrono::Utc;
use serde_json::{Value, json};
use system_tests::{EventStream, Socket, System, system_test};

const TOKEN_EXPIRED: u16 = 4001;
const BAD_TOKEN: u16 = 4500;
const REVOKED: u16 = 4501;

fn ticket_in(frame: &Value) -> String {
    frame["data"]["resume_ticket"].as_str().unwrap_or_else(|| panic!("no ticket: {frame}")).to_owned()
}

system_test! {
    async fn a_ticket_opens_what_its_token_opens_at_any_gateway(system: System) {
        let (ada, olga) = (system.user("Ada").await, system.operator("Olga").await);
        let mut first = ada.socket(system.gateway(0)).await;
        let ticket = ticket_in(&first.connected().await);
        let gateway = system.gateway(1);
        let mut by_init = Socket::open(gateway, "/channel/ws").await;
        by_init.send(json!({"type": "init", "access_token": ticket})).await;
        let again = by_init.connected().await;
        assert_eq!((&again["data"]["role"], &again["data"]["self_id"]), (&json!("user"), &json!(ada.id)));
        // The next ticket says the same, and so ends with the same token.
        let keys = system.session_keys();
        let read = |ticket: &str| keys.verify_ticket(ticket, Utc::now()).expect("a good ticket");
        assert_eq!(read(&ticket_in(&again)), read(&ticket));
        for target in ["/channel/ws?access_token=", "/ws?token="] {
            let mut socket = Socket::open(gateway, &format!("{target}{ticket}")).await;
            assert_eq!(socket.connected().await["data"]["self_id"], ada.id);
        }
        let mut by_header = Socket::open_with(gateway, "/channel/ws", Some(&ticket)).await;
        assert_eq!(by_header.connected().await["data"]["self_id"], ada.id);
        let mut stream = EventStream::open(gateway, &format!("/channel/sse?access_token={ticket}"), None).await;
        assert_eq!(stream.connected().await["data"]["self_id"], ada.id);

        let mut staff = olga.socket(system.gateway(0)).await;
        let of_staff = ticket_in(&staff.connected().await);
        let mut staff = Socket::open(gateway, &format!("/channel/ws?type=staff&access_token={of_staff}")).await;
        assert_eq!(staff.connected().await["data"]["role"], "staff");
        let sent = system.visitor("Ann").await.send("hello").await;
        assert_eq!(staff.next_of("chat.message").await["data"], sent);
    }

    async fn a_ticket_opens_nothing_else(system: System) {
        let (ada, ann) = (system.user("Ada").await, system.visitor("Ann").await);
        let ticket = ticket_in(&ada.socket(system.gateway(0)).await.connected().await);
        let gateway = system.gateway(1);
        Socket::refused(gateway, &format!("/channel/ws?type=staff&access_token={ticket}"), None).await.refused(403, "forbidden");
        let as_visitor = format!("/channel/ws?session={}&token={ticket}", ann.session);
        Socket::refused(gateway, &as_visitor, None).await.refused(401, "unauthorized");
        let as_link = format!("/chat/{}/stream?sig={ticket}", ann.session);
        EventStream::refused(gateway, &as_link).await.refused(401, "unauthorized");
        system.rest().get("/users/me", &ticket).await.refused(401, "unauthorized");
        let changed = ticket.replacen(".user.", ".admin.", 1);
        Socket::refused(gateway, &format!("/channel/ws?access_token={changed}"), None).await.refused(401, "unauthorized");
        let mut visitor = ann.socket(gateway).await;
        assert_eq!(visitor.connected().await["data"]["resume_ticket"], Value::Null, "its token is no dearer");
        visitor.send(json!({"type": "auth", "token": ticket})).await;
        assert_eq!(visitor.next_of("error").await["error"]["code"], "unauthorized");
    }

    async fn a_ticket_ends_with_its_token_and_a_renewal_brings_another(system: System) {
        let ada = system.user("Ada").await;
        let now = Utc::now().timestamp();
        let short = channel_auth::AccessClaims {
            iss: "switchboard".into(),
            aud: "switchboard".into(),
            sub: ada.id.to_string(),
            exp: now + 4,
            iat: now,
            jti: "short".into(),
            name: "Ada".into(),
            role: channel_auth::Role::User,
            sid: None,
        };
        let token = system.issuer().sign(&short);
        let mut first = Socket::open(system.gateway(0), &format!("/channel/ws?access_token={token}")).await;
        let ticket = ticket_in(&first.connected().await);
        let with_ticket = format!("/channel/ws?access_token={ticket}");
        let mut second = Socket::open(system.gateway(1), &with_ticket).await;
        second.connected().await;
        first.send(json!({"type": "auth", "token": ada.token})).await;
        let renewed = ticket_in(&first.next_of("authenticated").await);
        assert_eq!(second.close_code().await, TOKEN_EXPIRED);
        let keys = system.session_keys();
        let said = keys.verify_ticket(&ticket, chrono::DateTime::from_timestamp(now, 0).expect("a time")).expect("a ticket");
        assert_eq!(said.expires_at, now + 4, "the token's end");
        let over = keys.issue_ticket(&channel_auth::Ticket { expires_at: now - 60, ..said });
        let with_ticket = format!("/channel/ws?access_token={over}");
        Socket::refused(system.gateway(1), &with_ticket, None).await.refused(401, "token_expired");
        for (frame, code) in [(json!({"type": "init", "access_token": over}), TOKEN_EXPIRED), (json!({"type": "init", "access_token": "x"}), BAD_TOKEN)] {
            let mut by_init = Socket::open(system.gateway(1), "/channel/ws").await;
            by_init.send(frame).await;
            assert_eq!(by_init.close_code().await, code);
        }
        let over = system.issuer().sign(&channel_auth::AccessClaims { exp: Utc::now().timestamp(), ..short.clone() });
        first.send(json!({"type": "auth", "token": over})).await;
        assert_eq!(first.next_of("error").await["error"]["code"], "token_expired", "it would only shorten its time");
        let mut third = Socket::open(system.gateway(1), &format!("/channel/ws?access_token={renewed}")).await;
        third.connected().await;
        assert!(first.until_pong().await.is_empty());
    }

    async fn a_ticket_is_held_against_logouts_and_roles_as_its_token_is(system: System) {
        let (olga, otto) = (system.operator("Olga").await, system.operator("Otto").await);
        let mut targets = Vec::new();
        for operator in [&olga, &otto] {
            let mut socket = operator.socket(system.gateway(0)).await;
            let ticket = ticket_in(&socket.connected().await);
            targets.push(format!("/channel/ws?type=staff&access_token={ticket}"));
        }
        let mut stands = Socket::open(system.gateway(1), &targets[0]).await;
        stands.connected().await;
        olga.log_out().await;
        system.accounts().set_role("otto@example.com", "user").await;
        assert_eq!(stands.close_code().await, REVOKED, "what it opened ends too");
        let codes = [by_token(&system, &olga.token).await, by_token(&system, &otto.token).await];
        for (target, code) in targets.iter().zip(codes) {
            assert_eq!(Socket::open(system.gateway(1), target).await.close_code().await, code);
        }
    }
}

/// How a connection ends that shows the token itself.
async fn by_token(system: &System, token: &str) -> u16 {
    let target = format!("/channel/ws?type=staff&access_token={token}");
    Socket::open(system.gateway(1), &target).await.close_code().await
}
