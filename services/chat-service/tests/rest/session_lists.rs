//! Lists of sessions: their orders and filters, who waits, counts, and the other sessions of a visitor.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use test_people::Visitor;

use crate::service::{Service, code};

fn ids(page: &Value) -> Vec<i64> {
    let sessions = page["sessions"].as_array().unwrap_or_else(|| panic!("no sessions in {page}"));
    sessions.iter().map(|session| session["session_id"].as_i64().expect("an id")).collect()
}

async fn page(service: &Service, token: &str, query: &str) -> Value {
    let (status, page) = service.get(&format!("/chat/sessions?{query}"), token).await;
    assert_eq!(status, StatusCode::OK, "{query}: {page}");
    page
}

async fn list(service: &Service, token: &str, query: &str) -> Vec<i64> {
    ids(&page(service, token, query).await)
}

/// The pages from a cursor on, each of so many sessions.
async fn walk_on(service: &Service, token: &str, query: &str, mut cursor: Value) -> Vec<i64> {
    let mut all = Vec::new();
    while let Some(at) = cursor.as_str() {
        let next = page(service, token, &format!("{query}&cursor={at}")).await;
        all.extend(ids(&next));
        cursor = next["next_cursor"].clone();
    }
    all
}

async fn walk(service: &Service, token: &str, query: &str) -> Vec<i64> {
    let first = page(service, token, query).await;
    let mut all = ids(&first);
    all.extend(walk_on(service, token, query, first["next_cursor"].clone()).await);
    all
}

async fn open(service: &Service, body: Value) -> (i64, String, String) {
    let (status, opened) = service.call(Method::POST, "/chat/session", None, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{opened}");
    let text = |field: &str| opened[field].as_str().expect("a text").to_owned();
    (opened["session_id"].as_i64().expect("an id"), text("token"), text("visitor_secret"))
}

async fn say(service: &Service, session: i64, token: &str) {
    let (status, answer) = service.say(session, token, "hello").await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
}

#[tokio::test]
async fn each_order_goes_through_all_sessions_once_whatever_the_size_of_a_page() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    let mut sessions = Vec::new();
    for _ in 0..7 {
        sessions.push(service.visitor().await);
    }
    for at in [4, 1, 6] {
        say(&service, sessions[at].session, &sessions[at].token).await;
    }
    // Answered: it does not wait, and has changed last.
    say(&service, sessions[1].session, &token).await;
    let id = |at: usize| sessions[at].session;
    let newest: Vec<i64> = (0..7).rev().map(id).collect();
    let recent: Vec<i64> = [1, 6, 4, 5, 3, 2, 0].map(id).to_vec();
    let waiting: Vec<i64> = [4, 6, 1, 5, 3, 2, 0].map(id).to_vec();
    for (sort, order) in [("newest", &newest), ("recent", &recent), ("waiting", &waiting)] {
        for limit in [1, 2, 3, 7, 50] {
            assert_eq!(&walk(&service, &token, &format!("sort={sort}&limit={limit}")).await, order, "{sort} {limit}");
        }
    }
    assert_eq!(list(&service, &token, "").await, newest);
}

#[tokio::test]
async fn a_walk_shows_nothing_twice_while_sessions_move() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    let visitors = join_all((0..12).map(|_| service.visitor())).await;
    for visitor in &visitors[..8] {
        say(&service, visitor.session, &visitor.token).await;
    }
    for sort in ["waiting", "recent"] {
        let query = format!("sort={sort}&limit=3");
        let first = page(&service, &token, &query).await;
        let shown = ids(&first);
        assert_eq!(shown.len(), 3);
        // What was shown is answered, and asks again; what was not begins to wait.
        for session in &shown {
            say(&service, *session, &token).await;
        }
        let asks = visitors.iter().find(|visitor| visitor.session == shown[0]).expect("it");
        say(&service, asks.session, &asks.token).await;
        for visitor in visitors.iter().filter(|visitor| !shown.contains(&visitor.session)).take(2) {
            say(&service, visitor.session, &visitor.token).await;
        }
        let mut all = shown;
        all.extend(walk_on(&service, &token, &query, first["next_cursor"].clone()).await);
        let different: BTreeSet<i64> = all.iter().copied().collect();
        assert_eq!(different.len(), all.len(), "{sort}: {all:?}");
        // Those that stood still are all there: two moved.
        assert!(all.len() >= 10, "{sort}: {all:?}");
    }
}

#[tokio::test]
async fn a_cursor_is_of_its_order_and_of_nothing_else() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    for _ in 0..2 {
        let visitor = service.visitor().await;
        say(&service, visitor.session, &visitor.token).await;
    }
    for (sort, other) in [("newest", "recent"), ("recent", "waiting"), ("waiting", "newest")] {
        let first = page(&service, &token, &format!("sort={sort}&limit=1")).await;
        let cursor = first["next_cursor"].as_str().expect("a cursor");
        let (status, refused) = service.get(&format!("/chat/sessions?sort={other}&cursor={cursor}"), &token).await;
        assert_eq!((status, code(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{refused}");
        assert_eq!(refused["error"]["details"]["field"], "cursor");
    }
    for bad in ["cursor=x", "cursor=r1", "status=ajar", "status=open,", "status=", "q=", "q=%20", "site=A b"] {
        let (status, refused) = service.get(&format!("/chat/sessions?{bad}"), &token).await;
        assert_eq!((status, code(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{bad}");
    }
    let long = format!("/chat/sessions?q={}", "x".repeat(101));
    assert_eq!(service.get(&long, &token).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn sessions_are_found_by_their_site_status_and_assignee_within_the_scope() {
    let service = Service::start().await;
    let accounts = service.installation.accounts();
    accounts.add_site("shop").await;
    let (olga, token) = service.operator().await;
    let oscar = accounts.add_operator_of("Oscar", &["shop"]).await;
    let (_, login) = service.log_in(&oscar.email, test_people::PASSWORD).await;
    let of_shop = login["access_token"].as_str().expect("a token").to_owned();
    let here = service.visitor().await.session;
    let mut shop = Vec::new();
    for _ in 0..3 {
        shop.push(open(&service, json!({"site": "shop"})).await.0);
    }
    service.post(&format!("/chat/session/{}/assign", shop[0]), &token, json!({"user_id": olga})).await;
    service.set_status(shop[1], &token, "pending").await;
    service.set_status(shop[2], &token, "closed").await;
    for sort in ["newest", "recent", "waiting"] {
        let set = async |token: &str, query: &str| {
            list(&service, token, &format!("sort={sort}&{query}")).await.into_iter().collect::<BTreeSet<i64>>()
        };
        let of = |all: &[i64]| all.iter().copied().collect::<BTreeSet<i64>>();
        assert_eq!(set(&token, "site=shop").await, of(&shop));
        assert_eq!(set(&token, "site=default").await, of(&[here]));
        assert_eq!(set(&token, "site=nowhere").await, of(&[]));
        assert_eq!(set(&token, "site=shop&status=open,pending").await, of(&shop[..2]));
        assert_eq!(set(&token, "status=closed").await, of(&shop[2..]));
        assert_eq!(set(&token, "assignee=me").await, of(&shop[..1]));
        assert_eq!(set(&token, "status=open&assignee=none").await, of(&[here]));
        assert_eq!(set(&of_shop, "").await, of(&shop), "{sort}");
        assert_eq!(set(&of_shop, "site=default").await, of(&[]), "it works elsewhere");
        assert_eq!(set(&of_shop, &format!("q={here}")).await, of(&[]), "nor by its number");
    }
    let (_, counts) = service.get("/chat/sessions/counts", &token).await;
    let sites = json!([{"site": "default", "open": 1, "unassigned": 1}, {"site": "shop", "open": 1, "unassigned": 0}]);
    assert_eq!(counts, json!({"mine": 1, "unassigned": 1, "open": 2, "pending": 1, "sites": sites}));
    let (_, counts) = service.get("/chat/sessions/counts", &of_shop).await;
    let sites = json!([{"site": "shop", "open": 1, "unassigned": 0}]);
    assert_eq!(counts, json!({"mine": 0, "unassigned": 0, "open": 1, "pending": 1, "sites": sites}));
    let visitor = service.visitor().await;
    for path in ["/chat/sessions/counts", "/chat/sessions"] {
        assert_eq!(service.get(path, &visitor.token).await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn counts_go_up_to_ten_thousand() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    service.visitor().await;
    let many = "WITH made AS (INSERT INTO chats (kind) SELECT 'session' FROM generate_series(1, 10050) RETURNING id)
        INSERT INTO chat_sessions (chat_id, client_id) SELECT made.id, v.id FROM made, (SELECT min(id) AS id FROM clients) v";
    service.installation.database.run_sql(many).await;
    let (_, counts) = service.get("/chat/sessions/counts", &token).await;
    assert_eq!((&counts["open"], &counts["unassigned"], &counts["mine"]), (&json!(10_000), &json!(10_000), &json!(0)));
}

#[tokio::test]
async fn sessions_are_found_by_a_part_of_a_name_or_an_address_or_by_their_number() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    let (ada, ..) = open(&service, json!({"name": "Ada Lovelace", "email": "countess@example.com"})).await;
    let (bob, ..) = open(&service, json!({"name": "Bob x00%_\\", "email": "bob@example.org"})).await;
    let (nobody, ..) = open(&service, json!({})).await;
    let (lee, ..) = open(&service, json!({"name": "李小龙"})).await;
    let contact = format!(
        "INSERT INTO contacts (name, email) VALUES ('Grace Hopper', 'grace@navy.example');
         UPDATE clients SET contact_id = (SELECT max(id) FROM contacts)
         WHERE id = (SELECT client_id FROM chat_sessions WHERE chat_id = {nobody})"
    );
    service.installation.database.run_sql(&contact).await;
    let found = async |q: &str, sort: &str| {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs([("q", q), ("sort", sort)]).finish();
        list(&service, &token, &query).await
    };
    for sort in ["newest", "recent", "waiting"] {
        for (q, expected) in [
            ("lovel", vec![ada]),
            ("LOVEL", vec![ada]),
            (" countess@ ", vec![ada]),
            ("example", vec![nobody, bob, ada]),
            ("x00%_\\", vec![bob]),
            ("%%%", vec![]),
            ("a__", vec![]),
            ("...", vec![]),
            ("hopper", vec![nobody]),
            ("navy", vec![nobody]),
            // Short ones begin a word.
            ("lo", vec![ada]),
            ("ov", vec![]),
            ("b", vec![bob]),
            ("gr", vec![nobody]),
            ("小龙x", vec![]),
            ("李小", vec![lee]),
            ("李小龙", vec![lee]),
            (&ada.to_string(), vec![ada]),
            (&format!("#{bob}"), vec![bob]),
            ("99999999", vec![]),
        ] {
            assert_eq!(found(q, sort).await, expected, "{q} by {sort}");
        }
    }
}

#[tokio::test]
async fn among_very_many_of_a_name_pages_go_on_as_usual() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    let many = "WITH made AS (INSERT INTO chats (kind) SELECT 'session' FROM generate_series(1, 1200) RETURNING id),
        people AS (INSERT INTO clients (name, secret_hash) SELECT 'Common Name', '' FROM generate_series(1, 1200) RETURNING id)
        INSERT INTO chat_sessions (chat_id, client_id)
        SELECT m.id, p.id FROM (SELECT id, row_number() OVER () AS n FROM made) m
            JOIN (SELECT id, row_number() OVER () AS n FROM people) p USING (n)";
    service.installation.database.run_sql(many).await;
    let (rare, ..) = open(&service, json!({"name": "Rare"})).await;
    let all = walk(&service, &token, "q=common&limit=200&sort=recent").await;
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 1200);
    assert!(all.len() == 1200 && !all.contains(&rare));
    assert_eq!(list(&service, &token, &format!("q={rare}")).await, [rare]);
}

/// What a view says of the waiting, and how it is reckoned from what was written: the oldest message of the visitor after the
/// last public one of an operator and after the last closing.
async fn waits(service: &Service, session: i64, token: &str) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let (status, view) = service.get(&format!("/chat/session/{session}"), token).await;
    assert_eq!(status, StatusCode::OK, "{view}");
    let reckoned = format!(
        "SELECT min(created_at) FROM messages WHERE chat_id = {session} AND sender_type = 'client' AND seq > greatest(
            (SELECT max(seq) FROM messages WHERE chat_id = {session} AND sender_type = 'operator' AND visibility = 'public'),
            (SELECT max(seq) FROM chat_activity WHERE chat_id = {session} AND kind = 'session.status'
                AND to_value = '\"closed\"'), 0)
         HAVING min(created_at) IS NOT NULL"
    );
    let reckoned = service
        .installation
        .texts(&format!(
            "SELECT to_char(min AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM ({reckoned}) x"
        ))
        .await;
    let time = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
    (view["waiting_since"].as_str().map(time), reckoned.first().map(|text| time(text)))
}

/// One thing that happens in a session.
async fn happens(service: &Service, visitor: &Visitor, operator: &str, what: u32) {
    match what {
        0..4 => say(service, visitor.session, &visitor.token).await,
        4..7 => say(service, visitor.session, operator).await,
        7 => assert_eq!(service.note(visitor.session, operator, "note").await.0, StatusCode::CREATED),
        8 => stand(service, visitor, operator, "closed").await,
        _ => stand(service, visitor, operator, "pending").await,
    }
}

/// A message may open the session again before the answer is read.
async fn stand(service: &Service, visitor: &Visitor, operator: &str, status: &str) {
    let path = format!("/chat/session/{}/status", visitor.session);
    let (code, answer) = service.post(&path, operator, json!({"status": status})).await;
    assert_eq!(code, StatusCode::OK, "{answer}");
}

#[tokio::test]
async fn who_waits_is_told_as_it_is_reckoned_from_the_messages() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    let seed = rand::rng().random();
    let mut random = StdRng::seed_from_u64(seed);
    let visitor = service.visitor().await;
    for step in 0..60 {
        happens(&service, &visitor, &token, random.random_range(0..10)).await;
        let (told, reckoned) = waits(&service, visitor.session, &token).await;
        assert_eq!(told, reckoned, "step {step} of seed {seed}");
    }
}

#[tokio::test]
async fn who_waits_is_told_also_when_both_sides_write_at_once() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    let seed = rand::rng().random();
    let mut random = StdRng::seed_from_u64(seed);
    let visitors = join_all((0..3).map(|_| service.visitor())).await;
    for round in 0..15 {
        let things: Vec<(&Visitor, u32)> =
            (0..12).map(|_| (visitors.choose(&mut random).expect("one"), random.random_range(0..9))).collect();
        join_all(things.iter().map(|(visitor, what)| happens(&service, visitor, &token, *what))).await;
        for visitor in &visitors {
            let (told, reckoned) = waits(&service, visitor.session, &token).await;
            let agree = match (told, reckoned) {
                (None, None) => true,
                // Of messages that are written in one statement, the time of the first.
                (Some(told), Some(reckoned)) => told <= reckoned && reckoned - told < TimeDelta::milliseconds(100),
                _ => false,
            };
            assert!(agree, "{told:?} {reckoned:?} in round {round} of seed {seed}");
        }
    }
}

#[tokio::test]
async fn a_closed_session_waits_anew_and_its_visitor_is_told_nothing_of_the_desk() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    let visitor = service.visitor().await;
    say(&service, visitor.session, &visitor.token).await;
    let (first, _) = waits(&service, visitor.session, &token).await;
    service.set_status(visitor.session, &token, "closed").await;
    assert_eq!(waits(&service, visitor.session, &token).await.0, None);
    say(&service, visitor.session, &visitor.token).await;
    let (again, reckoned) = waits(&service, visitor.session, &token).await;
    assert!(again > first && again == reckoned, "{again:?} {reckoned:?}");
    let (_, own) = service.get(&format!("/chat/session/{}", visitor.session), &visitor.token).await;
    assert_eq!([&own["site"], &own["waiting_since"], &own["changed_at"]], [&Value::Null; 3], "{own}");
    let (_, view) = service.get(&format!("/chat/session/{}", visitor.session), &token).await;
    assert!(view["site"] == "default" && view["changed_at"].is_string(), "{view}");
}

#[tokio::test]
async fn operators_see_the_other_sessions_of_a_device_and_of_a_contact_at_the_site() {
    let service = Service::start().await;
    let accounts = service.installation.accounts();
    accounts.add_site("shop").await;
    let (_, token) = service.operator().await;
    let (first, visitor, secret) = open(&service, json!({"name": "Ada"})).await;
    let device = json!({"session_id": first, "visitor_secret": secret});
    let mut own = vec![first];
    for _ in 0..3 {
        own.push(open(&service, json!({"device": device})).await.0);
    }
    let (phone, ..) = open(&service, json!({})).await;
    let (elsewhere, ..) = open(&service, json!({"site": "shop"})).await;
    let (stranger, ..) = open(&service, json!({})).await;
    let contact = format!(
        "INSERT INTO contacts (name) VALUES ('Ada'); UPDATE clients SET contact_id = (SELECT max(id) FROM contacts)
         WHERE id IN (SELECT client_id FROM chat_sessions WHERE chat_id IN ({first}, {phone}, {elsewhere}))"
    );
    service.installation.database.run_sql(&contact).await;
    let earlier = async |session: i64, query: &str, token: &str| {
        service.get(&format!("/chat/session/{session}/earlier{query}"), token).await
    };
    let (status, page) = earlier(own[1], "", &token).await;
    assert_eq!((status, &page["next_cursor"]), (StatusCode::OK, &Value::Null), "{page}");
    assert_eq!(ids(&page), [phone, own[3], own[2], first]);
    let (_, page) = earlier(own[1], "?limit=3", &token).await;
    assert_eq!(ids(&page), [phone, own[3], own[2]]);
    let rest = format!("?limit=3&cursor={}", page["next_cursor"].as_str().expect("a cursor"));
    assert_eq!(ids(&earlier(own[1], &rest, &token).await.1), [first]);
    assert_eq!(ids(&earlier(stranger, "", &token).await.1), Vec::<i64>::new());
    assert_eq!(ids(&earlier(elsewhere, "", &token).await.1), Vec::<i64>::new());
    let of_shop = accounts.add_operator_of("Oscar", &["shop"]).await;
    let (_, login) = service.log_in(&of_shop.email, test_people::PASSWORD).await;
    let of_shop = login["access_token"].as_str().expect("a token");
    assert_eq!(earlier(own[1], "", of_shop).await.0, StatusCode::NOT_FOUND);
    assert_eq!(earlier(first, "", &visitor).await.0, StatusCode::FORBIDDEN);
    assert_eq!(earlier(own[1], "?cursor=r1.2", &token).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}
