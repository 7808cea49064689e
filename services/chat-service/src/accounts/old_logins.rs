//! Refresh tokens that nobody can use any more are forgotten.

use std::time::Duration;

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Double};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jobs::{Handler, Job, JobError, Next};
use statement::statement;

/// In one go.
const AT_ONCE: i64 = 1000;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(3600);

/// For so long after its end a token is kept, beside the time of an access token: gateways that were away ask for
/// logins that were revoked meanwhile.
const KEPT: Duration = Duration::from_secs(24 * 3600);

statement! {
    /// A revoked login is kept as long as one of its access tokens may still be shown.
    ForgetTokens { kept: f64 as Double, count: i64 as BigInt, } -> BigInt =
        "WITH forgotten AS (
            DELETE FROM refresh_tokens WHERE id IN (
                SELECT id FROM refresh_tokens
                WHERE expires_at < now() - make_interval(secs => $kept)
                    AND (revoked_at IS NULL OR revoked_at < now() - make_interval(secs => $kept))
                ORDER BY expires_at LIMIT $count FOR UPDATE SKIP LOCKED)
            RETURNING id
        ) SELECT count(*) FROM forgotten";
}

/// Does it.
pub(crate) struct ForgetOldLogins {
    /// How long an access token lives.
    pub(crate) access_ttl: Duration,
}

#[async_trait]
impl Handler for ForgetOldLogins {
    fn kind(&self) -> &'static str {
        "logins.forget"
    }

    async fn run(&self, conn: &mut AsyncPgConnection, _: &Job) -> Result<Next, JobError> {
        let kept = (KEPT + self.access_ttl).as_secs_f64();
        let forgotten: i64 = ForgetTokens { kept, count: AT_ONCE }.get_result(conn).await?;
        Ok(Next::Again(if forgotten == AT_ONCE { Duration::ZERO } else { EVERY }))
    }
}
