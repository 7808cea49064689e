//! Activity of chats: in events, in `sync` and over REST.

use std::collections::BTreeSet;

use chat_events::gateway_api::SyncPage;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::service::{Service, Visitor, bodies, code, messages};

/// A session in which much was done, and an operator.
async fn busy_session(service: &Service) -> (Visitor, i64, String) {
    let visitor = service.visitor().await;
    let (id, operator) = service.operator().await;
    let session = format!("/chat/session/{}", visitor.session);
    service.say(visitor.session, &visitor.token, "hello").await;
    service.post(&format!("{session}/assign"), &operator, json!({"user_id": id})).await;
    service.set_status(visitor.session, &operator, "closed").await;
    // It opens the session again.
    service.say(visitor.session, &visitor.token, "one more thing").await;
    for what in ["ban", "unban"] {
        let path = format!("{session}/{what}");
        assert_eq!(service.call(Method::POST, &path, Some(&operator), None).await.0, StatusCode::OK);
    }
    (visitor, id, operator)
}

async fn sync(service: &Service, chat: i64, after: i64, limit: u16) -> SyncPage {
    let ask = json!({"principal": null, "chat_id": chat, "after": after, "limit": limit});
    let (status, page) = service.ask("sync", ask).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    serde_json::from_value(page).expect("a page")
}

async fn read(service: &Service, path: &str, token: &str) -> Value {
    let (status, page) = service.get(path, token).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page
}

fn activities(page: &Value) -> &Vec<Value> {
    page["activity"].as_array().expect("activity")
}

#[tokio::test]
async fn what_was_done_is_told_alike_by_events_by_sync_and_over_rest() {
    let service = Service::start().await;
    let (visitor, id, operator) = busy_session(&service).await;
    let session = visitor.session;
    let page = read(&service, &format!("/chat/session/{session}/activity"), &operator).await;
    let told: Vec<(i64, &str, &str)> = activities(&page)
        .iter()
        .map(|one| {
            let text = |field: &str| one[field].as_str().expect("text");
            (one["seq"].as_i64().expect("a seq"), text("kind"), text("visibility"))
        })
        .collect();
    let expected = [
        (1, "session.opened", "public"),
        (3, "session.assigned", "public"),
        (4, "session.status", "public"),
        (5, "session.status", "public"),
        (7, "session.client_banned", "staff"),
        (8, "session.client_admitted", "staff"),
    ];
    assert_eq!((told, page["has_more"].as_bool(), page["seq"].as_i64()), (expected.into(), Some(false), Some(8)));
    let [_, assigned, closed, opened, ..] = activities(&page).as_slice() else { panic!("{page}") };
    assert_eq!(assigned["actor"], json!({"type": "operator", "id": id, "name": "Somebody"}));
    assert_eq!((&assigned["from"], &assigned["to"]), (&Value::Null, &json!({"id": id, "name": "Somebody"})));
    assert_eq!((&closed["from"], &closed["to"]), (&json!("open"), &json!("closed")));
    assert_eq!((&opened["to"], &opened["actor"]["type"]), (&json!("open"), &json!("client")));
    let synced = sync(&service, session, 0, 100).await;
    assert_eq!(serde_json::to_value(&synced.activity).expect("JSON"), page["activity"]);
    let events = "SELECT json_build_object('seq', seq, 'visibility', visibility)::jsonb || activity::jsonb FROM outbox
        WHERE activity IS NOT NULL ORDER BY seq";
    let events = service.installation.texts(events).await;
    let events: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).expect("JSON")).collect();
    assert_eq!(&events, activities(&page));
    let silent = "SELECT seq FROM outbox WHERE activity IS NULL ORDER BY seq";
    assert_eq!(service.installation.texts(silent).await, ["2", "6"], "messages are no activity");
}

#[tokio::test]
async fn readers_see_the_activity_that_is_theirs_to_see() {
    let service = Service::start().await;
    let (visitor, _, operator) = busy_session(&service).await;
    let (user, token) = service.account("user@example.com", "user").await;
    let (_, stranger) = service.account("stranger@example.com", "user").await;
    let path = format!("/chat/session/{}/activity", visitor.session);
    assert_eq!(numbers_of(&read(&service, &path, &visitor.token).await), [1, 3, 4, 5], "bans are for operators");
    assert_eq!(numbers_of(&read(&service, &path, &operator).await), [1, 3, 4, 5, 7, 8]);
    assert_eq!(code(&service.get(&path, &token).await.1), "forbidden");
    let chat = service.group(&[user]).await;
    let path = format!("/chats/{chat}/activity");
    let page = read(&service, &path, &token).await;
    assert_eq!(activities(&page)[0]["actor"], json!({"type": "system", "id": null, "name": null}));
    assert_eq!((numbers_of(&page), &activities(&page)[0]["to"]["user_id"]), (vec![1], &json!(user)));
    assert_eq!(code(&service.get(&path, &stranger).await.1), "not_found");
    assert_eq!(code(&service.get(&path, &operator).await.1), "not_found");
    assert_eq!(code(&service.get("/chats/999999/activity", &token).await.1), "not_found");
}

#[tokio::test]
async fn a_page_of_messages_has_no_room_for_activity() {
    let service = Service::start().await;
    let (visitor, _, operator) = busy_session(&service).await;
    for token in [&visitor.token, &operator] {
        let path = format!("{}?after_seq=0&limit=1", messages(visitor.session));
        let page = read(&service, &path, token).await;
        assert_eq!((bodies(&page), &page["seq"], &page["has_more"]), (vec!["hello"], &json!(2), &json!(true)));
    }
}

fn numbers_of(page: &Value) -> Vec<i64> {
    activities(page).iter().map(|one| one["seq"].as_i64().expect("a seq")).collect()
}

#[tokio::test]
async fn activity_is_read_page_by_page() {
    let service = Service::start().await;
    let (visitor, _, operator) = busy_session(&service).await;
    let path = format!("/chat/session/{}/activity", visitor.session);
    for limit in 1..=7 {
        let (mut seqs, mut cursor) = (Vec::new(), 0);
        loop {
            let page = read(&service, &format!("{path}?limit={limit}&after_seq={cursor}"), &operator).await;
            assert!(activities(&page).len() <= limit);
            seqs.extend(numbers_of(&page));
            cursor = page["seq"].as_i64().expect("a cursor");
            if page["has_more"] == false {
                break;
            }
        }
        assert_eq!((seqs, cursor), (vec![1, 3, 4, 5, 7, 8], 8), "{limit} at a time");
    }
    let beyond = read(&service, &format!("{path}?after_seq=8"), &operator).await;
    assert_eq!((activities(&beyond).len(), &beyond["has_more"], &beyond["seq"]), (0, &json!(false), &json!(8)));
    for bad in ["limit=0", "limit=201", "after_seq=-1"] {
        let (status, answer) = service.get(&format!("{path}?{bad}"), &operator).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}: {answer}");
    }
}

/// Everything in a page that has a place, beside the state of the session.
fn places(page: &SyncPage) -> Vec<(&'static str, i64)> {
    let messages = page.messages.iter().map(|message| ("message", message.changed_seq.0));
    let members = page.members.iter().map(|change| ("member", change.seq.0));
    let desk = page.desk.iter().map(|desk| ("desk", desk.desk_seq.0));
    let activity = page.activity.iter().map(|placed| ("activity", placed.seq.0));
    messages.chain(members).chain(desk).chain(activity).collect()
}

/// Reads a chat in pages of every length: each tells of places above the one before, and of all rows of the last one.
async fn is_whole_in_pages(service: &Service, chat: i64) {
    let whole = sync(service, chat, 0, 100).await;
    assert!(!whole.has_more);
    let expected: BTreeSet<_> = places(&whole).into_iter().collect();
    let rows = u16::try_from(expected.len()).expect("few");
    for limit in 1..=rows + 1 {
        let (mut told, mut cursor) = (Vec::new(), 0);
        loop {
            let page = sync(service, chat, cursor, limit).await;
            let places = places(&page);
            assert!(places.len() <= usize::from(limit) + 1, "{limit} at a time: {places:?}");
            assert!(places.iter().all(|(_, seq)| *seq > cursor && *seq <= page.next.0), "{places:?} after {cursor}");
            told.extend(places);
            cursor = page.next.0;
            if !page.has_more {
                break;
            }
        }
        assert_eq!((told.len(), cursor), (expected.len(), whole.next.0), "{limit} at a time: {told:?}");
        assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), expected, "{limit} at a time");
    }
}

#[tokio::test]
async fn no_activity_is_lost_between_two_pages_or_told_twice() {
    let service = Service::start().await;
    let (visitor, _, _) = busy_session(&service).await;
    is_whole_in_pages(&service, visitor.session).await;
    let mut users = Vec::new();
    for name in ["first", "second", "third"] {
        users.push(service.account(&format!("{name}@example.com"), "user").await);
    }
    let (chat, token) = (service.group(&[users[0].0, users[1].0]).await, &users[0].1);
    let members = format!("/chats/{chat}/members");
    service.post(&members, token, json!({"user_id": users[2].0})).await;
    service.call(Method::DELETE, &format!("{members}/{}", users[1].0), Some(token), None).await;
    service.post(&members, token, json!({"user_id": users[1].0})).await;
    is_whole_in_pages(&service, chat).await;
}

#[tokio::test]
async fn an_activity_that_cannot_be_read_hides_no_other() {
    let service = Service::start().await;
    let (visitor, _, operator) = busy_session(&service).await;
    let sql = "ALTER TABLE chat_activity DROP CONSTRAINT chat_activity_actor_known;
        UPDATE chat_activity SET actor_type = 'later' WHERE seq IN (3, 8); UPDATE chat_activity SET at = 'infinity' WHERE seq = 4";
    service.installation.database.run_sql(sql).await;
    let page = sync(&service, visitor.session, 0, 100).await;
    assert_eq!(page.activity.iter().map(|placed| placed.seq.0).collect::<Vec<_>>(), [1, 5, 7]);
    let path = format!("/chat/session/{}/activity", visitor.session);
    let page = read(&service, &path, &operator).await;
    assert_eq!((numbers_of(&page), page["seq"].as_i64()), (vec![1, 5, 7], Some(8)), "the cursor moves past them");
    let page = read(&service, &format!("{path}?after_seq=1&limit=1"), &operator).await;
    assert_eq!((numbers_of(&page), &page["has_more"], &page["seq"]), (vec![], &json!(true), &json!(3)));
}
