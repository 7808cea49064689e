//! The end of logins, and of the tokens that came from them.

use channel_auth::AccessClaims;
use chat_events::ErrorCode;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::service::{Answer, Service, code};

const EMAIL: &str = "somebody@example.com";

/// One login: its tokens.
struct Login {
    access: String,
    refresh: Value,
}

async fn log_in(service: &Service) -> Login {
    let (status, login) = service.log_in(EMAIL, "a good password").await;
    assert_eq!(status, StatusCode::OK, "{login}");
    Login::of(&login)
}

impl Login {
    fn of(answer: &Value) -> Self {
        Self {
            access: answer["access_token"].as_str().expect("a token").to_owned(),
            refresh: answer["refresh_token"].clone(),
        }
    }

    fn claims(&self) -> AccessClaims {
        jsonwebtoken::dangerous::insecure_decode(&self.access).expect("claims").claims
    }

    async fn opens(&self, service: &Service) -> bool {
        let (status, answer) = service.get("/users/me", &self.access).await;
        assert!(status == StatusCode::OK || code(&answer) == "unauthorized", "{answer}");
        status == StatusCode::OK
    }
}

async fn refresh(service: &Service, login: &Login) -> Answer {
    service.call(Method::POST, "/auth/refresh", None, Some(json!({"refresh_token": login.refresh}))).await
}

async fn log_out(service: &Service, body: Value) -> StatusCode {
    service.call(Method::POST, "/auth/logout", None, Some(body)).await.0
}

#[tokio::test]
async fn a_logout_ends_its_login_at_once_and_no_other() {
    let service = Service::start().await;
    service.account(EMAIL, "operator").await;
    let (gone, other) = (log_in(&service).await, log_in(&service).await);
    assert_eq!(log_out(&service, json!({"refresh_token": gone.refresh})).await, StatusCode::NO_CONTENT);
    assert!(!gone.opens(&service).await, "its access token is worth nothing");
    for path in ["/chat/sessions", "/chats"] {
        assert_eq!(service.get(path, &gone.access).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(refresh(&service, &gone).await.0, StatusCode::UNAUTHORIZED);
    assert!(other.opens(&service).await);
    assert_eq!(refresh(&service, &other).await.0, StatusCode::OK);
    assert_eq!(log_out(&service, json!({"refresh_token": gone.refresh})).await, StatusCode::NO_CONTENT, "it is out");
    assert_eq!(log_out(&service, json!({"refresh_token": "never seen"})).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_logout_everywhere_ends_all_logins_and_the_next_one_is_good_at_once() {
    let service = Service::start().await;
    let (id, _) = service.account(EMAIL, "user").await;
    // By its date alone, as where a token does not name its login.
    let connects = async |login: &Login| {
        let token = json!({"issued_at": login.claims().iat});
        let connect = json!({"principal": {"type": "user", "user_id": id}, "token": token});
        service.admission(connect).await.err()
    };
    for _ in 0..5 {
        let (one, other) = (log_in(&service).await, log_in(&service).await);
        assert!(one.opens(&service).await && other.opens(&service).await);
        let everywhere = json!({"refresh_token": one.refresh, "all": true});
        assert_eq!(log_out(&service, everywhere).await, StatusCode::NO_CONTENT);
        assert!(!one.opens(&service).await && !other.opens(&service).await);
        assert_eq!(connects(&other).await, Some(ErrorCode::Forbidden));
        assert_eq!(connects(&log_in(&service).await).await, None);
        assert_eq!(refresh(&service, &other).await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn only_a_token_that_is_still_good_logs_out_everywhere() {
    let service = Service::start().await;
    service.account(EMAIL, "user").await;
    let (spent, other) = (log_in(&service).await, log_in(&service).await);
    let (_, next) = refresh(&service, &spent).await;
    let everywhere = json!({"refresh_token": spent.refresh, "all": true});
    assert_eq!(log_out(&service, everywhere).await, StatusCode::UNAUTHORIZED);
    assert!(other.opens(&service).await);
    assert_eq!(log_out(&service, json!({"refresh_token": spent.refresh})).await, StatusCode::NO_CONTENT);
    assert!(!Login::of(&next).opens(&service).await, "the login is over, whichever of its tokens said so");
}

#[tokio::test]
async fn an_account_that_is_opened_again_knows_none_of_its_old_tokens() {
    let service = Service::start().await;
    service.account(EMAIL, "user").await;
    let old = log_in(&service).await;
    service.installation.accounts().disable(EMAIL).await;
    service.installation.accounts().enable(EMAIL).await;
    assert!(!old.opens(&service).await);
    assert!(log_in(&service).await.opens(&service).await);
}

#[tokio::test]
async fn no_refresh_outlives_a_logout_that_comes_at_the_same_moment() {
    let service = Service::start().await;
    service.account(EMAIL, "user").await;
    for _ in 0..10 {
        let logins = join_all((0..6).map(|_| log_in(&service))).await;
        let everywhere = log_out(&service, json!({"refresh_token": logins[0].refresh, "all": true}));
        let refreshes = join_all(logins[1..].iter().map(|login| refresh(&service, login)));
        let (status, refreshed) = tokio::join!(everywhere, refreshes);
        assert_eq!(status, StatusCode::NO_CONTENT);
        for (status, answer) in refreshed {
            if status == StatusCode::OK {
                let login = Login::of(&answer);
                assert!(!login.opens(&service).await);
                assert_eq!(refresh(&service, &login).await.0, StatusCode::UNAUTHORIZED);
            }
        }
    }
}
