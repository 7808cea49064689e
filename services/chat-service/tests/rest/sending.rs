//! Writing messages.

use std::sync::Arc;

use chat_events::ChatKind;
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use serde_json::value::RawValue;

use crate::service::{Service, bodies, code, message, messages, numbers};

#[tokio::test]
async fn a_repeated_client_id_gives_the_first_message_however_many_come_at_once() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let path = messages(visitor.session);
    let body = message("once");
    let answers = join_all((0..20).map(|_| service.post(&path, &visitor.token, body.clone()))).await;
    let created = answers.iter().filter(|(status, _)| *status == StatusCode::CREATED).count();
    let repeated = answers.iter().filter(|(status, _)| *status == StatusCode::OK).count();
    assert_eq!((created, repeated), (1, 19));
    assert!(answers.iter().all(|(_, message)| message["id"] == answers[0].1["id"]));
    let (_, next) = service.say(visitor.session, &visitor.token, "next").await;
    assert_eq!(next["seq"], 3, "a repeat takes no seq");
}

#[tokio::test]
async fn a_repeat_tells_the_message_as_it_is_now() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let body = message("hello");
    let (_, first) = service.post(&messages(visitor.session), &visitor.token, body.clone()).await;
    let deleted = format!("UPDATE messages SET body = '', is_deleted = true WHERE id = {}", first["id"]);
    service.installation.database.run_sql(&deleted).await;
    let (status, again) = service.post(&messages(visitor.session), &visitor.token, body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&first["is_deleted"], &again["is_deleted"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn fifty_senders_at_once_leave_no_hole_in_seq() {
    let service = Arc::new(Service::start().await);
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    let tokens = [&visitor.token, &operator];
    let sent = join_all((0..50).map(|n| {
        let (service, token) = (Arc::clone(&service), tokens[n % 2].clone());
        async move {
            for round in 0..4 {
                let (status, answer) = service.say(visitor.session, &token, &format!("{n}/{round}")).await;
                assert_eq!(status, StatusCode::CREATED, "{answer}");
            }
        }
    }));
    sent.await;
    let (_, page) = service.get(&format!("{}?limit=200", messages(visitor.session)), &operator).await;
    assert_eq!(numbers(&page, "seq"), (2..202).collect::<Vec<_>>());
    let events = service.installation.texts("SELECT seq FROM outbox ORDER BY seq").await;
    assert_eq!(events, (1..202).map(|seq| seq.to_string()).collect::<Vec<_>>(), "one event for each seq");
    let wrong = "SELECT id FROM messages m WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.chat_id = m.chat_id
                 AND o.seq = m.seq AND o.data::json ->> 'body' = m.body)";
    assert_eq!(service.installation.texts(wrong).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_removed_members_late_send_is_refused_however_it_races() {
    let service = Arc::new(Service::start().await);
    let (admin_id, admin) = service.account("admin@example.com", "user").await;
    let (member_id, member) = service.account("member@example.com", "user").await;
    let chat = service.group(&[admin_id, member_id]).await;
    let accounts = service.installation.accounts();
    let path = format!("/chats/{chat}/messages");

    for round in 0..3 {
        let senders = join_all((0..8).map(|_| {
            let (service, path, member) = (Arc::clone(&service), path.clone(), member.clone());
            async move {
                // Until refused: what was sent before is not in question.
                while service.post(&path, &member, message("late")).await.0 == StatusCode::CREATED {}
            }
        }));
        tokio::join!(senders, accounts.remove_member(chat, member_id));
        let late = "SELECT m.seq FROM messages m, (SELECT max(seq) AS seq FROM outbox
                    WHERE kind = 'chat.member.removed') r WHERE m.seq > r.seq";
        assert_eq!(service.installation.texts(late).await, Vec::<String>::new(), "round {round}");
        let (status, refused) = service.post(&path, &member, message("later still")).await;
        assert_eq!((status, code(&refused)), (StatusCode::FORBIDDEN, "forbidden"));
        accounts.add_member(chat, member_id).await;
    }
    assert_eq!(service.post(&path, &admin, message("still here")).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_clients_message_opens_a_closed_session_again_in_one_go() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    service.set_status(visitor.session, &operator, "closed").await;
    let (_, note) = service.say(visitor.session, &operator, "closed, but an operator may write").await;
    assert_eq!(note["seq"], 3);
    let both = join_all((0..2).map(|_| service.say(visitor.session, &visitor.token, "again"))).await;
    let mut seqs: Vec<_> = both.iter().map(|(_, message)| message["seq"].as_i64().expect("a seq")).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, [5, 6], "the status took 4, once");
    let kinds = service.installation.texts("SELECT kind FROM outbox ORDER BY seq OFFSET 3").await;
    assert_eq!(kinds, ["chat.session.status", "chat.message.sent", "chat.message.sent"]);
    let (_, session) = service.get(&format!("/chat/session/{}", visitor.session), &visitor.token).await;
    assert_eq!((&session["status"], &session["state_seq"]), (&json!("open"), &json!(4)));
}

#[tokio::test]
async fn a_client_cannot_write_a_note() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (status, refused) = service.note(visitor.session, &visitor.token, "psst").await;
    assert_eq!((status, code(&refused)), (StatusCode::FORBIDDEN, "forbidden"));
}

#[tokio::test]
async fn only_admins_write_in_a_channel() {
    let service = Service::start().await;
    let (admin_id, admin) = service.account("admin@example.com", "user").await;
    let (reader_id, reader) = service.account("reader@example.com", "user").await;
    let (_, stranger) = service.account("stranger@example.com", "operator").await;
    let members = [admin_id, reader_id];
    let chat = service.installation.accounts().chat(ChatKind::Channel, Some("News"), &members).await;
    let path = format!("/chats/{chat}/messages");
    assert_eq!(service.post(&path, &admin, message("news")).await.0, StatusCode::CREATED);
    assert_eq!(service.post(&path, &reader, message("me too")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.post(&path, &stranger, message("hello")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(bodies(&service.get(&path, &reader).await.1), ["news"]);
    assert_eq!(service.get(&path, &stranger).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_send_that_postgresql_has_is_finished_when_its_sender_hangs_up() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let mut blocker = service.installation.database.connect().await;
    let hold = format!("BEGIN; SELECT 1 FROM chats WHERE id = {} FOR UPDATE", visitor.session);
    diesel_async::SimpleAsyncConnection::batch_execute(&mut blocker, &hold).await.expect("a lock");
    let path = messages(visitor.session);
    let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let send = service.post(&path, &visitor.token, message("goodbye"));
    let blocked = test_support::wait_until("the send to wait for the lock", async || {
        (!service.installation.texts(waiting).await.is_empty()).then_some(())
    });
    tokio::select! {
        _ = send => panic!("the chat is locked"),
        () = blocked => {}
    }
    diesel_async::SimpleAsyncConnection::batch_execute(&mut blocker, "COMMIT").await.expect("unlocked");
    test_support::wait_until("the message", async || {
        let (_, page) = service.get(&path, &visitor.token).await;
        (bodies(&page) == ["goodbye"]).then_some(())
    })
    .await;
}

/// The very characters of `metadata` in an answer.
fn metadata_in(answer: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Shown {
        metadata: Option<Box<RawValue>>,
        messages: Option<Vec<Shown>>,
        last_message: Option<Box<Shown>>,
    }
    fn all(shown: Shown) -> Vec<String> {
        let inner = shown.messages.unwrap_or_default().into_iter().chain(shown.last_message.map(|last| *last));
        let own = shown.metadata.filter(|metadata| metadata.get() != "{}").map(|metadata| metadata.get().to_owned());
        inner.flat_map(all).chain(own).collect()
    }
    all(serde_json::from_str(answer).expect("an answer"))
}

#[tokio::test]
async fn what_a_program_says_about_a_message_is_shown_to_the_last_digit_wherever_the_message_is() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (session, path) = (format!("/chat/session/{}", visitor.session), messages(visitor.session));
    // PostgreSQL puts the shorter name first.
    let metadata = r#"{"tags": ["a", {"b": null}], "price": 0.12345678901234567890123}"#;
    let send = |metadata: &str| {
        let body = format!(r#"{{"body":"x","client_id":"{}","metadata":{metadata}}}"#, uuid::Uuid::new_v4());
        let request = reqwest::Client::new().post(format!("{}{path}", service.url)).bearer_auth(&visitor.token);
        request.header("content-type", "application/json").body(body).send()
    };
    let sent = send(metadata).await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::CREATED);
    assert_eq!(metadata_in(&sent.text().await.expect("a body")), [metadata]);
    for read in [path.clone(), format!("{path}?after_seq=0"), session] {
        let read = reqwest::Client::new().get(format!("{}{read}", service.url)).bearer_auth(&visitor.token).send();
        let answer = read.await.expect("an answer").text().await.expect("a body");
        assert_eq!(metadata_in(&answer), [metadata], "{answer}");
    }
    let event = service.installation.texts("SELECT data FROM outbox WHERE kind = 'chat.message.sent'").await;
    assert!(event.iter().all(|event| event.contains(metadata)), "{event:?}");

    let (_, plain) = service.say(visitor.session, &visitor.token, "without").await;
    assert_eq!(plain["metadata"], json!(null));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(8192));
    for bad in ["[]", "7", r#"{"a":1e999}"#, r#"{"a":{"b":{"c":{"d":{}}}}}"#, &long] {
        let refused = send(bad).await.expect("an answer");
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad:.40}");
        let refused: serde_json::Value = refused.json().await.expect("an error");
        assert_eq!(
            (code(&refused), &refused["error"]["details"]["field"]),
            ("invalid", &json!("metadata")),
            "{bad:.40}"
        );
    }
    let most = format!("{{\"a\": \"{}\"}}", "x".repeat(8000));
    let escaped = json!({"body": "\u{1}".repeat(9_999) + "x", "client_id": uuid::Uuid::new_v4(),
                         "metadata": serde_json::from_str::<serde_json::Value>(&most).expect("JSON")});
    let (status, refused) = service.post(&path, &visitor.token, escaped).await;
    assert_eq!((status, &refused["error"]["details"]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("metadata")));
    assert_eq!(
        service.get(&path, &visitor.token).await.1["messages"].as_array().map(Vec::len),
        Some(2),
        "nothing of it"
    );
}
