//! The change feed: what is committed comes out of it once, in the order of each chat.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chat_events::feed::{Change, FeedPage};
use reqwest::StatusCode;
use serde_json::{Value, json};
use test_support::{Process, Vhost, fresh_vhost, wait_until};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::service::{Installation, Service, code, messages};

/// chat-service with a relay: nothing is numbered before RabbitMQ has it.
async fn relaying() -> (Service, Vhost) {
    let (installation, vhost) = (Installation::fresh().await, fresh_vhost().await);
    let program = installation.program().env("BROKER__BACKEND", "amqp").env("BROKER__AMQP_URL", vhost.url());
    (Service::start_program(installation, program).await, vhost)
}

/// Another instance on the same database, which relays nothing as long as the first lives.
async fn another(service: &Service) -> Process {
    let mut other = service.installation.program().start();
    other.addr().await;
    other
}

async fn ask(service: &Service, after: Value, limit: u16, wait_ms: u32) -> FeedPage {
    let (status, page) = service.ask("feed", json!({"after": after, "limit": limit, "wait_ms": wait_ms})).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    serde_json::from_value(page).expect("a page")
}

fn cursor(page: &FeedPage) -> Value {
    json!({"cursor": page.cursor.to_string()})
}

/// Reads until so many changes have come, and each has come once and in order.
async fn read_all(service: &Service, after: Value, count: usize, limit: u16) -> (Vec<Change>, Value) {
    let (mut changes, mut after) = (Vec::new(), after);
    while changes.len() < count {
        let page = ask(service, after, limit, 10_000).await;
        assert!(page.changes.len() <= usize::from(limit));
        assert!(!page.changes.is_empty(), "nothing came for 10 s after {} changes", changes.len());
        after = cursor(&page);
        changes.extend(page.changes);
    }
    let mut tops = BTreeMap::new();
    for change in &changes {
        let before = tops.insert(change.chat_id, change.seq).map_or(0, |seq| seq.0);
        assert!(before == 0 || change.seq.0 == before + 1, "{change:?} after {before}");
    }
    assert_eq!(changes.len(), count);
    (changes, after)
}

#[tokio::test]
async fn a_reader_gets_every_change_of_all_lanes_once_and_in_order() {
    let (service, _vhost) = relaying().await;
    let visitors = [service.visitor().await, service.visitor().await, service.visitor().await];
    for n in 0..10 {
        for visitor in &visitors {
            service.say(visitor.session, &visitor.token, &n.to_string()).await;
        }
    }
    let (changes, after) = read_all(&service, json!("oldest"), 33, 7).await;
    let first = &changes.iter().find(|change| change.chat_id.0 == visitors[0].session).expect("its session");
    assert_eq!(
        (first.kind.as_str(), first.seq.0, first.site_id.map(|site| site.0)),
        ("chat.session.created", 1, Some(1))
    );
    // From the other instance too, which numbers nothing itself.
    let _other = another(&service).await;
    let (again, _) = read_all(&service, json!("oldest"), 33, 1000).await;
    assert_eq!(again.len(), changes.len());
    let now = ask(&service, json!("now"), 10, 0).await;
    assert_eq!((now.changes.len(), cursor(&now), now.has_more), (0, after, false));
}

#[tokio::test]
async fn a_reader_that_waits_is_woken_by_a_change_and_else_by_the_time() {
    let (service, _vhost) = relaying().await;
    let visitor = service.visitor().await;
    let (_, after) = read_all(&service, json!("oldest"), 1, 10).await;
    let began = Instant::now();
    let empty = ask(&service, after.clone(), 10, 300).await;
    assert!(empty.changes.is_empty() && began.elapsed() >= Duration::from_millis(300));
    let (page, ()) = tokio::join!(ask(&service, after, 10, 20_000), async {
        service.say(visitor.session, &visitor.token, "hello").await;
    });
    assert_eq!(page.changes.iter().map(|change| change.seq.0).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_cursor_of_another_history_or_of_what_is_pruned_is_refused_and_says_so() {
    let (service, _vhost) = relaying().await;
    let visitor = service.visitor().await;
    for n in 0..4 {
        service.say(visitor.session, &visitor.token, &n.to_string()).await;
    }
    read_all(&service, json!("oldest"), 5, 10).await;
    let refused = async |after: Value| {
        let (status, body) = service.ask("feed", json!({"after": after, "limit": 10})).await;
        (status.as_u16(), code(&body).to_owned())
    };
    let resync = (409, "resync".to_owned());
    assert_eq!(refused(json!({"cursor": "1.1.9.9.9.9"})).await, resync, "above the top");
    assert_eq!(refused(json!({"cursor": "1.2.0.0.0.0"})).await, resync, "of another epoch");
    assert_eq!(refused(json!({"cursor": "1.1.0.0"})).await, resync, "of other lanes");
    for bad in ["", "nonsense", "1.1.-1.0.0.0", "1.1.0.0.0.0x"] {
        let (status, _) = refused(json!({ "cursor": bad })).await;
        assert!([400, 422].contains(&status), "{bad}: {status}");
    }
    // A lane that is quiet for longer than changes are kept is no reason to begin anew.
    let quiet = ask(&service, json!("now"), 10, 0).await;
    service
        .installation
        .database
        .run_sql("WITH gone AS (DELETE FROM changes) UPDATE lane_tops SET pruned_to = top")
        .await;
    assert_eq!(refused(json!({"cursor": "1.1.0.0.0.0"})).await, (410, "gone".to_owned()));
    assert!(ask(&service, cursor(&quiet), 10, 0).await.changes.is_empty());
    let oldest = ask(&service, json!("oldest"), 10, 0).await;
    assert_eq!(cursor(&oldest), cursor(&quiet));
    service.say(visitor.session, &visitor.token, "again").await;
    read_all(&service, cursor(&quiet), 1, 10).await;
}

#[tokio::test]
async fn bounds_are_told_and_only_the_internal_secret_reads_the_feed() {
    let service = Service::start().await;
    let (_, operator) = service.operator().await;
    let body = json!({"after": "now", "limit": 10});
    assert_eq!(service.post("/internal/feed", &operator, body).await.0, StatusCode::UNAUTHORIZED);
    for (field, body) in [
        ("limit", json!({"after": "now", "limit": 0})),
        ("limit", json!({"after": "now", "limit": 1001})),
        ("wait_ms", json!({"after": "now", "limit": 10, "wait_ms": 25_001})),
    ] {
        let (status, answer) = service.ask("feed", body).await;
        assert_eq!((status.as_u16(), answer["error"]["details"]["field"].as_str()), (422, Some(field)), "{answer}");
    }
    let page = ask(&service, json!("oldest"), 10, 0).await;
    assert!(page.changes.is_empty() && !page.has_more);
}

#[tokio::test]
async fn a_reader_that_hangs_up_makes_room_for_another() {
    let installation = Installation::fresh().await;
    // All come from one address.
    let program = installation.program().env("HTTP__CONNECTIONS_PER_ADDRESS", "0");
    let service = Service::start_program(installation, program).await;
    let secret = service.installation.secrets.internal();
    let body = json!({"after": "now", "limit": 10, "wait_ms": 25_000}).to_string();
    let head =
        format!("authorization: Bearer {secret}\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
    let request = format!("POST /internal/feed HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n{body}");
    let is_full = async || {
        let (_, answer) = service.ask("feed", json!({"after": "now", "limit": 10})).await;
        answer["error"]["message"].as_str().is_some_and(|message| message.contains("too many read the change feed"))
    };
    // One after the other: of many at once some would be told that the database is busy.
    let mut readers = Vec::new();
    while !is_full().await {
        assert!(readers.len() < 500, "there is room without end");
        let mut reader = TcpStream::connect(service.url.trim_start_matches("http://")).await.expect("a connection");
        reader.write_all(request.as_bytes()).await.expect("sent");
        readers.push(reader);
    }
    for reader in &mut readers {
        reader.shutdown().await.expect("its side has ended");
    }
    let begun = Instant::now();
    wait_until("a place", async || (!is_full().await).then_some(())).await;
    assert!(begun.elapsed() < Duration::from_secs(15), "they wait no longer: {:?}", begun.elapsed());
}

/// As a deletion is committed: no route does that yet.
fn delete(message: &Value) -> String {
    format!(
        "WITH next AS (
            UPDATE chats SET seq = seq + 1, changed_at = now() WHERE id = {} RETURNING id, seq
        ), m AS (
            UPDATE messages SET changed_seq = next.seq, body = '', is_deleted = true FROM next WHERE messages.id = {}
            RETURNING messages.*
        ) INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, data)
        SELECT m.chat_id % (SELECT lanes FROM installation), m.chat_id, m.changed_seq, 'chat.message.deleted', 'session',
            m.visibility, row_to_json(j)::text
        FROM m, LATERAL (
            SELECT m.id, m.chat_id, m.chat_id AS session_id, m.seq, m.changed_seq, m.sender_type, m.sender_id,
                m.sender_name, m.body, m.client_id, m.visibility, m.created_at, m.edited_at, m.is_deleted
        ) j",
        message["chat_id"], message["id"]
    )
}

#[tokio::test]
async fn of_a_deleted_message_its_place_comes_and_its_text_never() {
    let (service, _vhost) = relaying().await;
    let visitor = service.visitor().await;
    let (_, said) = service.say(visitor.session, &visitor.token, "not for long").await;
    let (_, after) = read_all(&service, json!("oldest"), 2, 10).await;
    service.installation.database.run_sql(&delete(&said)).await;
    let (changes, _) = read_all(&service, after, 1, 10).await;
    assert_eq!((changes[0].kind.as_str(), changes[0].seq.0), ("chat.message.deleted", 3));
    let (_, all) = service.ask("feed", json!({"after": "oldest", "limit": 10})).await;
    assert_eq!(all["changes"].as_array().map(Vec::len), Some(3), "{all}");
    let (_, history) = service.get(&messages(visitor.session), &visitor.token).await;
    assert!(!all.to_string().contains("not for long") && !history.to_string().contains("not for long"), "{history}");
    assert!(service.installation.texts("SELECT id FROM outbox_unreadable").await.is_empty());
}
