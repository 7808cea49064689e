//! The list of a user's chats, page by page.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;

use crate::service::{Service, code};

/// Groups of a user that changed one after the other, the last one yesterday; their ids, in the order of the list.
async fn quiet_groups(service: &Service, user: i64, count: usize) -> Vec<i64> {
    let database = &service.installation.database;
    database
        .run_sql(&format!(
            "WITH made AS (
                INSERT INTO chats (kind, title, seq, changed_at)
                SELECT 'group', 'Group ' || n, 7, now() - interval '1 day' - (n / 3) * interval '1 second'
                FROM generate_series(1, {count}) n RETURNING id
             )
             INSERT INTO chat_members (chat_id, user_id) SELECT id, {user} FROM made"
        ))
        .await;
    let ids = service.installation.texts("SELECT id FROM chats ORDER BY changed_at DESC, id DESC").await;
    ids.iter().map(|id| id.parse().expect("an id")).collect()
}

async fn page(service: &Service, token: &str, query: &str) -> (Vec<i64>, Option<String>) {
    let (status, answer) = service.get(&format!("/chats{query}"), token).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let chats = answer["chats"].as_array().expect("chats");
    let ids = chats.iter().map(|chat| chat["chat_id"].as_i64().expect("an id")).collect();
    (ids, answer["next_cursor"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn all_chats_are_listed_once_those_that_changed_last_first() {
    let service = Service::start().await;
    let (user, token) = service.account("user@example.com", "user").await;
    assert_eq!(page(&service, &token, "").await, (vec![], None));
    let expected = quiet_groups(&service, user, 120).await;
    // Some changed at the same moment: pages of two lie across them.
    for limit in [2, 50, 119, 120] {
        let (mut listed, mut query) = (Vec::new(), format!("?limit={limit}"));
        loop {
            let (ids, next) = page(&service, &token, &query).await;
            assert!(ids.len() <= limit && !ids.is_empty());
            listed.extend(ids);
            let Some(next) = next else { break };
            query = format!("?limit={limit}&cursor={next}");
        }
        assert_eq!(listed, expected, "pages of {limit}");
    }
    let (ids, next) = page(&service, &token, "").await;
    assert_eq!((&ids[..], next.is_some()), (&expected[..50], true));
}

#[tokio::test]
async fn a_chat_that_moves_to_the_front_between_two_pages_is_not_passed_over() {
    let service = Service::start().await;
    let (user, token) = service.account("user@example.com", "user").await;
    let expected = quiet_groups(&service, user, 30).await;
    let (first, next) = page(&service, &token, "?limit=10").await;
    assert_eq!(first, expected[..10]);
    // One that was listed, and two that were not, get messages; somebody brings the user into another.
    for chat in [expected[2], expected[15], expected[29]] {
        let message = serde_json::json!({"body": "Hello", "client_id": uuid::Uuid::new_v4()});
        assert_eq!(service.post(&format!("/chats/{chat}/messages"), &token, message).await.0, StatusCode::CREATED);
    }
    let new = service.group(&[user]).await;
    let (mut listed, mut cursor) = (Vec::new(), next);
    while let Some(from) = cursor {
        let (ids, next) = page(&service, &token, &format!("?limit=7&cursor={from}")).await;
        listed.extend(ids);
        cursor = next;
    }
    let moved = BTreeSet::from([expected[2], expected[15], expected[29], new]);
    let (in_order, last) = listed.split_at(listed.len() - moved.len());
    let rest: Vec<i64> = expected[10..].iter().copied().filter(|chat| !moved.contains(chat)).collect();
    assert_eq!(in_order, rest);
    assert_eq!(last, moved.into_iter().collect::<Vec<_>>(), "what moved is told at the end");
}

#[tokio::test]
async fn each_chat_is_told_with_its_top_and_the_callers_own_mark() {
    let service = Service::start().await;
    let (ada, of_ada) = service.account("ada@example.com", "user").await;
    let (ben, of_ben) = service.account("ben@example.com", "user").await;
    let chat = service.group(&[ada, ben]).await;
    let message = serde_json::json!({"body": "Hello", "client_id": uuid::Uuid::new_v4()});
    let (_, sent) = service.post(&format!("/chats/{chat}/messages"), &of_ada, message).await;
    for token in [&of_ada, &of_ben] {
        let mark = serde_json::json!({"kind": "read", "last_id": sent["id"]});
        assert!(service.post(&format!("/chats/{chat}/marks"), token, mark).await.0.is_success());
    }
    let (_, answer) = service.get("/chats", &of_ben).await;
    let [listed] = &answer["chats"].as_array().expect("chats")[..] else { panic!("not one chat: {answer}") };
    assert_eq!((&listed["seq"], &listed["kind"]), (&sent["seq"], &Value::from("group")));
    let readers: Vec<_> = listed["marks"].as_array().expect("marks").iter().map(|mark| &mark["reader_id"]).collect();
    assert_eq!(readers, [&Value::from(ben)]);
}

#[tokio::test]
async fn what_is_no_cursor_and_no_limit_is_refused() {
    let service = Service::start().await;
    let (_, token) = service.account("user@example.com", "user").await;
    for query in ["?cursor=", "?cursor=17", "?cursor=1.2.3.4", "?cursor=-1.2", "?cursor=x", "?limit=0", "?limit=201"] {
        let (status, answer) = service.get(&format!("/chats{query}"), &token).await;
        assert_eq!((status, code(&answer)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{query}");
    }
    assert_eq!(page(&service, &token, "?cursor=999999999999999999.999999999999999999.1").await, (vec![], None));
    assert_eq!(service.get("/chats?before=3", &token).await.0, StatusCode::BAD_REQUEST);
    let visitor = service.visitor().await;
    assert_eq!(service.get("/chats", &visitor.token).await.0, StatusCode::FORBIDDEN);
}
