//! Which of many chats changed since their reader was last there.

use chat_events::gateway_api::{ChangedChat, Changes};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::service::{Service, code, message};

async fn changes(service: &Service, token: &str, body: Value) -> Changes {
    let (status, answer) = service.post("/chats/changes", token, body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    serde_json::from_value(answer).expect("changes")
}

fn tops(chats: &[ChangedChat]) -> Vec<(i64, i64)> {
    chats.iter().map(|chat| (chat.chat_id.0, chat.seq.0)).collect()
}

fn ids(chats: &[chat_events::ChatId]) -> Vec<i64> {
    chats.iter().map(|chat| chat.0).collect()
}

#[tokio::test]
async fn a_user_learns_what_changed_what_is_new_and_what_it_lost() {
    let service = Service::start().await;
    let (user, token) = service.account("user@example.com", "user").await;
    let (other, _) = service.account("other@example.com", "user").await;
    let visitor = service.visitor().await;
    let quiet = service.group(&[user]).await;
    let busy = service.group(&[user]).await;
    let lost = service.group(&[other, user]).await;
    let foreign = service.group(&[other]).await;
    let fresh = service.group(&[user, other]).await;
    service.post(&format!("/chats/{busy}/messages"), &token, message("hello")).await;
    service.installation.accounts().remove_member(lost, user).await;
    let cursors = json!({quiet.to_string(): 1, busy.to_string(): 1, lost.to_string(): 2, foreign.to_string(): 0,
                         "999999": 4, visitor.session.to_string(): 0});
    let told = changes(&service, &token, json!({"cursors": cursors})).await;
    assert_eq!((tops(&told.chats), tops(&told.new)), (vec![(busy, 2)], vec![(fresh, 2)]));
    assert_eq!(ids(&told.gone), [visitor.session, lost, foreign, 999_999]);
    assert_eq!((told.chats[0].state_seq.0, told.epoch.0, told.ahead.len()), (1, 1, 0));
    let told = changes(&service, &token, json!({"cursors": {quiet.to_string(): 2}})).await;
    assert_eq!((ids(&told.ahead), tops(&told.new)), (vec![quiet], vec![(busy, 2), (fresh, 2)]));
}

#[tokio::test]
async fn an_operator_asks_for_sessions_and_its_own_chats_at_once() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (operator, token) = service.operator().await;
    let chat = service.group(&[operator]).await;
    service.say(visitor.session, &visitor.token, "hello").await;
    let told =
        changes(&service, &token, json!({"cursors": {visitor.session.to_string(): 1, chat.to_string(): 0}})).await;
    assert_eq!(tops(&told.chats), [(visitor.session, 2), (chat, 1)]);
    let ask = async |principal: Value| {
        let cursors = json!({visitor.session.to_string(): 1, chat.to_string(): 0});
        let (status, answer) = service.ask("changes", json!({"principal": principal, "cursors": cursors})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        serde_json::from_value::<Changes>(answer).expect("changes")
    };
    let told = ask(json!({"type": "staff", "user_id": operator})).await;
    assert_eq!((tops(&told.chats), ids(&told.gone)), (vec![(visitor.session, 2)], vec![chat]));
    let told = ask(json!({"type": "user", "user_id": operator})).await;
    assert_eq!((tops(&told.chats), ids(&told.gone)), (vec![(chat, 1)], vec![visitor.session]));
}

#[tokio::test]
async fn a_client_asks_for_its_session_alone() {
    let service = Service::start().await;
    let (visitor, other) = (service.visitor().await, service.visitor().await);
    let both = json!({"cursors": {visitor.session.to_string(): 0, other.session.to_string(): 0}});
    let told = changes(&service, &visitor.token, both).await;
    assert_eq!((tops(&told.chats), ids(&told.gone)), (vec![(visitor.session, 1)], vec![other.session]));
    let told = changes(&service, &visitor.token, json!({"cursors": {}})).await;
    assert_eq!(tops(&told.new), [(visitor.session, 1)]);
}

#[tokio::test]
async fn chats_beyond_a_page_are_asked_for_again() {
    let service = Service::start().await;
    let (user, token) = service.account("user@example.com", "user").await;
    let sql = format!(
        "WITH c AS (INSERT INTO chats (kind, seq, state_seq) SELECT 'group', 1, 1 FROM generate_series(1, 1300)
         RETURNING id) INSERT INTO chat_members (chat_id, user_id) SELECT id, {user} FROM c"
    );
    service.installation.database.run_sql(&sql).await;
    let first = changes(&service, &token, json!({"cursors": {}})).await;
    assert_eq!((first.new.len(), first.new_next), (1000, Some(first.new[999].chat_id)));
    let rest = changes(&service, &token, json!({"cursors": {}, "new_after": first.new_next})).await;
    assert_eq!((rest.new.len(), rest.new_next), (300, None));
    assert!(rest.new[0].chat_id > first.new[999].chat_id);
    let cursors: Value =
        first.new.iter().map(|chat| (chat.chat_id.to_string(), json!(1))).collect::<serde_json::Map<_, _>>().into();
    let level = changes(&service, &token, json!({"cursors": cursors})).await;
    assert_eq!((level.chats.len(), level.new.len()), (0, 300), "what is level is not told");
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let service = Service::start().await;
    let (_, token) = service.account("user@example.com", "user").await;
    let many: serde_json::Map<String, Value> = (1..=1001).map(|id| (id.to_string(), json!(0))).collect();
    for body in [
        json!({"cursors": many}),
        json!({"cursors": {"x": 1}}),
        json!({"cursors": {"0": 1}}),
        json!({"cursors": {"01": 1}}),
        json!({"cursors": {"1": -1}}),
        json!({"cursors": {"1": "1"}}),
        json!({"cursors": []}),
        json!({"cursors": {}, "new_after": 0}),
        json!({}),
    ] {
        let (status, answer) = service.post("/chats/changes", &token, body).await;
        assert_eq!((status, code(&answer)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"));
    }
    service.installation.database.run_sql("UPDATE users SET is_active = false").await;
    assert_eq!(service.post("/chats/changes", &token, json!({"cursors": {}})).await.0, StatusCode::UNAUTHORIZED);
}
