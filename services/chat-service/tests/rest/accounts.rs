//! Logging in, staying logged in, and tokens that are not good.

use chat_events::ErrorCode;
use chrono::Utc;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::service::{Answer, Installation, Service, code, messages};

async fn refresh(service: &Service, token: &Value) -> Answer {
    service.call(Method::POST, "/auth/refresh", None, Some(json!({"refresh_token": token}))).await
}

/// Without a grace for tabs that trade at the same moment.
async fn strict() -> Service {
    let installation = Installation::fresh().await;
    let program = installation.program().env("AUTH__REFRESH_GRACE", "0s");
    Service::start_program(installation, program).await
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_login_and_no_other() {
    let service = strict().await;
    service.operator().await;
    let (_, stolen) = service.log_in("operator@example.com", "a good password").await;
    let (_, other) = service.log_in("operator@example.com", "a good password").await;
    let (status, second) = refresh(&service, &stolen["refresh_token"]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(service.get("/users/me", second["access_token"].as_str().expect("a token")).await.0, StatusCode::OK);
    let (status, reused) = refresh(&service, &stolen["refresh_token"]).await;
    assert_eq!((status, code(&reused)), (StatusCode::UNAUTHORIZED, "unauthorized"));
    assert_eq!(refresh(&service, &second["refresh_token"]).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&service, &other["refresh_token"]).await.0, StatusCode::OK);
    assert_eq!(refresh(&service, &json!("never seen")).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_a_grace_one_of_two_refreshes_at_once_is_a_reuse() {
    let service = strict().await;
    service.operator().await;
    let (_, login) = service.log_in("operator@example.com", "a good password").await;
    let token = &login["refresh_token"];
    let (a, b) = tokio::join!(refresh(&service, token), refresh(&service, token));
    let mut statuses = [a.0.as_u16(), b.0.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn tabs_that_refresh_one_login_at_the_same_moment_all_live_and_go_on() {
    let service = Service::start().await;
    service.operator().await;
    let (_, login) = service.log_in("operator@example.com", "a good password").await;
    let mut lines = vec![login; 3];
    for round in 0..3 {
        // In the first all have the same token, later each its own, and all at the same moment.
        let refreshed = join_all(lines.iter().map(|line| refresh(&service, &line["refresh_token"]))).await;
        lines = refreshed
            .into_iter()
            .map(|(status, login)| {
                assert_eq!(status, StatusCode::OK, "round {round}: {login}");
                login
            })
            .collect();
        for line in &lines {
            let token = line["access_token"].as_str().expect("a token");
            assert_eq!(service.get("/users/me", token).await.0, StatusCode::OK, "round {round}");
        }
    }
    let tokens: std::collections::BTreeSet<String> =
        lines.iter().map(|line| line["refresh_token"].to_string()).collect();
    assert_eq!(tokens.len(), 3, "each its own");
}

#[tokio::test]
async fn a_token_that_comes_after_its_successor_was_used_ends_its_login_also_within_the_grace() {
    let service = Service::start().await;
    service.operator().await;
    let (_, stolen) = service.log_in("operator@example.com", "a good password").await;
    let (_, second) = refresh(&service, &stolen["refresh_token"]).await;
    let (status, third) = refresh(&service, &second["refresh_token"]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(refresh(&service, &stolen["refresh_token"]).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&service, &third["refresh_token"]).await.0, StatusCode::UNAUTHORIZED, "the login is over");
}

#[tokio::test]
async fn a_token_that_comes_after_the_grace_ends_all_lines_of_its_login() {
    let service = Service::start().await;
    service.operator().await;
    let (_, login) = service.log_in("operator@example.com", "a good password").await;
    let (one, other) =
        (refresh(&service, &login["refresh_token"]).await, refresh(&service, &login["refresh_token"]).await);
    assert_eq!((one.0, other.0), (StatusCode::OK, StatusCode::OK));
    service.installation.database.run_sql("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'").await;
    assert_eq!(refresh(&service, &login["refresh_token"]).await.0, StatusCode::UNAUTHORIZED);
    for line in [one.1, other.1] {
        assert_eq!(refresh(&service, &line["refresh_token"]).await.0, StatusCode::UNAUTHORIZED);
        let token = line["access_token"].as_str().expect("a token");
        assert_eq!(service.get("/users/me", token).await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_token_has_only_so_many_successors() {
    let service = Service::start().await;
    service.operator().await;
    let (_, login) = service.log_in("operator@example.com", "a good password").await;
    let mut traded = 0;
    while refresh(&service, &login["refresh_token"]).await.0 == StatusCode::OK {
        traded += 1;
    }
    assert_eq!(traded, 20);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_get_the_same_answer() {
    let service = Service::start().await;
    service.operator().await;
    let wrong = service.log_in("operator@example.com", "another password").await;
    let unknown = service.log_in("nobody@example.com", "another password").await;
    assert_eq!(wrong.0, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong, unknown);
    assert_eq!(service.log_in("Operator@Example.com", "a good password").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_deactivated_account_is_refused_at_once_everywhere() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (id, token) = service.operator().await;
    let (_, login) = service.log_in("operator@example.com", "a good password").await;
    service.installation.database.run_sql("UPDATE users SET is_active = false").await;
    let session = format!("/chat/session/{}", visitor.session);
    for path in ["/users/me", "/chat/sessions", "/chats", &session, &messages(visitor.session)] {
        assert_eq!(service.get(path, &token).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(service.say(visitor.session, &token, "hello").await.0, StatusCode::UNAUTHORIZED);
    let closed = service.post(&format!("{session}/status"), &token, json!({"status": "closed"})).await;
    assert_eq!(closed.0, StatusCode::UNAUTHORIZED);
    assert_eq!(service.log_in("operator@example.com", "a good password").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&service, &login["refresh_token"]).await.0, StatusCode::UNAUTHORIZED);
    let connect = json!({"principal": {"type": "staff", "user_id": id}});
    assert_eq!(service.admission(connect).await.err(), Some(ErrorCode::Forbidden));
}

#[tokio::test]
async fn a_demoted_operator_loses_the_sessions_before_its_token_ends() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, token) = service.operator().await;
    service.installation.database.run_sql("UPDATE users SET role = 'user'").await;
    assert_eq!(service.get("/chat/sessions", &token).await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.get(&messages(visitor.session), &token).await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.say(visitor.session, &token, "hello").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn tokens_that_are_not_good_are_refused() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, good) = service.operator().await;
    let claims = json!({"iss": "switchboard", "aud": "switchboard", "sub": "1", "name": "Eve", "role": "admin",
                        "iat": Utc::now().timestamp(), "exp": Utc::now().timestamp() + 600, "jti": "1"});
    let (foreign, _) = channel_auth::JwtIssuer::generate();
    let foreign = foreign.sign(&serde_json::from_value(claims.clone()).expect("claims"));
    let (_, jwks) = service.get("/.well-known/jwks.json", "").await;
    let public = jwks["keys"][0]["x"].as_str().expect("a public key");
    let by_public_key =
        encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(public.as_bytes())).expect("a JWT");
    let place = good.len() - 10;
    let other = if good.as_bytes()[place] == b'A' { 'B' } else { 'A' };
    let tampered = format!("{}{other}{}", &good[..place], &good[place + 1..]);
    let another = format!("{}0{}", &visitor.token[..8], &visitor.token[8..]);
    let bad = [&without_signature(&claims), &foreign, &by_public_key, &tampered, &another, "", "x", "a.b.c", "\u{e9}"];
    for token in bad {
        let (status, answer) = service.get("/users/me", token).await;
        assert_eq!((status, code(&answer)), (StatusCode::UNAUTHORIZED, "unauthorized"), "{token}");
    }
    let log = service.process.log().join("\n");
    assert!(bad.iter().filter(|token| token.len() > 5).all(|token| !log.contains(*token)), "a token is in the log");
}

/// `alg: none`, the classic.
fn without_signature(claims: &Value) -> String {
    use base64::Engine;
    let encode = |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", encode(&json!({"alg": "none", "typ": "JWT"})), encode(claims))
}

#[tokio::test]
async fn a_token_that_was_good_once_is_told_so() {
    let installation = Installation::fresh().await;
    let program = installation.program().env("AUTH__ACCESS_TTL", "1s").env("AUTH__SESSION_TTL", "1s");
    let service = Service::start_program(installation, program).await;
    let visitor = service.visitor().await;
    let (_, token) = service.operator().await;
    for token in [&token, &visitor.token] {
        test_support::wait_until("the token to end", async || {
            let (status, answer) = service.get(&messages(visitor.session), token).await;
            (status == StatusCode::UNAUTHORIZED).then(|| assert_eq!(code(&answer), "token_expired"))
        })
        .await;
    }
}

#[tokio::test]
async fn another_role_counts_at_once() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    let set_role = async |email: &str, role: &str| service.installation.accounts().set_role(email, role).await;
    set_role("OPERATOR@example.com", "user").await;
    assert_eq!(service.get("/chat/sessions", &operator).await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.say(visitor.session, &operator, "still me?").await.0, StatusCode::FORBIDDEN);
    set_role("operator@example.com", "admin").await;
    assert_eq!(service.get("/chat/sessions", &operator).await.0, StatusCode::OK, "its token says that it is staff");
    let (_, user) = service.account("user@example.com", "user").await;
    set_role("user@example.com", "operator").await;
    assert_eq!(service.get("/chat/sessions", &user).await.0, StatusCode::FORBIDDEN, "its token is of a user");
    let (_, login) = service.log_in("user@example.com", "a good password").await;
    let token = login["access_token"].as_str().expect("a token");
    assert_eq!(service.get("/chat/sessions", token).await.0, StatusCode::OK);
}
