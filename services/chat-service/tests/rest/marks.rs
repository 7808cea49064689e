//! Marks over REST.

use bus::notify::PgPubSub;
use bus::{Incoming, PubSub};
use chat_events::signal::SignalData;
use chat_events::{ChatKind, MarkKind, Signal, Visibility};
use reqwest::StatusCode;
use serde_json::{Value, json};
use telemetry::{Health, Vital};
use test_support::wait::in_time;
use tokio::sync::mpsc;

use crate::service::{Service, code, message};

async fn raise(service: &Service, path: &str, token: &str, kind: &str, last: &Value) -> (StatusCode, Value) {
    service.post(&format!("{path}/marks"), token, json!({"kind": kind, "last_id": last["id"]})).await
}

#[tokio::test]
async fn who_listens_without_a_socket_marks_over_rest() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    let session = format!("/chat/session/{}", visitor.session);
    let (_, opened) = service.get(&session, &operator).await;
    assert_eq!(opened["client_last_seen_at"], opened["created_at"]);
    let (_, first) = service.say(visitor.session, &operator, "first").await;
    let (_, second) = service.say(visitor.session, &operator, "second").await;
    let (status, mark) = raise(&service, &session, &visitor.token, "delivered", &second).await;
    assert_eq!(status, StatusCode::OK, "{mark}");
    assert_eq!(
        (&mark["reader_type"], &mark["delivered_seq"], &mark["read_seq"]),
        (&json!("client"), &json!(3), &json!(0))
    );
    let (_, mark) = raise(&service, &session, &visitor.token, "read", &first).await;
    assert_eq!((&mark["delivered_seq"], &mark["read_seq"]), (&json!(3), &json!(2)), "a mark never falls");
    let (_, seen) = service.get(&session, &operator).await;
    assert_eq!(seen["marks"], json!([mark]), "the other side reads it too");
    assert_eq!(seen["client_last_seen_at"], mark["updated_at"]);
    let (_, own) = service.say(visitor.session, &visitor.token, "third").await;
    assert_eq!(service.get(&session, &operator).await.1["client_last_seen_at"], own["created_at"]);
    assert_eq!(seen["unread_counts"]["client"], 1);
}

#[tokio::test]
async fn a_member_marks_in_its_chat_and_nobody_elsewhere() {
    let service = Service::start().await;
    let (id, member) = service.account("member@example.com", "user").await;
    let (_, stranger) = service.account("stranger@example.com", "user").await;
    let chat = service.group(&[id]).await;
    let (_, sent) = service.post(&format!("/chats/{chat}/messages"), &member, message("hello")).await;
    let path = format!("/chats/{chat}");
    let (status, mark) = raise(&service, &path, &member, "read", &sent).await;
    assert_eq!((status, &mark["reader_id"], &mark["read_seq"]), (StatusCode::OK, &json!(id), &sent["seq"]));
    assert_eq!(code(&raise(&service, &path, &stranger, "read", &sent).await.1), "not_found");
    let visitor = service.visitor().await;
    let session = format!("/chat/session/{}", visitor.session);
    let elsewhere = raise(&service, &session, &visitor.token, "read", &sent).await;
    assert_eq!((elsewhere.0, &elsewhere.1["error"]["details"]["field"]), (StatusCode::CONFLICT, &json!("last_id")));
    assert_eq!(raise(&service, &session, &member, "read", &sent).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_mark_that_makes_no_sense_is_refused() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let path = format!("/chat/session/{}/marks", visitor.session);
    for body in [
        json!({"kind": "seen", "last_id": 1}),
        json!({"kind": "read", "last_id": 0}),
        json!({"kind": "read", "last_id": 1.5}),
        json!({"kind": "read"}),
        json!({"kind": "read", "last_id": 1, "chat_id": 2}),
    ] {
        let (status, answer) = service.post(&path, &visitor.token, body.clone()).await;
        assert_eq!((status, code(&answer)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{body}");
    }
}

#[tokio::test]
async fn the_client_of_a_note_cannot_mark_up_to_it() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    let (_, note) = service.note(visitor.session, &operator, "between us").await;
    let session = format!("/chat/session/{}", visitor.session);
    assert_eq!(raise(&service, &session, &visitor.token, "read", &note).await.0, StatusCode::CONFLICT);
    assert_eq!(raise(&service, &session, &operator, "read", &note).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_page_of_history_tells_how_far_at_most_200_others_have_come_and_always_the_caller() {
    let service = Service::start().await;
    let (id, member) = service.account("member@example.com", "user").await;
    let chat = service.group(&[id]).await;
    let (_, sent) = service.post(&format!("/chats/{chat}/messages"), &member, message("hello")).await;
    let path = format!("/chats/{chat}");
    let (_, own) = raise(&service, &path, &member, "read", &sent).await;
    let others = format!(
        "INSERT INTO chat_marks (chat_id, reader_type, reader_id, delivered_seq)
         SELECT {chat}, 'user', {id} - n, 1 FROM generate_series(1, 300) n"
    );
    service.installation.database.run_sql(&others).await;
    for query in ["", "?after_seq=0", "?before_id=999999999", "?limit=1"] {
        let (status, page) = service.get(&format!("{path}/messages{query}"), &member).await;
        if status == StatusCode::NOT_FOUND {
            assert_eq!(query, "?before_id=999999999", "{page}");
            continue;
        }
        let marks = page["marks"].as_array().unwrap_or_else(|| panic!("no marks in {page}"));
        assert_eq!(marks.len(), 201, "{query}");
        assert!(marks.contains(&own), "{query}");
    }
    let (_, stranger) = service.account("stranger@example.com", "user").await;
    let (_, refused) = service.get(&format!("{path}/messages"), &stranger).await;
    assert_eq!((code(&refused), refused.get("marks")), ("not_found", None));
}

/// A gateway with a single task.
fn one_way<P>((pubsub, mut ways): (P, bus::Incomings)) -> (P, mpsc::Receiver<Incoming>) {
    (pubsub, ways.remove(0))
}

/// The next signal that a gateway hears.
async fn signal(incoming: &mut mpsc::Receiver<Incoming>) -> Signal {
    let heard = async {
        loop {
            match incoming.recv().await.expect("a link") {
                Incoming::Signal(signal) => return signal,
                Incoming::Interrupted => panic!("the link broke"),
                _ => {}
            }
        }
    };
    in_time("a signal", heard).await
}

#[tokio::test]
async fn a_mark_that_rises_is_told_to_gateways_once_and_one_that_does_not_is_not() {
    let service = Service::start().await;
    let (gateway, mut incoming) = one_way(PgPubSub::connect(
        service.installation.database.url().into(),
        Health::new().part("gateway"),
        &Vital::new(),
        1,
    ));
    gateway.subscribe(&[]).await.expect("the link");
    let visitor = service.visitor().await;
    let (id, operator) = service.operator().await;
    let session = format!("/chat/session/{}", visitor.session);
    let (_, first) = service.say(visitor.session, &operator, "first").await;
    let (_, second) = service.say(visitor.session, &operator, "second").await;

    let (_, mark) = raise(&service, &session, &visitor.token, "delivered", &second).await;
    let heard = signal(&mut incoming).await;
    assert_eq!((heard.chat_id.0, heard.chat_kind), (visitor.session, ChatKind::Session));
    assert_eq!((heard.visibility, &heard.origin), (Visibility::Public, &None));
    let SignalData::Mark { kind: MarkKind::Delivered, mark: told } = &heard.data else { panic!("{heard:?}") };
    assert_eq!(serde_json::to_value(told).expect("a mark"), mark);

    // Neither of these rises; the next that does is the next that is heard.
    raise(&service, &session, &visitor.token, "delivered", &first).await;
    raise(&service, &session, &visitor.token, "delivered", &second).await;
    let staff = json!({"type": "staff", "user_id": id});
    let read = json!({"principal": staff, "chat_id": visitor.session, "origin": "c-1", "last_id": first["id"]});
    assert_eq!(service.command("read", read).await.0, StatusCode::OK);
    let heard = signal(&mut incoming).await;
    assert_eq!(heard.origin.as_deref(), Some("c-1"), "a gateway names the connection that need not hear of it");
    let SignalData::Mark { kind: MarkKind::Read, mark } = &heard.data else { panic!("{heard:?}") };
    assert_eq!((mark.reader.to_string(), mark.read_seq.0), (format!("user:{id}"), 2));
}
