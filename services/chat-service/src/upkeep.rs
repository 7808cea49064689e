//! Upkeep: jobs that are done again and again without a request. Of all processes on a database one does each.

use std::sync::Arc;

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Object;
use jobs::{Connections, Handler, JobError, JobMetrics, JobWaker, NewJob, Priority, Workers, enqueue};
use telemetry::Vital;

use crate::accounts::old_logins::ForgetOldLogins;
use crate::db::Database;
use crate::error::Error;
use crate::feed::prune::PruneFeed;
use crate::links::old::ForgetOldLinks;
use crate::operators::tell::TellOfOperators;
use crate::sessions::openings::ForgetOldOpenings;
use crate::sessions::orphans::RemoveOrphans;

#[async_trait]
impl Connections for Database {
    async fn get(&self) -> Result<Object<AsyncPgConnection>, JobError> {
        Ok(Self::get(self).await?)
    }
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        Self::Retry(error.to_string())
    }
}

/// All handlers, and the jobs that are there from the start.
pub(crate) struct Upkeep {
    pub(crate) feed: PruneFeed,
    pub(crate) logins: ForgetOldLogins,
    pub(crate) operators: TellOfOperators,
}

impl Upkeep {
    /// Enqueues the jobs that are not there yet.
    pub(crate) async fn begin(&self, conn: &mut AsyncPgConnection) -> Result<(), Error> {
        let lanes: Vec<String> = self.feed.lanes.lanes().map(|lane| lane.to_string()).collect();
        let of_lanes = lanes.iter().map(|lane| (self.feed.kind(), lane.as_str()));
        let of_all = [
            self.logins.kind(),
            RemoveOrphans.kind(),
            ForgetOldOpenings.kind(),
            ForgetOldLinks.kind(),
            self.operators.kind(),
        ];
        for (kind, key) in of_lanes.chain(of_all.map(|kind| (kind, "all"))) {
            enqueue(conn, &NewJob { priority: Priority::Low, ..NewJob::new(kind, key) }).await?;
        }
        Ok(())
    }

    /// The workers of these jobs.
    pub(crate) fn workers(self, database: Database, waker: JobWaker, metrics: JobMetrics, vital: Vital) -> Workers {
        let workers = Workers::new(Arc::new(database), waker, metrics, vital);
        workers
            .with(self.feed)
            .with(self.logins)
            .with(RemoveOrphans)
            .with(ForgetOldOpenings)
            .with(ForgetOldLinks)
            .with(self.operators)
    }
}
