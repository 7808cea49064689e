//! Installations of earlier releases, as `migrations/releases` keeps them, with the chat-service of today.

use std::path::PathBuf;

use chat_events::{EventKind, Member, Message, Session};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use test_support::empty_database;

use crate::service::{Answer, Installation, Service, bodies, message, messages};

const RELEASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/releases");

/// The columns of all tables, and their constraints, indexes and triggers. PostgreSQL sets brackets in a loaded expression
/// otherwise than in one that was typed.
const SCHEMA: &str = "SELECT translate(line, '()', '') FROM (
        SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    ) AS s (line) ORDER BY 1";

/// A chat-service of today on what a release stored, and the people in it.
struct Upgraded {
    service: Service,
    people: Value,
}

impl Upgraded {
    async fn from(release: &str) -> Self {
        let file = |name: &str| {
            let path = PathBuf::from(RELEASES).join(release).join(name);
            std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
        };
        let database = empty_database().await;
        database.run_sql(&file("dump.sql")).await;
        let service = Service::start_on(Installation::on(database)).await;
        Self { service, people: serde_json::from_str(&file("people.json")).expect("JSON") }
    }

    async fn log_in(&self, name: &str) -> String {
        let password = self.people["password"].as_str().expect("a password");
        let (status, login) = self.service.log_in(&format!("{name}@example.com"), password).await;
        assert_eq!(status, StatusCode::OK, "{login}");
        login["access_token"].as_str().expect("a token").to_owned()
    }

    /// What the visitor of a session gets for its secret.
    async fn come_back(&self, session: i64) -> Answer {
        let visitors = self.people["visitors"].as_array().expect("visitors");
        let visitor = visitors.iter().find(|visitor| visitor["session_id"] == session).expect("a visitor");
        let path = format!("/chat/session/{session}/channel-token");
        self.service.get(&path, visitor["secret"].as_str().expect("a secret")).await
    }

    async fn visitor_token(&self, session: i64) -> String {
        let (status, token) = self.come_back(session).await;
        assert_eq!(status, StatusCode::OK, "{token}");
        token["token"].as_str().expect("a token").to_owned()
    }
}

fn releases() -> Vec<String> {
    let entries = std::fs::read_dir(RELEASES).expect("the releases").map(|entry| entry.expect("an entry"));
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().expect("a name")).collect()
}

#[tokio::test]
async fn an_installation_of_any_release_is_upgraded_to_the_tables_of_a_fresh_one() {
    let fresh = Installation::fresh().await.texts(SCHEMA).await;
    assert!(releases().contains(&"0.1.0".to_owned()));
    for release in releases() {
        let upgraded = Upgraded::from(&release).await;
        assert_eq!(upgraded.service.installation.texts(SCHEMA).await, fresh, "{release}");
    }
}

#[tokio::test]
async fn what_was_migrated_since_0_1_0_can_be_taken_back() {
    let upgraded = Upgraded::from("0.1.0").await;
    let database = &upgraded.service.installation.database;
    let mut newer: Vec<PathBuf> = std::fs::read_dir(PathBuf::from(RELEASES).join("../schema"))
        .expect("the migrations")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().as_ref() >= "2026-11-22"))
        .collect();
    newer.sort();
    for migration in newer.iter().rev() {
        database.run_sql(&std::fs::read_to_string(migration.join("down.sql")).expect("a way back")).await;
    }
    let old = empty_database().await;
    old.run_sql(&std::fs::read_to_string(PathBuf::from(RELEASES).join("0.1.0/dump.sql")).expect("a dump")).await;
    let old = Installation::on(old);
    assert_eq!(upgraded.service.installation.texts(SCHEMA).await, old.texts(SCHEMA).await);
    let stamped = "SELECT id FROM messages WHERE delivered_at IS NOT NULL AND chat_id < 8 ORDER BY id";
    assert_eq!(upgraded.service.installation.texts(stamped).await, old.texts(stamped).await);
}

#[test]
fn every_migration_is_in_the_folder_that_is_built_in() {
    let entries = std::fs::read_dir(PathBuf::from(RELEASES).join("..")).expect("the migrations");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["releases", "schema"]);
}

#[tokio::test]
async fn who_was_there_in_0_1_0_is_still_who_it_was() {
    let upgraded = Upgraded::from("0.1.0").await;
    let service = &upgraded.service;
    for (name, role) in [("root", "admin"), ("olivia", "operator"), ("uma", "user"), ("una", "user")] {
        let token = upgraded.log_in(name).await;
        let (_, me) = service.get("/users/me", &token).await;
        assert_eq!(me["role"], role, "{name}");
    }
    let password = upgraded.people["password"].as_str().expect("a password");
    assert_eq!(service.log_in("otto@example.com", password).await.0, StatusCode::UNAUTHORIZED, "its account is closed");
    let refresh = json!({"refresh_token": upgraded.people["refresh_token"]});
    let (status, login) = service.call(Method::POST, "/auth/refresh", None, Some(refresh)).await;
    assert_eq!(status, StatusCode::OK, "a login goes on: {login}");
    for session in [1, 2, 3, 4, 6, 7] {
        assert_eq!(upgraded.come_back(session).await.0, StatusCode::OK, "{session}");
    }
    assert_eq!(upgraded.come_back(5).await.0, StatusCode::FORBIDDEN, "a ban stays");
}

#[tokio::test]
async fn the_sessions_of_0_1_0_are_as_they_were_and_go_on() {
    let upgraded = Upgraded::from("0.1.0").await;
    let service = &upgraded.service;
    let olivia = upgraded.log_in("olivia").await;
    let (_, listed) = service.get("/chat/sessions?limit=200", &olivia).await;
    let listed = listed["sessions"].as_array().expect("sessions");
    let states: Vec<Value> = listed
        .iter()
        .map(|s| json!([s["session_id"], s["status"], s["assignee"]["name"], s["is_banned"], s["unread_count"]]))
        .collect();
    let expected = [
        json!([7, "open", null, false, 0]),
        json!([6, "open", null, false, 0]),
        json!([5, "open", null, true, 1]),
        json!([4, "open", null, false, 1]),
        json!([3, "closed", null, false, 1]),
        json!([2, "pending", "Oscar", false, 1]),
        json!([1, "open", "Olivia", false, 0]),
    ];
    assert_eq!(states, expected);
    let ada = upgraded.visitor_token(1).await;
    let (_, page) = service.get(&messages(1), &ada).await;
    let public = ["Do you ship to Portugal?", "We do.\nTwo to four days. 🙂", "Thank you!", "You are welcome."];
    assert_eq!(bodies(&page), public);
    let (_, page) = service.get(&messages(1), &olivia).await;
    assert_eq!(bodies(&page).len(), 5, "operators see the note");
    let (_, session) = service.get("/chat/session/1", &ada).await;
    let marks: Vec<Value> = session["marks"]
        .as_array()
        .expect("marks")
        .iter()
        .map(|m| json!([m["reader_type"], m["reader_id"], m["delivered_seq"], m["read_seq"]]))
        .collect();
    assert_eq!(marks, [json!(["client", 1, 4, 4]), json!(["user", 2, 6, 6]), json!(["user", 3, 6, 0])]);
    let (status, sent) = service.say(1, &ada, "I am back.").await;
    assert_eq!((status, &sent["seq"]), (StatusCode::CREATED, &json!(8)), "{sent}");
    let (status, reopened) = service.say(3, &upgraded.visitor_token(3).await, "Not quite.").await;
    assert_eq!((status, &reopened["seq"]), (StatusCode::CREATED, &json!(7)), "{reopened}");
}

#[tokio::test]
async fn the_chats_of_0_1_0_have_their_members_and_messages() {
    let upgraded = Upgraded::from("0.1.0").await;
    let service = &upgraded.service;
    let (uma, ulf, una) = (upgraded.log_in("uma").await, upgraded.log_in("ulf").await, upgraded.log_in("una").await);
    let (_, chats) = service.get("/chats", &ulf).await;
    // The one that changed last comes first.
    let kinds: Vec<&Value> = chats["chats"].as_array().expect("chats").iter().map(|chat| &chat["kind"]).collect();
    assert_eq!(kinds, ["record", "channel", "group"]);
    let (_, page) = service.get("/chats/8/messages", &ulf).await;
    assert_eq!(bodies(&page), ["Deliveries arrive at gate B.", "Since when?", "Since Monday.", "I was away."]);
    assert_eq!(service.get("/chats/8/messages", &una).await.0, StatusCode::FORBIDDEN, "it was removed");
    assert_eq!(service.post("/chats/8/messages", &uma, message("Welcome back.")).await.0, StatusCode::CREATED);
    assert_eq!(service.post("/chats/10/messages", &ulf, message("May I?")).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_events_that_waited_in_0_1_0_can_still_be_read() {
    let upgraded = Upgraded::from("0.1.0").await;
    let events = "SELECT json_build_array(kind, data) FROM outbox WHERE chat_id > 0";
    let events = upgraded.service.installation.texts(events).await;
    assert!(events.len() > 30);
    for event in events {
        let (kind, data): (EventKind, String) = serde_json::from_str(&event).expect("a kind that is known");
        match kind {
            EventKind::MessageSent => assert_reads::<Message>(&data),
            EventKind::MemberAdded | EventKind::MemberRemoved => assert_reads::<Member>(&data),
            _ => assert_reads::<Session>(&data),
        }
    }
}

fn assert_reads<T: DeserializeOwned>(data: &str) {
    let read = serde_json::from_str::<T>(data);
    assert!(read.is_ok(), "{:?}: {data}", read.err());
}
