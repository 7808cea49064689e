//! Migrations, and the settings that must not differ between two starts on the same database.

use chat_events::{Epoch, LaneCount};
use diesel::connection::SimpleConnection;
use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use secrecy::SecretString;

use super::schema::installation;
use crate::error::Error;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/schema");

/// The process that holds this lock migrates; the others wait and then find nothing to do.
const MIGRATION_LOCK: i64 = 0x5b0a_2d00_0001;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It does not answer yet.
    #[error("the database is away: {0}")]
    Away(String),
    /// A migration failed.
    #[error("a migration failed: {0}")]
    Migration(String),
    /// Its connections are no sessions.
    #[error(
        "DATABASE_URL leads to a pooler in transaction mode (PgBouncer's pool_mode): Switchboard needs sessions of its \
        own; give it PostgreSQL's address, or pool_mode=session"
    )]
    Pooler,
    /// It was made with another number of lanes.
    #[error("this database has {stored} outbox lanes and OUTBOX__LANES says {wanted}: set OUTBOX__LANES={stored}")]
    Lanes {
        /// As in the database.
        stored: i32,
        /// As configured.
        wanted: LaneCount,
    },
}

/// Runs the migrations that are missing. Of many instances that start at once, one does it.
pub async fn migrate(url: &SecretString) -> Result<Vec<String>, PrepareError> {
    let connection = bus::postgres::open(url).await.map_err(|why| PrepareError::Away(why.to_string()))?;
    let work = tokio::task::spawn_blocking(move || migrate_blocking(connection));
    work.await.map_err(|error| PrepareError::Migration(error.to_string()))?
}

/// The connection is closed at the end, which frees the lock in any case.
fn migrate_blocking(connection: AsyncPgConnection) -> Result<Vec<String>, PrepareError> {
    let mut connection: AsyncConnectionWrapper<AsyncPgConnection> = connection.into();
    connection
        .batch_execute(&format!("SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        .map_err(|error| PrepareError::Away(error.to_string()))?;
    let run =
        connection.run_pending_migrations(MIGRATIONS).map_err(|error| PrepareError::Migration(error.to_string()))?;
    Ok(run.iter().map(ToString::to_string).collect())
}

/// Refuses a pooler that gives each transaction another session. One of many starts may find it by chance alone, so each
/// start looks.
pub(crate) async fn check_sessions(url: &SecretString) -> Result<(), PrepareError> {
    match bus::postgres::has_own_sessions(url).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(PrepareError::Pooler),
        Err(why) => Err(PrepareError::Away(why.to_string())),
    }
}

/// Sets the number of lanes at the first start and compares it at every later one. Returns the epoch.
pub(crate) async fn claim_lanes(conn: &mut AsyncPgConnection, wanted: LaneCount) -> Result<Epoch, PrepareError> {
    let away = |error: diesel::result::Error| PrepareError::Away(error.to_string());
    diesel::update(installation::table)
        .filter(installation::lanes.is_null())
        .set(installation::lanes.eq(i32::from(wanted.get())))
        .execute(conn)
        .await
        .map_err(away)?;
    let row = installation::table.select((installation::epoch, installation::lanes));
    let (epoch, stored): (i32, Option<i32>) = row.first(conn).await.map_err(away)?;
    match stored {
        Some(stored) if stored == i32::from(wanted.get()) => Ok(Epoch(epoch)),
        stored => Err(PrepareError::Lanes { stored: stored.unwrap_or_default(), wanted }),
    }
}

/// The epoch as it is now: a restore may have changed it since the start.
pub(crate) async fn epoch(conn: &mut AsyncPgConnection) -> Result<Epoch, Error> {
    Ok(Epoch(installation::table.select(installation::epoch).first(conn).await?))
}
