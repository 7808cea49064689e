//! `jobs`: deferred work.

use anyhow::bail;
use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use jobs::admin::Listed;

use super::print_line;
use crate::admin::Admin;
use crate::error::Error;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// Print jobs, the oldest first: id, kind, key, state, when it is due, tries, the last error
    List {
        /// Of this kind alone
        #[arg(long)]
        kind: Option<String>,
        /// Those that were given up
        #[arg(long)]
        dead: bool,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: u16,
    },
    /// Have jobs tried again at once, also those that were given up
    Retry(Ids),
    /// Have nobody do jobs; what is being done of them right now is undone. Upkeep is enqueued anew when a chat-service starts
    Drop(Ids),
}

/// Which jobs.
#[derive(Debug, Args)]
pub struct Ids {
    /// Their ids, as `jobs list` prints them
    #[arg(required = true)]
    ids: Vec<i64>,
}

impl JobsCommand {
    pub(super) async fn run(self, mut admin: Admin) -> anyhow::Result<()> {
        match self {
            Self::List { kind, dead, limit } => {
                for job in admin.jobs(kind.as_deref(), dead, limit).await.map_err(Error::into_body)? {
                    let state = match (job.dead_at, job.is_claimed) {
                        (Some(_), _) => "dead",
                        (None, true) => "running",
                        (None, false) => "waiting",
                    };
                    let due = job.due_at.to_rfc3339_opts(SecondsFormat::Secs, true);
                    let error = job.last_error.as_deref().unwrap_or_default().replace(['\n', '\t'], " ");
                    let Listed { id, kind, key, attempts, .. } = job;
                    print_line(format_args!("{id}\t{kind}\t{key}\t{state}\t{due}\t{attempts}\t{error}"))?;
                }
                Ok(())
            }
            Self::Retry(Ids { ids }) => told(&ids, &admin.retry_jobs(&ids).await.map_err(Error::into_body)?, "is due"),
            Self::Drop(Ids { ids }) => {
                told(&ids, &admin.drop_jobs(&ids).await.map_err(Error::into_body)?, "is dropped")
            }
        }
    }
}

/// Says what was done, and of what there is none.
fn told(asked: &[i64], done: &[i64], what: &str) -> anyhow::Result<()> {
    for id in done {
        println!("{id} {what}");
    }
    match asked.iter().find(|id| !done.contains(id)) {
        Some(id) => bail!("there is no job {id}"),
        None => Ok(()),
    }
}
