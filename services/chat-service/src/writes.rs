//! Writes that are done to their end, also when the caller hangs up.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::error::Error;

/// Longer than PostgreSQL works on any statement here: an answer that has not come by then does not come.
pub(crate) const WRITE_ENDS_WITHIN: Duration = Duration::from_secs(15);

/// The writes that are going on. Clones are cheap.
#[derive(Clone)]
pub(crate) struct Writes {
    tasks: TaskTracker,
    runtime: Handle,
}

impl Writes {
    /// On the runtime that carries the database connections.
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { tasks: TaskTracker::new(), runtime }
    }

    /// Runs a write to its end, also when its caller hangs up: once PostgreSQL has it, only the answer
    /// is missing, and the relay must be told.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let ended = async {
            let no_answer = |_| Err(Error::Unavailable("PostgreSQL does not answer".into()));
            tokio::time::timeout(WRITE_ENDS_WITHIN, work).await.unwrap_or_else(no_answer)
        };
        let task = self.tasks.spawn_on(ended, &self.runtime);
        task.await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
    }

    /// Runs work that writes and answers by itself; waited for at the end like any write.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(work, &self.runtime);
    }

    /// Waits for writes in flight, after the server has stopped.
    pub(crate) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
