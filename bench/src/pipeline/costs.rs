//! Processor time of each part for one message. RabbitMQ and Redis are counted as a whole, with what others do there.

use std::time::Duration;

use anyhow::Context;
use diesel::QueryableByName;
use diesel::sql_types::Integer;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use test_support::Servers;

use super::system::System;
use crate::figures::{micros, number};
use crate::usage::{cpu_time, own_cpu_time};

/// Processor time of a part so far.
pub(crate) struct Clocks(Vec<(String, Duration)>);

/// Of one message, in microseconds.
pub(crate) struct Cost {
    pub(crate) part: String,
    pub(crate) micros: f64,
}

#[derive(QueryableByName)]
struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

impl Clocks {
    pub(crate) async fn read(system: &System) -> anyhow::Result<Self> {
        let mut parts = Vec::new();
        for process in &system.processes {
            parts.push((process.name().to_owned(), cpu_time(process.id())?));
        }
        parts.push(("PostgreSQL's backends".to_owned(), backends(system).await?));
        if system.is_distributed() {
            parts.push(("RabbitMQ".to_owned(), cpu_time(rabbitmq().await?)?));
            parts.push(("Redis".to_owned(), cpu_time(redis().await?)?));
        }
        parts.push(("the load generator".to_owned(), own_cpu_time()?));
        Ok(Self(parts))
    }

    /// What each used meanwhile for each of that many messages.
    pub(crate) fn until(&self, later: &Self, messages: u64) -> Vec<Cost> {
        let parts = self.0.iter().zip(&later.0);
        parts
            .map(|((part, before), (_, after))| Cost {
                part: part.clone(),
                micros: micros(after.saturating_sub(*before)) / number(messages.max(1)),
            })
            .collect()
    }
}

/// Those of this system's database, which live as long as the services' connections.
async fn backends(system: &System) -> anyhow::Result<Duration> {
    let mut connection = system.database.connect().await;
    let query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let found: Vec<Backend> = diesel::sql_query(query).load(&mut connection).await?;
    // One that has gone meanwhile has used next to nothing.
    Ok(found.iter().filter_map(|backend| cpu_time(backend.pid.unsigned_abs()).ok()).sum())
}

async fn rabbitmq() -> anyhow::Result<u32> {
    let url = format!("{}/api/nodes", Servers::from_env().amqp_admin_url);
    let nodes: Value = reqwest::get(url).await?.error_for_status()?.json().await?;
    nodes[0]["os_pid"].as_str().context("RabbitMQ tells no process")?.parse().context("RabbitMQ's process")
}

async fn redis() -> anyhow::Result<u32> {
    let client = redis::Client::open(Servers::from_env().redis_url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    let id = info.lines().find_map(|line| line.strip_prefix("process_id:")).context("Redis tells no process")?;
    id.trim().parse().context("Redis's process")
}
