//! Who is refused at the door: 401 and the one shape of an error, before the connection is upgraded.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use channel_auth::{AccessClaims, JwtIssuer, Purpose, Role, SessionKeys};
use chat_events::ChatId;
use chrono::{TimeDelta, Utc};
use serde_json::json;
use system_tests::{EventStream, Operator, Socket, System, Visitor, system_test};

fn claims(operator: &Operator) -> AccessClaims {
    let now = Utc::now().timestamp();
    AccessClaims {
        iss: "switchboard".into(),
        aud: "switchboard".into(),
        sub: operator.id.to_string(),
        exp: now + 600,
        iat: now,
        jti: uuid::Uuid::new_v4().to_string(),
        name: "Olga".into(),
        role: Role::Operator,
        sid: None,
    }
}

/// Neither a socket nor a stream.
async fn is_refused(system: &System, query: &str, code: &str) {
    for number in 0..2 {
        Socket::refused(system.gateway(number), &format!("/channel/ws?{query}"), None).await.refused(401, code);
        EventStream::refused(system.gateway(number), &format!("/channel/sse?{query}")).await.refused(401, code);
    }
}

fn session_query(visitor: &Visitor, token: &str) -> String {
    format!("session={}&token={token}", visitor.session)
}

fn without_signature(token: &str, header: &serde_json::Value) -> String {
    let claims = token.split('.').nth(1).expect("claims");
    format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header.to_string()))
}

system_test! {
    async fn a_session_token_that_is_not_good_is_refused(system: System) {
        let (ann, bob) = (system.visitor("Ann").await, system.visitor("Bob").await);
        let keys = system.session_keys();
        let id = ChatId(ann.session);
        let stranger = SessionKeys::generate().0.issue(Purpose::Channel, id, Utc::now()).token;
        let link = keys.issue(Purpose::Stream, id, Utc::now()).token;
        let last = ann.token.chars().last().expect("a token");
        let tampered = format!("{}{}", &ann.token[..ann.token.len() - 1], if last == 'A' { 'Q' } else { 'A' });
        for token in ["", "nonsense", &bob.token, &stranger, &link, &tampered] {
            is_refused(&system, &session_query(&ann, token), "unauthorized").await;
        }
        is_refused(&system, &format!("session={}", ann.session), "unauthorized").await;
        let short = keys.clone().with_lifetime(Duration::from_secs(60)).expect("a lifetime");
        let expired = short.issue(Purpose::Channel, id, Utc::now() - TimeDelta::seconds(61)).token;
        is_refused(&system, &session_query(&ann, &expired), "token_expired").await;
        let link = format!("/chat/{}/stream?sig={}", bob.session, path_signature(&ann));
        EventStream::refused(system.gateway(0), &link).await.refused(401, "unauthorized");
    }

    async fn an_access_token_that_is_not_good_is_refused(system: System) {
        let operator = system.operator("Olga").await;
        let issuer = system.issuer();
        let good = claims(&operator);
        let (stranger, _) = JwtIssuer::generate();
        let kid = issuer.jwks()["keys"][0]["kid"].clone();
        let bad = [
            "nonsense".to_owned(),
            format!("{}x", operator.token),
            stranger.sign(&good),
            without_signature(&operator.token, &json!({"alg": "none", "typ": "JWT", "kid": kid})),
            issuer.sign(&AccessClaims { iss: "elsewhere".into(), ..good.clone() }),
            issuer.sign(&AccessClaims { aud: "elsewhere".into(), ..good.clone() }),
        ];
        for token in &bad {
            is_refused(&system, &format!("type=staff&access_token={token}"), "unauthorized").await;
            is_refused(&system, &format!("token={token}"), "unauthorized").await;
            Socket::refused(system.gateway(0), "/channel/ws", Some(token)).await.refused(401, "unauthorized");
            system.rest().get("/users/me", token).await.refused(401, "unauthorized");
        }
        let expired = issuer.sign(&AccessClaims { exp: Utc::now().timestamp() - 60, ..good.clone() });
        is_refused(&system, &format!("type=staff&access_token={expired}"), "token_expired").await;
        system.rest().get("/users/me", &expired).await.refused(401, "token_expired");
        let mut socket = Socket::open(system.gateway(1), &format!("/channel/ws?type=staff&access_token={}", issuer.sign(&good))).await;
        assert_eq!(socket.connected().await["data"]["self_id"], operator.id);
    }

    async fn a_plain_request_for_a_channel_is_told_what_is_missing(system: System) {
        let ann = system.visitor("Ann").await;
        for path in ["/channel/ws", "/ws"] {
            let target = format!("{path}?{}", session_query(&ann, &ann.token));
            EventStream::refused(system.gateway(0), &target).await.refused(400, "bad_request");
        }
    }

    async fn only_staff_sees_all_sessions(system: System) {
        let user = system.user("Ada").await;
        let target = format!("/channel/ws?type=staff&access_token={}", user.token);
        Socket::refused(system.gateway(0), &target, None).await.refused(403, "forbidden");
        system.rest().get("/chat/sessions", &user.token).await.refused(403, "forbidden");
    }

    async fn a_token_is_never_written_to_a_log(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        visitor.socket(system.gateway(0)).await.connected().await;
        operator.socket(system.gateway(1)).await.connected().await;
        visitor.stream(system.gateway(0)).await.connected().await;
        let tampered = format!("{}A", visitor.token);
        Socket::refused(system.gateway(0), &format!("/channel/ws?{}", session_query(&visitor, &tampered)), None).await;
        visitor.send("Hello").await;
        let secrets = [&visitor.token, &visitor.secret, &operator.token];
        for name in ["standalone", "chat-service", "dispatcher", "channel-gateway"] {
            for process in system.processes(name) {
                let log = process.log().join("\n");
                assert!(secrets.iter().all(|secret| !log.contains(secret.as_str())), "{}: {log}", process.name());
            }
        }
    }
}

fn path_signature(visitor: &Visitor) -> &str {
    visitor.stream_url.split_once("sig=").expect("a signed link").1
}
