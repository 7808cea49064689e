//! Whether a pooler stands between us and PostgreSQL that gives each transaction another session.
//!
//! Locks of lanes, LISTEN, settings and prepared statements belong to a session. Behind PgBouncer in transaction or
//! statement mode they are lost in between, some of the time: such an address is refused at start, by name.

use secrecy::SecretString;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::in_time;
use super::open::{plain_client, words};
use crate::BusError;

/// Others may use the pool at the same time: a wrong impression of being alone must come this often in a row.
const TRIES: usize = 5;

/// Whether each connection has a session of its own, as the rest needs it.
pub async fn has_own_sessions(url: &SecretString) -> Result<bool, BusError> {
    in_time(async {
        let (one, other) = (plain_client(url).await?, plain_client(url).await?);
        for _ in 0..TRIES {
            let before = session(&one).await?;
            // A pooler gives the session that `one` has just left to the next client, and keeps it for the transaction.
            // In statement mode it allows none.
            if other.batch_execute("BEGIN").await.is_err() {
                return Ok(false);
            }
            let others = session(&other).await?;
            let after = session(&one).await?;
            if other.batch_execute("ROLLBACK").await.is_err() || others == before || before != after {
                return Ok(false);
            }
        }
        Ok(true)
    })
    .await
}

async fn session(client: &Client) -> Result<String, BusError> {
    let failed = |error: tokio_postgres::Error| BusError(format!("PostgreSQL: {}", words(&error)));
    let answers = client.simple_query("SELECT pg_backend_pid()").await.map_err(failed)?;
    let of_row = |answer: &SimpleQueryMessage| match answer {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    answers.iter().find_map(of_row).ok_or_else(|| BusError("PostgreSQL: no session was named".into()))
}
