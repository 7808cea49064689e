//! Chats in which nothing happens: so many that `connected` has no room for those in which something does. Their last change
//! lies ahead, and their ids are lower, so that the busy ones are listed on the last page, long after they are live.

use anyhow::Context;
use tokio_postgres::NoTls;

/// About twice what a frame of 64 KiB can list.
const CHATS: i32 = 900;

/// Brings users into them. Before the busy chats are made.
pub async fn bring_into(database_url: &str, users: &[i64]) -> anyhow::Result<()> {
    let (client, connection) =
        tokio_postgres::connect(database_url, NoTls).await.context("PostgreSQL does not answer")?;
    tokio::spawn(connection);
    let sql = "WITH made AS (
                   INSERT INTO chats (kind, title, changed_at)
                   SELECT 'group', 'A group in which nothing was ever written, number ' || n, now() + interval '1 day'
                   FROM generate_series(1, $1::integer) n RETURNING id
               )
               INSERT INTO chat_members (chat_id, user_id) SELECT id, u FROM made, unnest($2::bigint[]) u";
    client.execute(sql, &[&CHATS, &users]).await?;
    Ok(())
}
