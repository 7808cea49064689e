//! The values that every part must agree on with its database.

use chat_events::{Epoch, LaneCount};
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use crate::BusError;
use crate::postgres::{connect, failed, has_own_sessions, in_time};

diesel::table! {
    installation (id) {
        id -> Bool,
        epoch -> Int4,
        lanes -> Nullable<Int4>,
    }
}

/// A database's epoch and lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installation {
    /// Changed at a restore or a lossy failover.
    pub epoch: Epoch,
    /// Fixed by the first start of chat-service.
    pub lanes: LaneCount,
}

/// Reads it. An error as long as the database does not answer, is not migrated, or was never started on.
pub async fn read_installation(database_url: &SecretString) -> Result<Installation, BusError> {
    if !has_own_sessions(database_url).await? {
        return Err(BusError(
            "DATABASE_URL leads to a pooler in transaction mode: give PostgreSQL's own address".into(),
        ));
    }
    let mut conn = connect(database_url, "SET application_name = 'switchboard installation'").await?;
    let read = installation::table
        .filter(installation::id.eq(true))
        .select((installation::epoch, installation::lanes))
        .first::<(i32, Option<i32>)>(&mut conn);
    let (epoch, lanes) = in_time(async { read.await.map_err(failed) }).await?;
    let lanes = lanes.ok_or_else(|| BusError("PostgreSQL: chat-service has not set the number of lanes yet".into()))?;
    let lanes = LaneCount::new(lanes).map_err(|error| BusError(error.to_string()))?;
    Ok(Installation { epoch: Epoch(epoch), lanes })
}
