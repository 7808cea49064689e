//! PostgreSQL: the one way to a connection, and the parts that jobs with a session of their own need.
//!
//! - `address`: the parts of a URL · `tls`: encryption · `open`: a connection, or the cause why there is none
//! - `pooler`: whether a connection is a session

mod address;
mod open;
mod pooler;
mod tls;

pub use open::{check_url, open};
pub use pooler::has_own_sessions;

use std::time::Duration;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::StreamExt;
use secrecy::SecretString;

use crate::BusError;

/// For each statement of these small jobs.
const STATEMENT_LIMIT: Duration = Duration::from_secs(5);

/// For a connection to be made, and for statements that only show whether the server is there.
const SIGN_OF_LIFE_LIMIT: Duration = Duration::from_secs(3);

/// How often a session that only listens is tried, so that a dead one is found.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(2);

/// Connects and applies session settings.
pub(crate) async fn connect(url: &SecretString, settings: &str) -> Result<AsyncPgConnection, BusError> {
    let connect = async {
        let mut conn = open(url).await?;
        conn.batch_execute(settings).await.map_err(failed)?;
        Ok(conn)
    };
    soon(connect).await
}

/// Bounds a statement in time: a server that went away without a word must not hold its caller.
pub(crate) async fn in_time<T>(work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    within(STATEMENT_LIMIT, work).await
}

/// Bounds in time work that takes milliseconds when the server is well.
pub(crate) async fn soon<T>(work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    within(SIGN_OF_LIFE_LIMIT, work).await
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    let no_answer = |_| Err(BusError(format!("PostgreSQL: no answer in {} s", limit.as_secs())));
    tokio::time::timeout(limit, work).await.unwrap_or_else(no_answer)
}

/// A database error in words. Statements here hold no secrets, so neither do their errors.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn failed(error: diesel::result::Error) -> BusError {
    BusError(format!("PostgreSQL: {error}"))
}

/// Finds out whether the session still lives.
pub(crate) async fn ping(conn: &mut AsyncPgConnection) -> Result<(), BusError> {
    soon(async { conn.batch_execute("SELECT 1").await.map_err(failed) }).await
}

/// The next notification of a listening session; ends only with an error. Safe to cancel.
pub(crate) async fn notification(conn: &mut AsyncPgConnection) -> Result<diesel::pg::PgNotification, BusError> {
    let mut stream = std::pin::pin!(conn.notifications_stream());
    match stream.next().await {
        Some(Ok(notification)) => Ok(notification),
        Some(Err(error)) => Err(failed(error)),
        None => Err(BusError("PostgreSQL: the connection ended".into())),
    }
}

/// `pg_notify` for each payload, in one statement that is prepared once per session.
#[derive(Debug, QueryId)]
pub(crate) struct Notify {
    pub(crate) channel: &'static str,
    pub(crate) payloads: Vec<String>,
}

impl QueryFragment<Pg> for Notify {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT pg_notify(");
        out.push_bind_param::<Text, _>(&self.channel)?;
        out.push_sql(", payload) FROM unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.payloads)?;
        out.push_sql(") AS payload");
        Ok(())
    }
}

impl<Conn> diesel::RunQueryDsl<Conn> for Notify {}

impl Notify {
    /// Sends them.
    pub(crate) async fn send(self, conn: &mut AsyncPgConnection) -> Result<(), BusError> {
        in_time(async { self.execute(conn).await.map(|_| ()).map_err(failed) }).await
    }
}
