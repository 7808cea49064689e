//! Whether a pooler stands between us and PostgreSQL that gives each transaction another session.
//!
//! Locks of lanes, LISTEN, settings and prepared statements belong to a session. Behind PgBouncer in transaction or
//! statement mode they are lost in between, some of the time: such an address is refused at start, by name.

use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use secrecy::SecretString;

use super::open::open;
use super::{failed, in_time};
use crate::BusError;

/// Others may use the pool at the same time: a wrong impression of being alone must come this often in a row.
const TRIES: usize = 5;

diesel::define_sql_function!(fn pg_backend_pid() -> Integer);

/// Whether each connection has a session of its own, as the rest needs it.
pub async fn has_own_sessions(url: &SecretString) -> Result<bool, BusError> {
    let (mut one, mut other) = (open(url).await?, open(url).await?);
    in_time(async {
        for _ in 0..TRIES {
            let before = session(&mut one).await?;
            // A pooler gives the session that `one` has just left to whoever comes next, and keeps it for the transaction.
            other.batch_execute("BEGIN").await.map_err(failed)?;
            let others = session(&mut other).await?;
            let after = session(&mut one).await?;
            other.batch_execute("ROLLBACK").await.map_err(failed)?;
            if others == before || before != after {
                return Ok(false);
            }
        }
        Ok(true)
    })
    .await
}

async fn session(conn: &mut AsyncPgConnection) -> Result<i32, BusError> {
    diesel::select(pg_backend_pid()).get_result(conn).await.map_err(failed)
}
