//! Rows that an older version, or a hand, left in a shape that cannot be read: none of them fails what is around it.

use chat_events::gateway_api::{Chats, Clients, SyncPage};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::service::{Service, bodies, messages};

/// How often something was left out.
async fn left_out(service: &Service, what: &str) -> u64 {
    let text =
        reqwest::get(format!("{}/metrics", service.url)).await.expect("an answer").text().await.expect("metrics");
    let line = format!("rows_unreadable_total{{what=\"{what}\"}} ");
    text.lines().find_map(|found| found.strip_prefix(&line)).map_or(0, |count| count.parse().expect("a number"))
}

#[tokio::test]
async fn a_session_that_an_older_version_poisoned_is_shown_without_its_metadata() {
    let service = Service::start().await;
    let (id, operator) = service.operator().await;
    for poison in [
        "'{\"a\":1.7976931348623157e308}'",
        "jsonb_build_object('a', (SELECT jsonb_agg(1e300::numeric) FROM generate_series(1, 1000)))",
        "'{\"a\":1e400}'",
    ] {
        let (good, bad) = (service.visitor().await, service.visitor().await);
        let update = format!(
            "UPDATE clients SET metadata = {poison} FROM chat_sessions s WHERE s.client_id = clients.id AND s.chat_id = {}",
            bad.session
        );
        service.installation.database.run_sql(&update).await;
        let before = left_out(&service, "Metadata").await;
        let path = format!("/chat/session/{}", bad.session);
        let (status, list) = service.get("/chat/sessions?limit=2", &operator).await;
        let ids: Vec<_> = list["sessions"].as_array().expect("sessions").iter().map(|s| &s["session_id"]).collect();
        assert_eq!((status, ids), (StatusCode::OK, vec![&json!(bad.session), &json!(good.session)]));
        for (status, shown) in [
            service.get(&path, &operator).await,
            service.get(&path, &bad.token).await,
            service.post(&format!("{path}/assign"), &operator, json!({"user_id": id})).await,
            service.post(&format!("{path}/status"), &operator, json!({"status": "closed"})).await,
            service.post(&format!("{path}/ban"), &operator, Value::Null).await,
        ] {
            assert_eq!((status, &shown["metadata"]), (StatusCode::OK, &json!({})), "{shown}");
            assert_eq!(shown["session_id"], bad.session);
        }
        assert_eq!(left_out(&service, "Metadata").await - before, 6);
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_passed_over_by_every_page() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    for n in 0..6 {
        service.say(visitor.session, &visitor.token, &n.to_string()).await;
    }
    let year = "UPDATE messages SET created_at = '292277-01-01' WHERE body IN ('2', '3', '5')";
    service.installation.database.run_sql(year).await;
    let path = messages(visitor.session);
    let (_, page) = service.get(&path, &operator).await;
    assert_eq!((bodies(&page), &page["has_more"]), (vec!["0", "1", "4"], &json!(false)));
    for (direction, expected) in [("before_id", ["4", "1", "0"]), ("after_id", ["0", "1", "4"])] {
        let mut query = if direction == "before_id" { String::new() } else { "&after_seq=0".to_owned() };
        let mut read = vec![];
        loop {
            let (status, page) = service.get(&format!("{path}?limit=1{query}"), &operator).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            let Some(message) = page["messages"].get(0) else { break };
            read.push(message["body"].as_str().expect("text").to_owned());
            query = format!("&{direction}={}", message["id"]);
            if page["has_more"] == false {
                break;
            }
        }
        assert_eq!(read, expected, "{direction}");
    }
    let (mut after, mut read) = (0, vec![]);
    loop {
        let ask = json!({"chat_id": visitor.session, "after": after, "limit": 1});
        let (status, page) = service.ask("sync", ask).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let page: SyncPage = serde_json::from_value(page).expect("a page");
        assert!(page.next.0 > after, "the cursor moves past what is left out");
        after = page.next.0;
        read.extend(page.messages.into_iter().map(|message| message.body));
        if !page.has_more {
            break;
        }
    }
    assert_eq!((read, after), (vec!["0".to_owned(), "1".into(), "4".into()], 7));
    let (status, shown) = service.get(&format!("/chat/session/{}", visitor.session), &operator).await;
    assert_eq!((status, &shown["last_message"], &shown["seq"]), (StatusCode::OK, &Value::Null, &json!(7)));
    assert!(left_out(&service, "Message").await > 0);
}

#[tokio::test]
async fn a_session_or_a_mark_with_an_impossible_time_shuts_nobody_out() {
    let service = Service::start().await;
    let (good, bad) = (service.visitor().await, service.visitor().await);
    let (id, operator) = service.operator().await;
    let (_, sent) = service.say(bad.session, &bad.token, "hello").await;
    let mark = json!({"kind": "read", "last_id": sent["id"]});
    service.post(&format!("/chat/session/{}/marks", bad.session), &operator, mark).await;
    service.installation.database.run_sql("UPDATE chat_marks SET updated_at = 'infinity'").await;
    let forever = format!("UPDATE chat_sessions SET created_at = 'infinity' WHERE chat_id = {}", bad.session);
    service.installation.database.run_sql(&forever).await;
    let (status, list) = service.get("/chat/sessions", &operator).await;
    assert_eq!((status, list["sessions"].as_array().expect("sessions").len()), (StatusCode::OK, 2));
    let (status, shown) = service.get(&format!("/chat/session/{}", bad.session), &bad.token).await;
    assert_eq!(
        (status, &shown["created_at"], &shown["marks"]),
        (StatusCode::OK, &json!("1970-01-01T00:00:00.000000Z"), &json!([]))
    );
    let (_, clients) = service.ask("clients", json!({"session_ids": [good.session, bad.session]})).await;
    let clients: Clients = serde_json::from_value(clients).expect("clients");
    let mut told: Vec<_> =
        clients.clients.iter().map(|client| (client.chat.chat_id.0, client.chat.session.is_some())).collect();
    told.sort_unstable();
    assert_eq!(told, [(good.session, true), (bad.session, false)]);
    let ask = json!({"chat_id": bad.session, "after": 0, "limit": 10});
    assert_eq!(service.ask("sync", ask).await.0, StatusCode::OK);
    let assign = format!("/chat/session/{}/assign", bad.session);
    assert_eq!(service.post(&assign, &operator, json!({"user_id": id})).await.0, StatusCode::OK);
    assert!(left_out(&service, "Session").await > 0 && left_out(&service, "Mark").await > 0);
}

#[tokio::test]
async fn a_chat_or_a_member_that_cannot_be_read_hides_no_other() {
    let service = Service::start().await;
    let (first, token) = service.account("first@example.com", "user").await;
    let (second, _) = service.account("second@example.com", "user").await;
    let chats = [service.group(&[first, second]).await, service.group(&[first]).await];
    let sql = "ALTER TABLE chats DROP CONSTRAINT chats_kind_known; UPDATE chats SET kind = 'later' WHERE id = ";
    service.installation.database.run_sql(&format!("{sql}{}", chats[1])).await;
    // Nor may the time that lists are ordered by.
    service.installation.database.run_sql("UPDATE chats SET changed_at = 'infinity'").await;
    let joined = format!("UPDATE chat_members SET joined_at = 'infinity' WHERE user_id = {second}");
    service.installation.database.run_sql(&joined).await;
    let (status, list) = service.get("/chats", &token).await;
    let ids: Vec<_> = list["chats"].as_array().expect("chats").iter().map(|chat| &chat["chat_id"]).collect();
    assert_eq!((status, ids), (StatusCode::OK, vec![&json!(chats[0])]));
    let user = json!({"principal": {"type": "user", "user_id": first}});
    let Chats::Page(page) = service.admission(user).await.expect("a user").chats else { panic!("no page") };
    assert_eq!(page.chats.len(), 1);
    let (status, tops) = service.ask("tops", json!({"chats": chats, "users": [first]})).await;
    assert_eq!((status, tops["tops"].as_array().expect("tops").len()), (StatusCode::OK, 1));
    let (status, changes) = service.post("/chats/changes", &token, json!({"cursors": {}})).await;
    assert_eq!((status, changes["new"].as_array().expect("chats").len()), (StatusCode::OK, 1));
    let (status, page) = service.ask("sync", json!({"chat_id": chats[0], "after": 0, "limit": 10})).await;
    let page: SyncPage = serde_json::from_value(page).expect("a page");
    let members: Vec<i64> = page.members.iter().map(|change| change.member.user_id.0).collect();
    assert_eq!((status, members, page.next.0), (StatusCode::OK, vec![first], 2));
    assert!(left_out(&service, "Chat").await > 0 && left_out(&service, "Member").await > 0);
}
