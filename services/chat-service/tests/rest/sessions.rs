//! Support sessions: opening, coming back, assigning, listing.

use std::collections::BTreeSet;

use chat_events::{Member, Message, Session};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::service::{Installation, Service, bodies, code, messages};

#[tokio::test]
async fn a_visitor_who_comes_back_proves_itself_with_its_secret() {
    let service = Service::start().await;
    let (ada, eve) = (service.visitor().await, service.visitor().await);
    let path = format!("/chat/session/{}/channel-token", ada.session);
    let (status, renewed) = service.get(&path, &ada.secret).await;
    assert_eq!(status, StatusCode::OK, "{renewed}");
    let token = renewed["token"].as_str().expect("a token");
    assert_eq!(service.say(ada.session, token, "back").await.0, StatusCode::CREATED);
    let stream = format!("/chat/{}/stream?sig=", ada.session);
    assert!(renewed["stream_url"].as_str().expect("a link").starts_with(&stream), "{renewed}");
    let unknown = service.get("/chat/session/999999/channel-token", &ada.secret).await;
    let wrong = service.get(&path, &eve.secret).await;
    assert_eq!((wrong.0, &wrong), (StatusCode::UNAUTHORIZED, &unknown));
    assert_eq!(service.get(&path, &ada.token).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_link_to_listen_by_opens_nothing_else() {
    let service = Service::start().await;
    let (_, opened) = service.call(Method::POST, "/chat/session", None, Some(json!({}))).await;
    let link = opened["stream_url"].as_str().expect("a link");
    let (_, signature) = link.split_once("sig=").expect("a signature");
    let session = opened["session_id"].as_i64().expect("an id");
    assert_eq!(service.get(&messages(session), signature).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn assigning_and_closing_take_a_seq_each_and_tell_whom_they_concern() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (first, token) = service.operator().await;
    let (second, _) = service.account("second@example.com", "admin").await;
    let (user, _) = service.account("user@example.com", "user").await;
    let assign = format!("/chat/session/{}/assign", visitor.session);
    for to in [json!(first), json!(second), json!(second), Value::Null] {
        let (status, session) = service.post(&assign, &token, json!({"user_id": to})).await;
        assert_eq!((status, &session["assignee"]["id"]), (StatusCode::OK, &to), "{session}");
    }
    for refused in [json!(user), json!(999)] {
        let (status, answer) = service.post(&assign, &token, json!({"user_id": refused})).await;
        assert_eq!((status, code(&answer)), (StatusCode::CONFLICT, "conflict"));
    }
    assert_eq!(service.post(&assign, &token, json!({})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(service.post(&assign, &visitor.token, json!({"user_id": null})).await.0, StatusCode::FORBIDDEN);
    service.set_status(visitor.session, &token, "closed").await;
    service.set_status(visitor.session, &token, "closed").await;
    let events = "SELECT concat_ws(' ', seq, kind, assigned_user_id, user_ids) FROM outbox ORDER BY seq";
    assert_eq!(
        service.installation.texts(events).await,
        [
            "1 chat.session.created {}".to_owned(),
            format!("2 chat.session.assigned {first} {{{first}}}"),
            format!("3 chat.session.assigned {second} {{{first},{second}}}"),
            format!("4 chat.session.assigned {{{second}}}"),
            "5 chat.session.status {}".to_owned(),
        ]
    );
}

#[tokio::test]
async fn every_event_carries_what_rest_shows() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, token) = service.operator().await;
    service.set_status(visitor.session, &token, "pending").await;
    let (_, sent) = service.say(visitor.session, &visitor.token, "\u{1f642} \"quoted\" \\ \u{2028}").await;
    let data = service.installation.texts("SELECT data FROM outbox ORDER BY seq").await;
    let opened: Session = serde_json::from_str(&data[0]).expect("a session");
    assert_eq!((opened.state_seq.0, opened.client.name.as_deref()), (1, Some("Ada")));
    let changed: Session = serde_json::from_str(&data[1]).expect("a session");
    let (_, shown) = service.get(&format!("/chat/session/{}", visitor.session), &token).await;
    assert_eq!(changed, serde_json::from_value(shown.clone()).expect("a session"));
    let message: Message = serde_json::from_str(&data[2]).expect("a message");
    assert_eq!(message, serde_json::from_value(sent.clone()).expect("a message"));
    let (_, page) = service.get(&messages(visitor.session), &visitor.token).await;
    assert_eq!((&page["messages"][0], &shown["last_message"]), (&sent, &sent));
    assert_eq!(bodies(&page), ["\u{1f642} \"quoted\" \\ \u{2028}"]);
    data.iter().for_each(|data| assert_compact(data));
}

/// White space would travel to every socket.
fn assert_compact(data: &str) {
    let value: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(data.len(), value.to_string().len(), "{data}");
}

#[tokio::test]
async fn members_come_and_go_by_events_that_name_them() {
    let service = Service::start().await;
    let (admin, _) = service.account("admin@example.com", "user").await;
    let (member, _) = service.account("member@example.com", "user").await;
    let chat = service.group(&[admin, member]).await;
    service.installation.accounts().remove_member(chat, member).await;
    service.installation.accounts().remove_member(chat, member).await;
    let events = "SELECT concat_ws(' ', seq, kind, chat_kind, user_ids) FROM outbox ORDER BY seq";
    assert_eq!(
        service.installation.texts(events).await,
        [
            format!("1 chat.member.added group {{{admin}}}"),
            format!("2 chat.member.added group {{{member}}}"),
            format!("3 chat.member.removed group {{{member}}}"),
        ]
    );
    let data = service.installation.texts("SELECT data FROM outbox ORDER BY seq").await;
    data.iter().for_each(|data| assert_compact(data));
    let members: Vec<Member> = data.iter().map(|data| serde_json::from_str(data).expect("a member")).collect();
    assert_eq!(
        members.iter().map(|m| (m.is_admin, m.is_active)).collect::<Vec<_>>(),
        [(true, true), (false, true), (false, false)]
    );
}

#[tokio::test]
async fn the_list_is_filtered_and_paged() {
    let service = Service::start().await;
    let (id, token) = service.operator().await;
    let mut sessions = vec![];
    for _ in 0..6 {
        sessions.push(service.visitor().await.session);
    }
    sessions.reverse();
    let assign = format!("/chat/session/{}/assign", sessions[0]);
    service.post(&assign, &token, json!({"user_id": id})).await;
    service.set_status(sessions[1], &token, "closed").await;
    let list = async |query: &str| {
        let (status, page) = service.get(&format!("/chat/sessions{query}"), &token).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let ids: Vec<i64> = page["sessions"].as_array().expect("sessions").iter().map(session_id).collect();
        (ids, page["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(list("").await, (sessions.clone(), None));
    assert_eq!(list("?assignee=me").await, (vec![sessions[0]], None));
    assert_eq!(list(&format!("?assignee={id}")).await, (vec![sessions[0]], None));
    assert_eq!(list("?status=closed").await, (vec![sessions[1]], None));
    assert_eq!(list("?status=open&assignee=none").await, (sessions[2..].to_vec(), None));
    let (first, cursor) = list("?limit=4").await;
    assert_eq!((first, cursor), (sessions[..4].to_vec(), Some(sessions[3].to_string())));
    let (rest, cursor) = list(&format!("?limit=4&cursor={}", sessions[3])).await;
    assert_eq!((rest, cursor), (sessions[4..].to_vec(), None));
}

fn session_id(session: &Value) -> i64 {
    session["session_id"].as_i64().expect("an id")
}

#[tokio::test]
async fn of_two_operators_who_take_a_session_at_once_one_gets_it_and_the_other_hears_who() {
    let service = Service::start().await;
    let (olga, olga_token) = service.account("olga@example.com", "operator").await;
    let (otto, otto_token) = service.account("otto@example.com", "operator").await;
    for _ in 0..10 {
        let visitor = service.visitor().await;
        let path = format!("/chat/session/{}/assign", visitor.session);
        let take = |user: i64, token: String| {
            let (service, path) = (&service, path.clone());
            async move { service.post(&path, &token, json!({"user_id": user, "if_assignee": null})).await }
        };
        let (first, second) = tokio::join!(take(olga, olga_token.clone()), take(otto, otto_token.clone()));
        let (winner, (status, refused)) = match (first.0, second.0) {
            (StatusCode::OK, _) => (olga, second),
            _ => (otto, first),
        };
        assert_eq!((status, code(&refused)), (StatusCode::CONFLICT, "conflict"), "{refused}");
        assert_eq!(refused["error"]["details"]["assignee"], json!({"id": winner, "name": "Somebody"}));
        let (_, session) = service.get(&format!("/chat/session/{}", visitor.session), &olga_token).await;
        assert_eq!((&session["assignee"]["id"], &session["seq"]), (&json!(winner), &json!(2)), "one change");
    }
}

#[tokio::test]
async fn whom_an_operator_expects_may_be_named_left_out_or_nobody() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (olga, token) = service.account("olga@example.com", "operator").await;
    let (otto, _) = service.account("otto@example.com", "operator").await;
    let path = format!("/chat/session/{}/assign", visitor.session);
    let assign = async |body: Value| service.post(&path, &token, body).await;
    let (status, refused) = assign(json!({"user_id": olga, "if_assignee": otto})).await;
    assert_eq!((status, &refused["error"]["details"]["assignee"]), (StatusCode::CONFLICT, &Value::Null), "{refused}");
    assert_eq!(assign(json!({"user_id": olga})).await.0, StatusCode::OK, "whoever has it");
    assert_eq!(assign(json!({"user_id": olga, "if_assignee": null})).await.0, StatusCode::OK, "it has it: a repeat");
    assert_eq!(assign(json!({"user_id": otto, "if_assignee": olga})).await.0, StatusCode::OK);
    assert_eq!(assign(json!({"user_id": null, "if_assignee": olga})).await.0, StatusCode::CONFLICT);
    for bad in [json!(0), json!("me"), json!([]), json!(1.5)] {
        let (status, answer) = assign(json!({"user_id": olga, "if_assignee": bad})).await;
        assert_eq!((status, code(&answer)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{bad}");
    }
}

#[tokio::test]
async fn a_session_is_of_the_site_that_it_names_or_of_the_default() {
    let service = Service::start().await;
    let shop = service.installation.accounts().add_site("shop").await;
    let (_, token) = service.operator().await;
    let open = async |body: Value| service.call(Method::POST, "/chat/session", None, Some(body)).await;
    for (body, site) in [(json!({"site": "shop"}), shop), (json!({}), 1)] {
        let (_, opened) = open(body).await;
        let (_, shown) = service.get(&format!("/chat/session/{}", opened["session_id"]), &token).await;
        assert_eq!(shown["site_id"], site);
    }
    let clients = "SELECT count(*)::text FROM clients";
    let before = service.installation.texts(clients).await;
    service.installation.accounts().archive_site("shop").await;
    let (no_key, no_site) = (StatusCode::UNPROCESSABLE_ENTITY, StatusCode::CONFLICT);
    for (site, why) in [("nowhere", no_site), ("Shop", no_key), ("", no_key), ("a b", no_key), ("shop", no_site)] {
        let (status, refused) = open(json!({"site": site})).await;
        assert_eq!((status, &refused["error"]["details"]["field"]), (why, &json!("site")), "{site}");
    }
    assert_eq!(service.installation.texts(clients).await, before, "nothing is left of what was refused");
}

#[tokio::test]
async fn a_session_is_given_to_operators_of_its_site_alone() {
    let service = Service::start().await;
    let accounts = service.installation.accounts();
    accounts.add_site("shop").await;
    let ((_, token), visitor) = (service.operator().await, service.visitor().await);
    let otto = accounts.add_operator_of("Otto", &["shop"]).await;
    let path = format!("/chat/session/{}/assign", visitor.session);
    let (status, refused) = service.post(&path, &token, json!({"user_id": otto.id})).await;
    assert_eq!((status, &refused["error"]["details"]["field"]), (StatusCode::CONFLICT, &json!("user_id")));
    accounts.grant(&otto.email, Some("default")).await;
    assert_eq!(service.post(&path, &token, json!({"user_id": otto.id})).await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_opening_that_is_sent_again_opens_no_second_session() {
    let service = Service::start().await;
    let (_, operator) = service.operator().await;
    let id = Uuid::new_v4();
    let open = async |body: Value| service.call(Method::POST, "/chat/session", None, Some(body)).await;
    let body = json!({"client_id": id, "name": "Ada"});
    // The same request, many times at once: an answer may be lost and the request come again while the first is under way.
    let answers = join_all((0..8).map(|_| open(body.clone()))).await;
    let ids = |key: &str| answers.iter().map(|(_, opened)| opened[key].to_string()).collect::<BTreeSet<_>>();
    assert_eq!((ids("session_id").len(), ids("visitor_secret").len()), (1, 1), "{answers:?}");
    let count = |wanted| answers.iter().filter(|(status, _)| *status == wanted).count();
    assert_eq!((count(StatusCode::CREATED), count(StatusCode::OK)), (1, 7), "{answers:?}");
    let opened = &answers[7].1;
    let (session, token) = (opened["session_id"].as_i64().expect("an id"), opened["token"].as_str().expect("a token"));
    assert_eq!(service.say(session, token, "once").await.0, StatusCode::CREATED);
    let secret = opened["visitor_secret"].as_str().expect("a secret");
    assert_eq!(service.get(&format!("/chat/session/{session}/channel-token"), secret).await.0, StatusCode::OK);
    // A second session of the same device, sent twice; and the same id for another device.
    let device = json!({"session_id": session, "visitor_secret": secret});
    let second = json!({"client_id": Uuid::new_v4(), "device": device});
    let (first, again) = (open(second.clone()).await, open(second.clone()).await);
    assert_eq!((first.0, again.0), (StatusCode::CREATED, StatusCode::OK));
    assert_eq!(first.1["session_id"], again.1["session_id"]);
    let stranger = open(json!({"client_id": second["client_id"]})).await;
    assert_eq!((stranger.0, &stranger.1["error"]["details"]["field"]), (StatusCode::CONFLICT, &json!("client_id")));
    let (_, list) = service.get("/chat/sessions", &operator).await;
    assert_eq!(list["sessions"].as_array().map(Vec::len), Some(2), "{list}");
    // Only what nobody can guess is good.
    for bad in [json!("x"), json!(7), json!(Uuid::nil()), json!("018f4e3a-1c2b-7d3e-8f40-112233445566")] {
        let (status, refused) = open(json!({"client_id": bad})).await;
        assert_eq!((status, code(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{bad}: {refused}");
        assert_eq!(refused["error"]["details"]["field"], "client_id");
    }
    // One that was banned is banned under its id too.
    service.post(&format!("/chat/session/{session}/ban"), &operator, json!({})).await;
    assert_eq!(open(body).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_opening_is_answered_again_at_its_site_alone_and_whichever_key_comes_first() {
    let installation = Installation::fresh().await;
    let (old, new) = (format!("old:{}", "A".repeat(43)), format!("new:{}", "Q".repeat(43)));
    let program = installation.program();
    let service = Service::start_program(installation, program.clone().env("AUTH__SESSION_KEYS", &old)).await;
    service.installation.accounts().add_site("blog").await;
    let body = json!({"client_id": Uuid::new_v4()});
    let (status, opened) = service.call(Method::POST, "/chat/session", None, Some(body.clone())).await;
    assert_eq!(status, StatusCode::CREATED, "{opened}");
    let elsewhere = json!({"client_id": body["client_id"], "site": "blog"});
    let (status, refused) = service.call(Method::POST, "/chat/session", None, Some(elsewhere)).await;
    assert_eq!((status, &refused["error"]["details"]["field"]), (StatusCode::CONFLICT, &json!("client_id")));
    let both = program.env("AUTH__SESSION_KEYS", format!("{new},{old}"));
    let rotated = Service::start_program(service.installation, both).await;
    let (status, again) = rotated.call(Method::POST, "/chat/session", None, Some(body)).await;
    assert_eq!((status, &again["session_id"]), (StatusCode::OK, &opened["session_id"]), "{again}");
    assert_eq!(again["visitor_secret"], opened["visitor_secret"]);
}
