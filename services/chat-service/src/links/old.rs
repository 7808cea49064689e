//! Links that nobody can use any more are forgotten.

use std::time::Duration;

use async_trait::async_trait;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jobs::{Handler, Job, JobError, Next};
use statement::statement;

/// In one go.
const AT_ONCE: i64 = 1000;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(3600);

statement! {
    /// Those that are too old, used or not.
    ForgetLinks { count: i64 as BigInt, } -> BigInt =
        "WITH forgotten AS (
            DELETE FROM account_links WHERE id IN (
                SELECT id FROM account_links WHERE expires_at < now() ORDER BY expires_at LIMIT $count FOR UPDATE SKIP LOCKED)
            RETURNING id
        ) SELECT count(*) FROM forgotten";
}

/// Does it.
pub(crate) struct ForgetOldLinks;

#[async_trait]
impl Handler for ForgetOldLinks {
    fn kind(&self) -> &'static str {
        "links.forget"
    }

    async fn run(&self, conn: &mut AsyncPgConnection, _: &Job) -> Result<Next, JobError> {
        let forgotten: i64 = ForgetLinks { count: AT_ONCE }.get_result(conn).await?;
        Ok(Next::Again(if forgotten == AT_ONCE { Duration::ZERO } else { EVERY }))
    }
}
