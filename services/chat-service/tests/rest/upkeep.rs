//! What is cleared away in time, and what people do with jobs.

use diesel_async::SimpleAsyncConnection;
use reqwest::{Method, StatusCode};
use serde_json::json;
use test_support::wait_until;
use uuid::Uuid;

use crate::service::{Installation, Service};

/// Has a job of upkeep run once more, and waits for its end.
async fn run_again(service: &Service, kind: &str) {
    let again = format!("UPDATE jobs SET due_at = now(), last_error = 'asked for' WHERE kind = '{kind}'");
    service.installation.database.run_sql(&again).await;
    wait_until("the job to run", async || {
        let waiting =
            format!("SELECT id FROM jobs WHERE kind = '{kind}' AND (last_error IS NOT NULL OR due_at <= now())");
        service.installation.texts(&waiting).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn logins_that_are_over_are_forgotten_and_those_that_may_still_count_are_kept() {
    let service = Service::start().await;
    let (_, operator) = service.operator().await;
    let token = |hash: &str, expires: &str, revoked: &str| {
        format!(
            "INSERT INTO refresh_tokens (family, user_id, token_hash, expires_at, revoked_at)
             SELECT gen_random_uuid(), min(id), '{hash}', now() - interval '{expires}', {revoked} FROM users"
        )
    };
    for sql in [
        token("long over", "3 days", "NULL"),
        token("just over", "1 hour", "NULL"),
        token("revoked long ago", "3 days", "now() - interval '3 days'"),
        token("revoked just now", "3 days", "now()"),
    ] {
        service.installation.database.run_sql(&sql).await;
    }
    run_again(&service, "logins.forget").await;
    let kept = "SELECT encode(token_hash, 'escape') FROM refresh_tokens WHERE expires_at < now() ORDER BY 1";
    assert_eq!(service.installation.texts(kept).await, ["just over", "revoked just now"]);
    let (status, _) = service.get("/chat/sessions", &operator).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn clients_without_a_session_go_after_a_day_and_others_stay() {
    let service = Service::start().await;
    service.visitor().await;
    let client = |name: &str, age: &str| {
        format!("INSERT INTO clients (name, secret_hash, created_at) VALUES ('{name}', '', now() - interval '{age}')")
    };
    service.installation.database.run_sql(&client("old", "2 days")).await;
    service.installation.database.run_sql(&client("young", "1 hour")).await;
    service
        .installation
        .database
        .run_sql("UPDATE clients SET created_at = now() - interval '2 days' WHERE name = 'Ada'")
        .await;
    wait_until("the orphan to go", async || {
        run_again(&service, "clients.remove_orphans").await;
        let names = service.installation.texts("SELECT name FROM clients ORDER BY name").await;
        (names == ["Ada", "young"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn openings_are_forgotten_after_a_day() {
    let service = Service::start().await;
    let open = async || {
        let body = json!({"client_id": Uuid::new_v4()});
        service.call(Method::POST, "/chat/session", None, Some(body)).await.1["session_id"].to_string()
    };
    let (old, young) = (open().await, open().await);
    let age = format!("UPDATE session_openings SET opened_at = now() - interval '25 hours' WHERE chat_id = {old}");
    service.installation.database.run_sql(&age).await;
    run_again(&service, "sessions.forget_openings").await;
    let kept = "SELECT chat_id::text FROM session_openings";
    assert_eq!(service.installation.texts(kept).await, [young]);
    assert_eq!(service.installation.texts("SELECT chat_id::text FROM chat_sessions").await.len(), 2);
}

#[tokio::test]
async fn of_a_process_that_is_killed_amid_a_job_nothing_is_left_and_another_does_it() {
    let mut service = Service::start().await;
    let orphans = "INSERT INTO clients (name, secret_hash, created_at)
                   SELECT name, '', now() - interval '2 days' FROM unnest(ARRAY['first', 'second']) AS name";
    service.installation.database.run_sql(orphans).await;
    let names = "SELECT name FROM clients ORDER BY id";
    let mut held = service.installation.database.connect().await;
    held.batch_execute("BEGIN; SELECT FROM clients WHERE name = 'second' FOR UPDATE").await.expect("a lock");
    let due =
        "UPDATE jobs SET due_at = now(), claimed_until = NULL, payload = '{}' WHERE kind = 'clients.remove_orphans'";
    wait_until("the job to be amid its work", async || {
        service.installation.database.run_sql(due).await;
        let waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        (!service.installation.texts(waits).await.is_empty()).then_some(())
    })
    .await;
    service.process.kill();
    let mut other = service.installation.program().start();
    other.addr().await;
    // The claim is over, and PostgreSQL does not know yet that the process is gone: the other is kept away by the lock.
    run_past_the_claim(&service).await;
    assert_eq!(service.installation.texts(names).await, ["first", "second"]);
    held.batch_execute("ROLLBACK").await.expect("free");
    wait_until("the other to do it", async || {
        service.installation.database.run_sql(due).await;
        service.installation.texts(names).await.is_empty().then_some(())
    })
    .await;
}

/// Lets somebody try the job of orphans, and waits until that was refused.
async fn run_past_the_claim(service: &Service) {
    let over = "UPDATE jobs SET due_at = now(), claimed_until = now() WHERE kind = 'clients.remove_orphans'";
    service.installation.database.run_sql(over).await;
    wait_until("somebody to try", async || {
        let moved = "SELECT id FROM jobs WHERE kind = 'clients.remove_orphans' AND claimed_until > now()";
        (!service.installation.texts(moved).await.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn changes_are_pruned_by_age_and_by_number_and_readers_below_are_told() {
    let installation = Installation::fresh().await;
    let program = installation.program().env("FEED__KEEP", "1h").env("FEED__MAX_CHANGES", "4000");
    let service = Service::start_program(installation, program).await;
    let fill = "INSERT INTO changes (lane, pos, chat_id, seq, kind, visibility, at)
        SELECT 0, n, 1, n, 'chat.message.sent', 'public', now() - interval '2 hours' FROM generate_series(1, 2500) AS n
        UNION ALL SELECT 0, n, 1, n, 'chat.message.sent', 'public', now() FROM generate_series(2501, 2600) AS n
        UNION ALL SELECT 1, n, 2, n, 'chat.message.sent', 'public', now() FROM generate_series(1, 1300) AS n;
        INSERT INTO lane_tops (lane, top) VALUES (0, 2600), (1, 1300)";
    service.installation.database.run_sql(fill).await;
    wait_until("the feed to be pruned", async || {
        run_again(&service, "feed.prune").await;
        let tops = service.installation.texts("SELECT pruned_to FROM lane_tops ORDER BY lane").await;
        (tops == ["2500", "300"]).then_some(())
    })
    .await;
    let left = "SELECT concat_ws(' ', lane, min(pos), count(*)) FROM changes GROUP BY lane ORDER BY lane";
    assert_eq!(service.installation.texts(left).await, ["0 2501 100", "1 301 1000"]);
    let ask =
        async |cursor: &str| service.ask("feed", json!({"after": {"cursor": cursor}, "limit": 10})).await.0.as_u16();
    assert_eq!((ask("1.1.2499.300.0.0").await, ask("1.1.2500.300.0.0").await), (410, 200));
    run_again(&service, "feed.prune").await;
    assert_eq!(service.installation.texts(left).await, ["0 2501 100", "1 301 1000"], "nothing more goes");
}

#[tokio::test]
async fn people_list_retry_and_drop_jobs() {
    let service = Service::start().await;
    let installation = &service.installation;
    let dead = "INSERT INTO jobs (kind, key, attempts, last_error, dead_at) VALUES ('gone', 'x', 10, 'a\nfault', now())
                RETURNING id";
    installation.database.run_sql(dead).await;
    let id = installation.texts("SELECT id FROM jobs WHERE kind = 'gone'").await.remove(0);
    let listed = installation.command(&["jobs", "list", "--dead"], "");
    assert!(listed.starts_with(&format!("{id}\tgone\tx\tdead\t")) && listed.ends_with("\t10\ta fault\n"), "{listed}");
    assert!(installation.command(&["jobs", "list"], "").lines().count() >= 3);
    assert_eq!(installation.command(&["jobs", "retry", &id], ""), format!("{id} is due\n"));
    assert_eq!(installation.command(&["jobs", "list", "--dead"], ""), "");
    assert_eq!(installation.command(&["jobs", "drop", &id], ""), format!("{id} is dropped\n"));
    assert_eq!(installation.command(&["jobs", "list", "--kind", "gone"], ""), "");
}
