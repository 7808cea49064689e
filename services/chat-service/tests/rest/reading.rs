//! History, `sync`, and what a client must never see.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::service::{Service, bodies, code, messages, numbers};

/// A session with public messages and notes in turn: seq 2 to 21, the even ones public.
async fn a_session_with_notes(service: &Service) -> (crate::service::Visitor, String) {
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    for n in 0..10 {
        assert_eq!(service.say(visitor.session, &visitor.token, &format!("public {n}")).await.0, StatusCode::CREATED);
        assert_eq!(service.note(visitor.session, &operator, &format!("secret {n}")).await.0, StatusCode::CREATED);
    }
    (visitor, operator)
}

#[tokio::test]
async fn a_client_never_sees_a_note_in_any_read() {
    let service = Service::start().await;
    let (visitor, operator) = a_session_with_notes(&service).await;
    let path = messages(visitor.session);
    let (_, all) = service.get(&path, &operator).await;
    let note = &all["messages"][1];
    assert_eq!(note["visibility"], "staff");
    let last_public = all["messages"][18]["id"].as_i64().expect("an id");
    for query in [
        String::new(),
        "?limit=3".into(),
        "?after_seq=0".into(),
        "?after_seq=0&limit=3".into(),
        format!("?before_id={last_public}&limit=5"),
        format!("?after_id={}&limit=5", all["messages"][0]["id"]),
    ] {
        let (status, page) = service.get(&format!("{path}{query}"), &visitor.token).await;
        assert_eq!(status, StatusCode::OK);
        assert!(bodies(&page).iter().all(|body| body.starts_with("public")), "{query}: {page}");
    }
    let (_, end) = service.get(&format!("{path}?after_id={last_public}"), &visitor.token).await;
    assert_eq!((bodies(&end).len(), &end["has_more"]), (0, &json!(false)), "a note behind it does not count");
    for field in ["before_id", "after_id"] {
        let (status, answer) = service.get(&format!("{path}?{field}={}", note["id"]), &visitor.token).await;
        assert_eq!((status, code(&answer)), (StatusCode::NOT_FOUND, "not_found"), "a note has no place for a client");
    }
    let (_, session) = service.get(&format!("/chat/session/{}", visitor.session), &visitor.token).await;
    assert_eq!(session["last_message"]["body"], "public 9");
    assert_eq!(session["unread_count"], 0);
    let raise = json!({"principal": {"type": "client", "session_id": visitor.session}, "chat_id": visitor.session,
                       "last_id": note["id"]});
    assert_eq!(service.command("read", raise).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn history_pages_both_ways_without_gap_or_overlap() {
    let service = Service::start().await;
    let (visitor, operator) = a_session_with_notes(&service).await;
    let path = messages(visitor.session);

    let (mut backwards, mut query) = (vec![], "?limit=7".to_owned());
    loop {
        let (_, page) = service.get(&format!("{path}{query}"), &operator).await;
        let seqs = numbers(&page, "seq");
        assert!(seqs.is_sorted(), "a page is in rising seq");
        backwards.splice(0..0, seqs);
        assert_eq!(page["seq"], 21, "the chat's top");
        if page["has_more"] == false {
            break;
        }
        query = format!("?limit=7&before_id={}", page["messages"][0]["id"]);
    }
    assert_eq!(backwards, (2..22).collect::<Vec<_>>());

    let (_, all) = service.get(&path, &visitor.token).await;
    let mut forwards = vec![numbers(&all, "seq")[0]];
    let mut last = all["messages"][0]["id"].clone();
    loop {
        let (_, page) = service.get(&format!("{path}?limit=4&after_id={last}"), &visitor.token).await;
        forwards.extend(numbers(&page, "seq"));
        if page["has_more"] == false {
            break;
        }
        last = page["messages"][3]["id"].clone();
    }
    assert_eq!(forwards, (2..22).step_by(2).collect::<Vec<_>>());
}

#[tokio::test]
async fn sync_pages_to_the_top_and_no_page_is_empty_for_notes() {
    let service = Service::start().await;
    let (visitor, _) = a_session_with_notes(&service).await;
    let path = messages(visitor.session);
    let (mut seen, mut after, mut pages) = (vec![], 0, 0);
    loop {
        let (_, page) = service.get(&format!("{path}?after_seq={after}&limit=4"), &visitor.token).await;
        assert!(!bodies(&page).is_empty(), "the filter comes before the limit");
        seen.extend(numbers(&page, "changed_seq"));
        after = page["seq"].as_i64().expect("a cursor");
        pages += 1;
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!((seen, after, pages), ((2..22).step_by(2).collect(), 21, 3));
    let (_, level) = service.get(&format!("{path}?after_seq=21"), &visitor.token).await;
    assert_eq!((bodies(&level).len(), &level["seq"]), (0, &json!(21)));
}

#[tokio::test]
async fn a_gateway_syncs_notes_too_and_gets_the_state_in_the_same_snapshot() {
    let service = Service::start().await;
    let (visitor, operator) = a_session_with_notes(&service).await;
    service.set_status(visitor.session, &operator, "pending").await;
    let request = |after: &Value| json!({"principal": null, "chat_id": visitor.session, "after": after, "limit": 15});
    let (_, first) = service.ask("sync", request(&json!(0))).await;
    // The activity of the opening counts too.
    assert_eq!((numbers(&first, "seq").len(), &first["has_more"], &first["next"]), (14, &json!(true), &json!(15)));
    let (_, last) = service.ask("sync", request(&first["next"])).await;
    assert_eq!((numbers(&last, "seq").len(), &last["has_more"], &last["next"]), (6, &json!(false), &json!(22)));
    let chat = &last["chat"];
    assert_eq!((&chat["seq"], &chat["state_seq"]), (&json!(22), &json!(22)));
    assert_eq!(chat["session"]["status"], "pending");
    let (status, gone) = service.ask("sync", json!({"principal": null, "chat_id": 999, "after": 0, "limit": 1})).await;
    assert_eq!((status, code(&gone)), (StatusCode::NOT_FOUND, "not_found"));
}

#[tokio::test]
async fn another_sessions_token_opens_nothing() {
    let service = Service::start().await;
    let (ada, eve) = (service.visitor().await, service.visitor().await);
    let path = messages(ada.session);
    assert_eq!(service.get(&path, &eve.token).await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.say(ada.session, &eve.token, "hi").await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.get(&format!("/chat/session/{}", ada.session), &eve.token).await.0, StatusCode::FORBIDDEN);
    let (_, user) = service.account("user@example.com", "user").await;
    assert_eq!(service.get(&path, &user).await.0, StatusCode::FORBIDDEN, "a user is not an operator");
    assert_eq!(service.get("/chat/sessions", &ada.token).await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.get("/users/me", &ada.token).await.0, StatusCode::FORBIDDEN);
}
