//! Sends that go together: each gets its own answer, whatever the others are.

use std::collections::HashSet;
use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;
use test_support::wait::in_time;
use test_support::{fresh_database, wait_until};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::service::{Answer, Service, Visitor, code, message, messages};

/// Holds a lock in PostgreSQL until it is let go.
struct Held(AsyncPgConnection);

impl Held {
    async fn by(service: &Service, sql: &str) -> Self {
        let mut connection = service.installation.database.connect().await;
        connection.batch_execute(&format!("BEGIN; {sql}")).await.expect("a lock");
        Self(connection)
    }

    /// Nothing is written before it is let go.
    async fn all_writes(service: &Service) -> Self {
        Self::by(service, "LOCK TABLE messages IN SHARE MODE").await
    }

    async fn chat(service: &Service, chat: i64) -> Self {
        Self::by(service, &format!("SELECT FROM chats WHERE id = {chat} FOR UPDATE")).await
    }

    async fn let_go(mut self) {
        self.0.batch_execute("COMMIT").await.expect("let go");
    }
}

/// What the metrics say.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counts {
    statements: f64,
    begun: f64,
    waiting: f64,
}

impl Counts {
    async fn of(service: &Service) -> Self {
        let answer = reqwest::get(format!("{}/metrics", service.url)).await.expect("an answer");
        let text = answer.text().await.expect("text");
        let number = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            value.trim().parse().expect("a number")
        };
        Self {
            statements: number("send_batch_messages_count "),
            begun: number("send_batch_messages_sum "),
            waiting: number("sends_waiting "),
        }
    }
}

/// Waits until that many have come, since the service began.
async fn wait_for(service: &Service, come: usize) {
    let come = u32::try_from(come).map(f64::from).expect("few");
    wait_until("all messages to have come", async || {
        let counts = Counts::of(service).await;
        (counts.begun + counts.waiting == come).then_some(())
    })
    .await;
}

/// A request of its own, which goes on while the test does something else.
fn post(service: &Arc<Service>, path: String, token: &str, body: Value) -> JoinHandle<Answer> {
    let (service, token) = (Arc::clone(service), token.to_owned());
    tokio::spawn(async move { service.post(&path, &token, body).await })
}

fn say(service: &Arc<Service>, visitor: &Visitor, body: &str) -> JoinHandle<Answer> {
    post(service, messages(visitor.session), &visitor.token, message(body))
}

async fn answers(posts: Vec<JoinHandle<Answer>>) -> Vec<Answer> {
    let all = join_all(posts);
    in_time("all answers", all).await.into_iter().map(|post| post.expect("no panic")).collect()
}

/// `seq` of all messages of a chat, and that each has its event.
async fn check_chat(service: &Service, chat: i64) -> usize {
    let seqs = format!("SELECT seq FROM messages WHERE chat_id = {chat} ORDER BY seq");
    let seqs: Vec<i64> =
        service.installation.texts(&seqs).await.iter().map(|seq| seq.parse().expect("a seq")).collect();
    let events = "SELECT o.seq FROM outbox o JOIN messages m ON m.chat_id = o.chat_id AND m.seq = o.seq
                  WHERE o.kind = 'chat.message.sent' AND o.data::json ->> 'body' = m.body
                  AND (o.data::json ->> 'id')::bigint = m.id AND o.chat_id = ";
    let events = service.installation.texts(&format!("{events} {chat}")).await;
    assert_eq!(events.len(), seqs.len(), "one event for each message");
    let top = service.installation.texts(&format!("SELECT seq FROM chats WHERE id = {chat}")).await;
    let all = service.installation.texts(&format!("SELECT seq FROM outbox WHERE chat_id = {chat} ORDER BY seq")).await;
    let expected: Vec<String> = (1..=top[0].parse().expect("a seq")).map(|seq: i64| seq.to_string()).collect();
    assert_eq!(all, expected, "no hole, nothing twice");
    seqs.len()
}

#[tokio::test]
async fn in_one_batch_each_message_gets_its_own_answer() {
    let service = Arc::new(Service::start().await);
    let (_, operator) = service.operator().await;
    let (former_id, former) = service.account("former@example.com", "operator").await;
    let (closed, banned, good) = (service.visitor().await, service.visitor().await, service.visitor().await);
    service.set_status(closed.session, &operator, "closed").await;
    service.post(&format!("/chat/session/{}/ban", banned.session), &operator, Value::Null).await;
    let again = message("again");
    let (_, first) = service.post(&messages(good.session), &good.token, again.clone()).await;
    let deactivate = format!("UPDATE users SET is_active = false WHERE id = {former_id}");
    service.installation.database.run_sql(&deactivate).await;
    let before = Counts::of(&service).await;

    let held = Held::all_writes(&service).await;
    let (mut note, twice) = (message("a note"), message("twice"));
    note["visibility"] = "staff".into();
    let path = messages(good.session);
    let posts = vec![
        post(&service, path.clone(), &good.token, message("one")),
        post(&service, path.clone(), &good.token, note.clone()),
        post(&service, path.clone(), &good.token, again),
        post(&service, path.clone(), &operator, note),
        post(&service, path.clone(), &former, message("no longer")),
        post(&service, path.clone(), &good.token, twice.clone()),
        post(&service, path.clone(), &good.token, twice),
        post(&service, messages(9_999_999), &operator, message("nowhere")),
        say(&service, &banned, "let me in"),
        say(&service, &closed, "open again"),
        post(&service, messages(closed.session), &operator, message("closed or not")),
        post(&service, path, &good.token, message("two")),
    ];
    wait_for(&service, 1 + posts.len()).await;
    held.let_go().await;
    let answers = answers(posts).await;

    let statuses: Vec<u16> = answers.iter().map(|(status, _)| status.as_u16()).collect();
    let (both, others) = (&statuses[5..7], [&statuses[..5], &statuses[7..]].concat());
    assert_eq!(others, [201, 403, 200, 201, 401, 404, 403, 201, 201, 201], "{answers:#?}");
    assert_eq!(both.iter().collect::<HashSet<_>>(), HashSet::from([&200, &201]), "it is written once");
    assert_eq!(answers[5].1["id"], answers[6].1["id"]);
    assert_eq!(answers[2].1["id"], first["id"], "a repeat is given the first");
    assert_eq!(answers[3].1["visibility"], "staff");
    let codes: Vec<&str> = [1, 4, 7, 8].iter().map(|n| code(&answers[*n].1)).collect();
    assert_eq!(codes, ["forbidden", "unauthorized", "not_found", "forbidden"]);
    let counts = Counts::of(&service).await;
    assert!(counts.statements - before.statements < counts.begun - before.begun, "some went together");
    assert_eq!(check_chat(&service, good.session).await, 5);
    assert_eq!(check_chat(&service, closed.session).await, 2);
    assert_eq!(check_chat(&service, banned.session).await, 0);
}

#[tokio::test]
async fn two_services_write_in_the_same_chats_without_deadlock_hole_or_repeat() {
    let service = Arc::new(Service::start().await);
    let mut other = service.installation.program().start();
    let other = format!("http://{}", other.addr().await);
    test_support::process::wait_until_ready(&format!("{other}/readyz")).await;
    let visitors = join_all((0..4).map(|_| service.visitor())).await;
    let http = reqwest::Client::new();
    let senders = join_all((0..32).map(|sender| {
        let (http, visitors, service, other) = (&http, &visitors, &service, &other);
        async move {
            let mut last = [0; 4];
            for round in 0..12 {
                // Half of them in one chat.
                let chat = if sender % 4 < 2 { 0 } else { (sender + round) % 4 };
                let body = message(&format!("{sender}/{round}"));
                let send = |address| {
                    let url = format!("{address}{}", messages(visitors[chat].session));
                    http.post(url).bearer_auth(&visitors[chat].token).json(&body).send()
                };
                // Sent again at once, to the other service.
                let answers = join_all([send(&service.url), send(other)]).await;
                let mut seqs = HashSet::new();
                for answer in answers {
                    let answer = answer.expect("an answer");
                    assert!(answer.status().is_success(), "{}", answer.status());
                    seqs.insert(answer.json::<Value>().await.expect("JSON")["seq"].as_i64().expect("a seq"));
                }
                assert_eq!(seqs.len(), 1, "written once");
                let seq = seqs.into_iter().next().unwrap_or_default();
                assert!(seq > last[chat], "a sender's messages are in the order of its requests");
                last[chat] = seq;
            }
        }
    }));
    in_time("all senders", senders).await;
    let mut written = 0;
    for visitor in &visitors {
        written += check_chat(&service, visitor.session).await;
    }
    assert_eq!(written, 32 * 12);
    let counts = Counts::of(&service).await;
    assert!(counts.statements < counts.begun, "some went together: {counts:?}");
}

#[tokio::test]
async fn a_locked_chat_keeps_no_other_waiting_and_its_own_keep_their_order() {
    let service = Arc::new(Service::start().await);
    let visitors = join_all((0..20).map(|_| service.visitor())).await;
    let held = Held::chat(&service, visitors[0].session).await;
    let mut kept = vec![];
    for n in 0..12 {
        kept.push(say(&service, &visitors[0], &n.to_string()));
        wait_for(&service, 2 * n + 1).await;
        let path = messages(visitors[1 + n].session);
        let (status, answer) = in_time("the others", service.post(&path, &visitors[1 + n].token, message("x"))).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    assert!(kept.iter().all(|post| !post.is_finished()));
    held.let_go().await;
    let answers = answers(kept).await;
    let seqs: Vec<i64> = answers.iter().map(|(_, answer)| answer["seq"].as_i64().expect("a seq")).collect();
    assert_eq!(seqs, (2..14).collect::<Vec<_>>());
    check_chat(&service, visitors[0].session).await;
}

#[tokio::test]
async fn who_hangs_up_takes_nobodys_message_along() {
    let service = Arc::new(Service::start().await);
    let visitor = service.visitor().await;
    let held = Held::all_writes(&service).await;
    let posts: Vec<_> = (0..20).map(|n| say(&service, &visitor, &n.to_string())).collect();
    wait_for(&service, 20).await;
    let (hung_up, stay): (Vec<_>, Vec<_>) = posts.into_iter().enumerate().partition(|(n, _)| n % 3 == 0);
    hung_up.into_iter().for_each(|(_, post)| post.abort());
    held.let_go().await;
    for (status, answer) in answers(stay.into_iter().map(|(_, post)| post).collect()).await {
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    let (status, _) = service.say(visitor.session, &visitor.token, "after").await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(check_chat(&service, visitor.session).await, 21);
}

#[tokio::test]
async fn a_service_that_stops_writes_and_answers_what_it_has_taken() {
    let service = Arc::new(Service::start().await);
    let visitors = join_all((0..10).map(|_| service.visitor())).await;
    let held = Held::all_writes(&service).await;
    let posts: Vec<_> = (0..20).map(|n| say(&service, &visitors[n % 10], "before the end")).collect();
    wait_for(&service, 20).await;
    service.process.terminate();
    let address = service.url.trim_start_matches("http://");
    wait_until("the stop to begin", async || TcpStream::connect(address).await.is_err().then_some(())).await;
    held.let_go().await;
    for (status, answer) in answers(posts).await {
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    for visitor in &visitors {
        assert_eq!(check_chat(&service, visitor.session).await, 2);
    }
    let mut service = Arc::into_inner(service).expect("all requests are done");
    assert!(service.process.ended().await.success());
}

#[tokio::test]
async fn a_message_alone_goes_at_once() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    for n in 0..5 {
        let (_, sent) = service.say(visitor.session, &visitor.token, &n.to_string()).await;
        assert_eq!(sent["seq"], n + 2);
    }
    assert_eq!(Counts::of(&service).await, Counts { statements: 5.0, begun: 5.0, waiting: 0.0 });
}

/// PostgreSQL's plan for a query with parameters, as a prepared statement has it.
async fn plan(connection: &mut AsyncPgConnection, query: &str, arguments: &str) -> String {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
        line: String,
    }
    connection.batch_execute(&format!("SET plan_cache_mode = force_generic_plan; {query}")).await.expect("prepared");
    let explain = diesel::sql_query(format!("EXPLAIN EXECUTE asked ({arguments})"));
    let lines: Vec<Line> = explain.load(connection).await.expect("a plan");
    connection.batch_execute("DEALLOCATE asked").await.expect("forgotten");
    lines.into_iter().map(|line| line.line + "\n").collect()
}

#[tokio::test]
async fn the_statistics_of_a_young_database_do_not_make_a_plan_that_reads_all_of_a_chat() {
    let database = fresh_database().await;
    let mut connection = database.connect().await;
    connection.batch_execute("SET enable_seqscan = off; SET enable_bitmapscan = off").await.expect("set");
    // Each chat has one message, each user one chat: so it is on the first day.
    let young = "INSERT INTO chats (kind) SELECT 'group' FROM generate_series(1, 150);
        INSERT INTO users (email, name, password_hash, role)
            SELECT n || '@example.org', 'U', '', 'user' FROM generate_series(1, 150) AS n;
        INSERT INTO chat_members (chat_id, user_id)
            SELECT c.id, u.id FROM chats c
            JOIN users u ON u.id - (SELECT min(id) FROM users) = c.id - (SELECT min(id) FROM chats);
        INSERT INTO messages (chat_id, seq, changed_seq, sender_type, sender_id, sender_name, body, client_id, visibility)
            SELECT c.id, 1, 1, 'user', 1, 'U', 'hello', gen_random_uuid(), 'public' FROM chats c";
    for step in
        ["SELECT", young, "VACUUM messages", "VACUUM chat_members", "ANALYZE chats, users, chat_members, messages"]
    {
        database.run_sql(step).await;
        let repeat = "PREPARE asked AS SELECT FROM messages
            WHERE chat_id = $1::bigint AND sender_type = $2::text AND sender_id = $3::bigint AND client_id = $4::uuid";
        let found = plan(&mut connection, repeat, "1, 'user', 1, gen_random_uuid()").await;
        assert!(found.contains("messages_client_id_unique"), "after {step}: {found}");
        let member = "PREPARE asked AS SELECT can_read FROM chat_members
            WHERE chat_id = $1::bigint AND user_id = $2::bigint";
        let found = plan(&mut connection, member, "1, 1").await;
        assert!(found.contains("chat_members_pkey"), "after {step}: {found}");
    }
}
