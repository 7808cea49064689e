//! Who may not know of something gets the same answer as where there is nothing.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::service::{Service, code, message, messages};

/// No chat and no message has it.
const NOTHING: i64 = 999_999;

/// Everything that can be asked about a session and a message in it.
fn about_session(id: i64, last: i64) -> Vec<(Method, String, Value)> {
    let path = format!("/chat/session/{id}");
    vec![
        (Method::GET, path.clone(), Value::Null),
        (Method::GET, format!("{path}/channel-token"), Value::Null),
        (Method::GET, format!("{path}/messages"), Value::Null),
        (Method::GET, format!("{path}/messages?after_seq=0"), Value::Null),
        (Method::GET, format!("{path}/messages?before_id={last}"), Value::Null),
        (Method::GET, format!("{path}/messages?after_id={last}"), Value::Null),
        (Method::POST, format!("{path}/messages"), message("hello")),
        (Method::POST, format!("{path}/marks"), json!({"kind": "read", "last_id": last})),
        (Method::POST, format!("{path}/assign"), json!({"user_id": 1})),
        (Method::POST, format!("{path}/status"), json!({"status": "closed"})),
        (Method::POST, format!("{path}/ban"), Value::Null),
        (Method::POST, format!("{path}/unban"), Value::Null),
    ]
}

/// The same about any other chat.
fn about_chat(id: i64, last: i64) -> Vec<(Method, String, Value)> {
    let path = format!("/chats/{id}");
    vec![
        (Method::GET, format!("{path}/messages"), Value::Null),
        (Method::GET, format!("{path}/messages?after_seq=0"), Value::Null),
        (Method::GET, format!("{path}/messages?before_id={last}"), Value::Null),
        (Method::GET, format!("{path}/messages?after_id={last}"), Value::Null),
        (Method::POST, format!("{path}/messages"), message("hello")),
        (Method::POST, format!("{path}/marks"), json!({"kind": "read", "last_id": last})),
        (Method::POST, format!("{path}/members"), json!({"user_id": 1})),
        (Method::POST, format!("{path}/members"), json!({"user_id": NOTHING})),
        (Method::DELETE, format!("{path}/members/1"), Value::Null),
        (Method::DELETE, format!("{path}/members/{NOTHING}"), Value::Null),
    ]
}

#[tokio::test]
async fn a_stranger_cannot_tell_what_there_is_from_what_there_is_not() {
    let service = Service::start().await;
    let (ada, eve) = (service.visitor().await, service.visitor().await);
    let (member, token) = service.account("member@example.com", "user").await;
    let group = service.group(&[member]).await;
    let (_, said) = service.say(ada.session, &ada.token, "hello").await;
    let (_, written) = service.post(&format!("/chats/{group}/messages"), &token, message("hello")).await;
    let (said, written) = (said["id"].as_i64().expect("an id"), written["id"].as_i64().expect("an id"));
    let (_, stranger) = service.account("stranger@example.com", "user").await;
    let (_, operator) = service.operator().await;
    let (_, closed) = service.account("closed@example.com", "operator").await;
    service.installation.accounts().disable("closed@example.com").await;
    let (_, demoted) = service.account("demoted@example.com", "operator").await;
    let demote = "UPDATE users SET role = 'user' WHERE email = 'demoted@example.com'";
    service.installation.database.run_sql(demote).await;
    let people = [("eve", &eve.token), ("stranger", &stranger), ("closed", &closed), ("demoted", &demoted)];
    for (who, token) in people.into_iter().chain([("operator", &operator)]) {
        let mut pairs = vec![];
        for (last, other) in [(said, NOTHING), (written, written)] {
            if who != "operator" {
                pairs.extend(about_session(ada.session, last).into_iter().zip(about_session(NOTHING, other)));
            }
            pairs.extend(about_chat(group, last).into_iter().zip(about_chat(NOTHING, other)));
            // A session is no chat of the other kind.
            pairs.extend(about_chat(ada.session, last).into_iter().zip(about_chat(NOTHING, other)));
        }
        for ((method, there, body), (_, nowhere, other_body)) in pairs {
            let found = service.call(method.clone(), &there, Some(token), some(body)).await;
            let missing = service.call(method, &nowhere, Some(token), some(other_body)).await;
            assert!(found.0.is_client_error(), "{who} may do this: {there}");
            assert_eq!(found, missing, "{who}: {there} and {nowhere}");
        }
    }
}

fn some(body: Value) -> Option<Value> {
    (!body.is_null()).then_some(body)
}

#[tokio::test]
async fn a_message_of_another_chat_and_a_note_are_as_good_as_none_to_a_reader() {
    let service = Service::start().await;
    let (ada, eve) = (service.visitor().await, service.visitor().await);
    let (_, operator) = service.operator().await;
    let (_, own) = service.say(ada.session, &ada.token, "hello").await;
    let (_, note) = service.note(ada.session, &operator, "careful").await;
    let (_, elsewhere) = service.say(eve.session, &eve.token, "secret").await;
    let path = messages(ada.session);
    for field in ["before_id", "after_id"] {
        let of = async |id: &Value| service.get(&format!("{path}?{field}={id}"), &ada.token).await;
        let nothing = of(&json!(NOTHING)).await;
        assert_eq!((nothing.0, code(&nothing.1)), (StatusCode::NOT_FOUND, "not_found"));
        assert_eq!(nothing.1["error"]["details"]["field"], field);
        assert_eq!((of(&note["id"]).await, of(&elsewhere["id"]).await), (nothing.clone(), nothing));
        assert_eq!(of(&own["id"]).await.0, StatusCode::OK);
    }
}
