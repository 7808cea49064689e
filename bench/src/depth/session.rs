//! A connection that tells the plan of everything that it runs, with the buffers that it touched: PostgreSQL's own
//! `auto_explain`, so it is the plan that ran, a cached one too, and nothing is explained that is not run.

use std::future::poll_fn;

use anyhow::Context;
use chat_events::LaneCount;
use chat_service::hot_paths::HotPaths;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, NoTls};

/// Also the checks of foreign keys, which are statements of their own.
const EXPLAIN_ALL: &str = "LOAD 'auto_explain';
    SET auto_explain.log_min_duration = 0;
    SET auto_explain.log_analyze = on;
    SET auto_explain.log_buffers = on;
    SET auto_explain.log_timing = off;
    SET auto_explain.log_nested_statements = on;
    SET auto_explain.log_format = json;
    SET auto_explain.log_level = notice;";

/// The hot paths on connections of their own.
pub(crate) struct Session {
    pub(crate) paths: HotPaths,
    plans: mpsc::UnboundedReceiver<Value>,
}

impl Session {
    /// One that tells nothing, for time.
    pub(crate) async fn quiet(url: &str) -> anyhow::Result<Self> {
        Self::open(url, "").await
    }

    /// One that tells of everything.
    pub(crate) async fn explained(url: &str) -> anyhow::Result<Self> {
        Self::open(url, EXPLAIN_ALL).await
    }

    async fn open(url: &str, setting: &str) -> anyhow::Result<Self> {
        let (tell, plans) = mpsc::unbounded_channel();
        let (reads, sends) = (connect(url, setting, tell.clone()).await?, connect(url, setting, tell).await?);
        Ok(Self { paths: HotPaths::on(reads, sends, LaneCount::new(4)?).await?, plans })
    }

    /// The plans of what ran since the last call.
    pub(crate) fn plans(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.plans.try_recv().ok()).collect()
    }
}

/// A connection that tells its plans.
async fn connect(url: &str, setting: &str, tell: mpsc::UnboundedSender<Value>) -> anyhow::Result<AsyncPgConnection> {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notice(notice) = message
                && let Some(plan) = plan_in(notice.message())
                && tell.send(plan).is_err()
            {
                return;
            }
        }
    });
    let mut connection = AsyncPgConnection::try_from(client).await?;
    if !setting.is_empty() {
        connection.batch_execute(setting).await.context("auto_explain, which only a superuser may load")?;
    }
    Ok(connection)
}

/// Blocks of 8 KiB that a plan found in shared buffers or had read into them, with all below it.
pub(crate) fn buffers(plan: &Value) -> i64 {
    let count = |name: &str| plan["Plan"][name].as_i64().unwrap_or_default();
    count("Shared Hit Blocks") + count("Shared Read Blocks")
}

/// "duration: 0.312 ms  plan:" and then JSON.
fn plan_in(message: &str) -> Option<Value> {
    let (_, json) = message.split_once("plan:\n")?;
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_tells_its_buffers() {
        let notice = "duration: 0.312 ms  plan:\n{\"Query Text\": \"SELECT\", \"Plan\": {\"Shared Hit Blocks\": 5,
            \"Shared Read Blocks\": 2, \"Plans\": [{\"Shared Hit Blocks\": 5}]}}";
        assert_eq!(plan_in(notice).map(|plan| buffers(&plan)), Some(7));
        assert_eq!(plan_in("relation \"a\" does not exist, skipping"), None);
    }
}
