//! Clients without a session, as a session that was removed by hand leaves them, go after a day.

use std::time::Duration;

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jobs::{Handler, Job, JobError, Next};
use serde_json::json;
use statement::statement;

/// Clients that are looked at in one go.
const AT_ONCE: i64 = 5000;

/// Between two rounds through all of them.
const EVERY: Duration = Duration::from_secs(24 * 3600);

/// Between two steps of a round: it takes its time, and little of that of others.
const PAUSE: Duration = Duration::from_millis(200);

statement! {
    /// Looks at the clients after an id. The last that was looked at; none after the last of all.
    RemoveOrphanedClients { after: i64 as BigInt, count: i64 as BigInt, } -> Nullable<BigInt> =
        "WITH looked AS MATERIALIZED (
            SELECT id, created_at FROM clients WHERE id > $after ORDER BY id LIMIT $count
        ), gone AS (
            DELETE FROM clients c USING looked l
            WHERE c.id = l.id AND l.created_at < now() - interval '1 day'
                AND NOT EXISTS (SELECT FROM chat_sessions s WHERE s.client_id = c.id)
        ) SELECT max(id) FROM looked";
}

/// Does it.
pub(crate) struct RemoveOrphans;

#[async_trait]
impl Handler for RemoveOrphans {
    fn kind(&self) -> &'static str {
        "clients.remove_orphans"
    }

    async fn run(&self, conn: &mut AsyncPgConnection, job: &Job) -> Result<Next, JobError> {
        let after = job.payload["after"].as_i64().unwrap_or_default();
        let last: Option<i64> = RemoveOrphanedClients { after, count: AT_ONCE }.get_result(conn).await?;
        Ok(match last {
            Some(last) => Next::GoOn(PAUSE, json!({"after": last})),
            None => Next::GoOn(EVERY, json!({})),
        })
    }
}
