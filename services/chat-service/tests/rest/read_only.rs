//! A PostgreSQL that takes no writes, as after a failover that left the connections at what is a standby by now.

use reqwest::{Method, StatusCode};
use test_support::wait_until;

use crate::service::{Service, code};

/// Only sessions of this database that begin later have it, and keep it.
async fn set_read_only(service: &Service, is_read_only: bool) {
    let database = &service.installation.database;
    let change =
        if is_read_only { "SET default_transaction_read_only = on" } else { "RESET default_transaction_read_only" };
    database.run_sql(&format!("SET transaction_read_only = off; ALTER DATABASE {} {change}", database.name())).await;
}

#[tokio::test]
async fn writes_are_refused_for_now_while_there_is_no_primary_and_go_on_over_new_connections() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    set_read_only(&service, true).await;
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    service.installation.database.run_sql(ended).await;
    for _ in 0..20 {
        let (status, answer) = service.say(visitor.session, &visitor.token, "Do you ship?").await;
        assert_eq!((status, code(&answer)), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"), "{answer}");
    }
    wait_until("the history to be read, and readiness to tell", async || {
        let path = format!("/chat/session/{}/messages", visitor.session);
        let (read, _) = service.get(&path, &visitor.token).await;
        let (ready, parts) = service.call(Method::GET, "/readyz", None, None).await;
        (read == StatusCode::OK
            && ready == StatusCode::SERVICE_UNAVAILABLE
            && parts.to_string().contains("takes no writes"))
        .then_some(())
    })
    .await;
    // Connections that are made now outlast what is wrong with them.
    for _ in 0..20 {
        let (status, _) = service.say(visitor.session, &visitor.token, "Do you ship?").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    set_read_only(&service, false).await;
    wait_until("a message to be taken", async || {
        let (status, answer) = service.say(visitor.session, &visitor.token, "Do you ship?").await;
        assert!(status.is_success() || code(&answer) == "unavailable", "{answer}");
        status.is_success().then_some(())
    })
    .await;
}
