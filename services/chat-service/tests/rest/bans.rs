//! Clients that are banned.

use chat_events::SessionDesk;
use chat_events::gateway_api::SyncPage;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::service::{Service, Visitor, code, message, messages};

/// What a client does, over REST and by way of a gateway: the status of each.
async fn tries(service: &Service, visitor: &Visitor) -> Vec<StatusCode> {
    let session = format!("/chat/session/{}", visitor.session);
    let principal = json!({"type": "client", "session_id": visitor.session});
    let send = json!({"principal": principal, "chat_id": visitor.session, "body": "x", "client_id": Uuid::new_v4()});
    let sync = json!({"principal": principal, "chat_id": visitor.session, "after": 0, "limit": 10});
    let changes = json!({"cursors": {}});
    let answers = [
        service.get(&session, &visitor.token).await,
        service.get(&messages(visitor.session), &visitor.token).await,
        service.post(&messages(visitor.session), &visitor.token, message("x")).await,
        service.get(&format!("{session}/channel-token"), &visitor.secret).await,
        service.post("/chats/changes", &visitor.token, changes).await,
        service.command("message", send).await,
        service.ask("sync", sync).await,
    ];
    answers.into_iter().map(|(status, _)| status).collect()
}

async fn set(service: &Service, session: i64, what: &str, token: &str) -> (StatusCode, Value) {
    service.call(Method::POST, &format!("/chat/session/{session}/{what}"), Some(token), None).await
}

#[tokio::test]
async fn a_banned_client_is_refused_everywhere_until_it_is_let_in_again() {
    let service = Service::start().await;
    let (visitor, other) = (service.visitor().await, service.visitor().await);
    let (_, operator) = service.operator().await;
    let (status, session) = set(&service, visitor.session, "ban", &operator).await;
    assert_eq!((status, &session["is_banned"]), (StatusCode::OK, &json!(true)), "{session}");
    assert_eq!(tries(&service, &visitor).await, [StatusCode::FORBIDDEN; 7]);
    assert!(tries(&service, &other).await.iter().all(StatusCode::is_success), "nobody else is");
    let both = json!({"session_ids": [visitor.session, other.session]});
    let (_, answer) = service.ask("clients", both).await;
    let mut told: Vec<_> = answer["clients"]
        .as_array()
        .expect("clients")
        .iter()
        .map(|c| (c["chat"]["chat_id"].as_i64(), c["is_banned"].as_bool()))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [(Some(visitor.session), Some(true)), (Some(other.session), Some(false))]);
    let (_, session) = set(&service, visitor.session, "unban", &operator).await;
    assert_eq!(session["is_banned"], false);
    assert!(tries(&service, &visitor).await.iter().all(StatusCode::is_success));
}

#[tokio::test]
async fn a_ban_keeps_a_client_from_opening_its_closed_session_again() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    service.set_status(visitor.session, &operator, "closed").await;
    set(&service, visitor.session, "ban", &operator).await;
    assert_eq!(service.say(visitor.session, &visitor.token, "let me in").await.0, StatusCode::FORBIDDEN);
    let (_, session) = service.get(&format!("/chat/session/{}", visitor.session), &operator).await;
    assert_eq!(session["status"], "closed");
    assert_eq!(service.say(visitor.session, &operator, "no").await.0, StatusCode::CREATED, "operators go on");
}

#[tokio::test]
async fn only_operators_ban() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    let (_, user) = service.account("user@example.com", "user").await;
    for token in [&visitor.token, &user] {
        assert_eq!(set(&service, visitor.session, "ban", token).await.0, StatusCode::FORBIDDEN);
    }
    assert_eq!(code(&set(&service, 999_999, "ban", &operator).await.1), "not_found");
    assert!(tries(&service, &visitor).await.iter().all(StatusCode::is_success));
}

/// Two sessions of one client.
async fn two_visits(service: &Service) -> (Visitor, Visitor) {
    let (first, second) = (service.visitor().await, service.visitor().await);
    let same = format!(
        "UPDATE chat_sessions SET client_id = (SELECT client_id FROM chat_sessions WHERE chat_id = {})
         WHERE chat_id = {}",
        first.session, second.session
    );
    service.installation.database.run_sql(&same).await;
    (first, second)
}

#[tokio::test]
async fn a_ban_takes_a_seq_and_tells_operators_in_each_session_of_the_client() {
    let service = Service::start().await;
    let (first, second) = two_visits(&service).await;
    let other = service.visitor().await;
    let (id, operator) = service.operator().await;
    service.post(&format!("/chat/session/{}/assign", second.session), &operator, json!({"user_id": id})).await;
    for what in ["ban", "ban", "unban", "unban"] {
        assert_eq!(set(&service, first.session, what, &operator).await.0, StatusCode::OK);
    }
    let events = "SELECT concat_ws(' ', chat_id, seq, visibility, assigned_user_id, data::json ->> 'is_banned',
        data::json ->> 'desk_seq') FROM outbox WHERE kind = 'chat.session.desk' ORDER BY chat_id, seq";
    let expected = [
        format!("{} 2 staff true 2", first.session),
        format!("{} 3 staff false 3", first.session),
        format!("{} 3 staff {id} true 3", second.session),
        format!("{} 4 staff {id} false 4", second.session),
    ];
    assert_eq!(service.installation.texts(events).await, expected, "and nothing of {}", other.session);
}

#[tokio::test]
async fn who_was_away_learns_of_a_ban_if_it_is_an_operator() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    let sync = async |after: i64| {
        let (status, page) = service
            .ask("sync", json!({"principal": null, "chat_id": visitor.session, "after": after, "limit": 10}))
            .await;
        assert_eq!(status, StatusCode::OK, "{page}");
        serde_json::from_value::<SyncPage>(page).expect("a page")
    };
    assert_eq!(sync(0).await.desk, None);
    set(&service, visitor.session, "ban", &operator).await;
    let page = sync(0).await;
    let desk: SessionDesk = page.desk.expect("the ban");
    assert_eq!((desk.is_banned, desk.desk_seq.0, page.next.0), (true, 2, 2));
    let session = page.chat.session.expect("a session");
    assert_eq!(session.state_seq.0, 1, "what its client may see has not changed");
    assert_eq!(sync(2).await.desk, None, "it was told");
    set(&service, visitor.session, "unban", &operator).await;
    let (_, changes) = service.get(&format!("{}?after_seq=0", messages(visitor.session)), &visitor.token).await;
    assert!(!changes.to_string().contains("banned"), "{changes}");
    let (_, shown) = service.get(&format!("/chat/session/{}", visitor.session), &visitor.token).await;
    assert_eq!(shown["state_seq"], 1);
}

#[tokio::test]
async fn bans_and_messages_in_the_sessions_of_one_client_do_not_block_each_other() {
    let service = Service::start().await;
    let (first, second) = two_visits(&service).await;
    let (_, operator) = service.operator().await;
    let changes = (0..20).map(|n| {
        let (service, operator, at) = (&service, &operator, if n % 2 == 0 { &first } else { &second });
        async move {
            match n % 4 {
                0 | 1 => set(service, at.session, if n < 10 { "ban" } else { "unban" }, operator).await.0,
                2 => service.say(at.session, operator, "still here").await.0,
                _ => service.say(at.session, &at.token, "me too").await.0,
            }
        }
    });
    let answers = join_all(changes).await;
    let is_expected = |status: &StatusCode| status.is_success() || *status == StatusCode::FORBIDDEN;
    assert!(answers.iter().all(is_expected), "{answers:?}");
    let holes = "SELECT o.chat_id FROM outbox o JOIN chats c ON c.id = o.chat_id
        GROUP BY o.chat_id, c.seq HAVING count(*) <> c.seq OR max(o.seq) <> c.seq";
    assert!(service.installation.texts(holes).await.is_empty(), "each seq has one event");
}
