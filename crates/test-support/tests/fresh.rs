//! What is handed to a test is new, its own, and gone afterwards.

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use test_support::{fresh_database, fresh_prefix, fresh_vhost};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

async fn chats(database: &test_support::Database) -> i64 {
    let query = sql_query("SELECT count(*) FROM chats");
    query.get_result::<Count>(&mut database.connect().await).await.expect("a migrated database").count
}

#[tokio::test]
async fn databases_are_migrated_and_apart() {
    let (one, other) = tokio::join!(fresh_database(), fresh_database());
    one.run_sql("INSERT INTO chats (kind) VALUES ('group')").await;
    assert_eq!((chats(&one).await, chats(&other).await), (1, 0));
}

#[tokio::test]
async fn a_database_is_dropped_with_its_test() {
    let database = fresh_database().await;
    let url = database.url().to_owned();
    drop(database);
    assert!(AsyncPgConnection::establish(&url).await.is_err());
}

#[tokio::test]
async fn a_virtual_host_is_empty() {
    let (one, other) = tokio::join!(fresh_vhost(), fresh_vhost());
    assert_ne!(one.name(), other.name());
    assert!(one.queues().await.is_empty());
    one.close_connections().await;
}

#[tokio::test]
async fn keys_of_a_prefix_go_without_others() {
    let (one, other) = (fresh_prefix(), fresh_prefix());
    let mut redis = one.connect().await;
    for prefix in [&one, &other] {
        let key = format!("{}key", prefix.prefix());
        redis::cmd("SET").arg(key).arg(1).arg("EX").arg(60).query_async::<()>(&mut redis).await.expect("set");
    }
    one.delete_keys().await;
    let mut exists = async |prefix: &str| {
        let answer = redis::cmd("EXISTS").arg(format!("{prefix}key")).query_async::<bool>(&mut redis).await;
        answer.expect("an answer")
    };
    assert!(!exists(one.prefix()).await && exists(other.prefix()).await);
}
