//! The handlers of jobs: one for each kind.

use std::time::Duration;

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Object;
use rand::Rng;
use serde_json::Value;

use crate::job::Job;

/// Does the jobs of a kind.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The name of the kind: a label of metrics, and stored with each job.
    fn kind(&self) -> &'static str;

    /// How jobs of this kind are tried.
    fn policy(&self) -> Policy {
        Policy::default()
    }

    /// Does a job, in the transaction that ends it. With an error nothing of it is kept but the error. It looks again whether
    /// the reason for the job still holds: much may have happened since it was enqueued.
    async fn run(&self, conn: &mut AsyncPgConnection, job: &Job) -> Result<Next, JobError>;
}

/// How jobs of a kind are tried.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How many a process does at the same time.
    pub at_once: usize,
    /// How often one is tried before it is given up.
    pub attempts: i32,
    /// Before the second try; before each later one twice as long, up to `longest_wait`. A half more or less, by chance.
    pub first_wait: Duration,
    /// Between two tries, at most.
    pub longest_wait: Duration,
    /// How long one try may take, at most 25 s. After `kill -9` a job waits for the rest of this time and 5 s more.
    pub within: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            at_once: 4,
            attempts: 10,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(600),
            within: Duration::from_secs(20),
        }
    }
}

impl Policy {
    /// The wait after so many failed tries.
    pub(crate) fn wait_after(&self, attempts: i32) -> Duration {
        let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or_default().min(30);
        let wait = self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait);
        wait.mul_f64(rand::rng().random_range(0.5..1.5))
    }
}

/// The next step after a job that was done.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Nothing: it is done.
    Done,
    /// The same once more, after this time.
    Again(Duration),
    /// The same once more, after this time, with another payload: it goes on from there.
    GoOn(Duration, Value),
}

/// Why a try failed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It may go better later.
    #[error("{0}")]
    Retry(String),
    /// It can never be done.
    #[error("{0}")]
    Hopeless(String),
}

impl From<diesel::result::Error> for JobError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Retry(error.to_string())
    }
}

/// Connections for workers.
#[async_trait]
pub trait Connections: Send + Sync + 'static {
    /// One from a pool; an error when there is none in a while.
    async fn get(&self) -> Result<Object<AsyncPgConnection>, JobError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = Policy::default();
        for (attempts, seconds) in [(1, 1.0), (2, 2.0), (5, 16.0), (10, 512.0), (11, 600.0), (i32::MAX, 600.0)] {
            let wait = policy.wait_after(attempts).as_secs_f64();
            assert!((seconds * 0.5..=seconds * 1.5).contains(&wait), "{attempts}: {wait}");
        }
    }
}
