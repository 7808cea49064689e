//! Jobs that are enqueued and done in a second, on `TEST_DATABASE_URL`: each enqueued in a transaction of its own, as a change
//! does it, and many in one; done by the workers of one process, each with a row as its effect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use async_trait::async_trait;
use clap::Args;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use jobs::{Connections, Handler, Job, JobError, JobMetrics, JobWaker, NewJob, Next, Policy, Workers, enqueue};
use telemetry::Vital;
use test_support::{Database, fresh_database};
use tokio_util::sync::CancellationToken;

use crate::figures::{median_with_spread, micros, size};
use crate::output::Output;
use crate::usage::own_cpu_time;

const KIND: &str = "bench.write";
/// Jobs of one transaction, where there are many.
const TOGETHER: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How much is done.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// Jobs of each way, in each round.
    #[arg(long, default_value_t = 10_000)]
    jobs: usize,
    /// Connections that enqueue at the same time.
    #[arg(long, default_value_t = 8)]
    writers: usize,
    /// How often all is done.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    output: Output,
}

/// Figures of each round, a second.
#[derive(Default)]
struct Rates {
    alone: Vec<f64>,
    together: Vec<f64>,
    done: Vec<f64>,
    /// Processor time of this process for a job that is done, in microseconds.
    cost: Vec<f64>,
}

/// Measures, prints; the last line is for machines.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<()> {
    let database = fresh_database().await;
    database.run_sql("CREATE TABLE effects (key text NOT NULL)").await;
    let mut rates = Rates::default();
    for _ in 0..plan.rounds {
        rates.alone.push(enqueued(&database, &plan, 1).await?);
        done(&database, &plan, &mut rates).await?;
        rates.together.push(enqueued(&database, &plan, TOGETHER).await?);
        done(&database, &plan, &mut rates).await?;
    }
    let Rates { alone, together, done, cost } = &rates;
    let at_once = Policy::default().at_once;
    let text = |values: &[f64], digits| median_with_spread(values.iter().copied(), digits);
    let table = format!(
        "| jobs a second | median (least–most) |\n| --- | --- |\n\
         | enqueued, one in a transaction, {} connections | {} |\n\
         | enqueued, {TOGETHER} in a transaction, {} connections | {} |\n\
         | done by one process, {at_once} at a time | {} |\n\n\
         A job that is done takes the process {} µs of processor time.\n",
        plan.writers,
        text(alone, 0),
        plan.writers,
        text(together, 0),
        text(done, 0),
        text(cost, 0),
    );
    let middle = |values: &[f64]| crate::figures::median(values.iter().copied());
    let line = format!(
        "jobs_enqueued={:.0} jobs_enqueued_together={:.0} jobs_done={:.0} job_us={:.0}",
        middle(alone),
        middle(together),
        middle(done),
        middle(cost)
    );
    plan.output.report("jobs", &table, &line)?;
    Ok(())
}

/// Enqueues all, so many in a transaction. How many in a second.
async fn enqueued(database: &Database, plan: &Plan, together: usize) -> anyhow::Result<f64> {
    let mut writers = Vec::new();
    for _ in 0..plan.writers {
        writers.push(database.connect().await);
    }
    let each = plan.jobs / plan.writers;
    let begun = Instant::now();
    let written = writers.into_iter().enumerate().map(|(writer, mut conn)| {
        tokio::spawn(async move {
            for first in (0..each).step_by(together) {
                conn.transaction(async |conn| {
                    for number in first..each.min(first + together) {
                        enqueue(conn, &NewJob::new(KIND, &format!("{writer}-{number}"))).await?;
                    }
                    Ok::<_, diesel::result::Error>(())
                })
                .await?;
            }
            anyhow::Ok(())
        })
    });
    for writer in written.collect::<Vec<_>>() {
        writer.await??;
    }
    Ok(size(each * plan.writers) / begun.elapsed().as_secs_f64())
}

/// Has all done that is there.
async fn done(database: &Database, plan: &Plan, rates: &mut Rates) -> anyhow::Result<()> {
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(database.url());
    let pool = Pooled(Pool::builder(manager).max_size(8).build()?);
    let (stop, before) = (CancellationToken::new(), own_cpu_time()?);
    let workers = Workers::new(Arc::new(pool), JobWaker::default(), JobMetrics::default(), Vital::new()).with(Writer);
    let mut conn = database.connect().await;
    let begun = Instant::now();
    let running = tokio::spawn(workers.run(stop.clone()));
    let count = plan.jobs / plan.writers * plan.writers;
    while left(&mut conn).await? > 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    rates.done.push(size(count) / begun.elapsed().as_secs_f64());
    rates.cost.push(micros(own_cpu_time()? - before) / size(count));
    stop.cancel();
    running.await?;
    let written: i64 = number(&mut conn, "SELECT count(*) AS number FROM effects").await?;
    ensure!(usize::try_from(written)? == count, "{written} effects of {count} jobs");
    database.run_sql("TRUNCATE effects").await;
    Ok(())
}

async fn left(conn: &mut AsyncPgConnection) -> anyhow::Result<i64> {
    number(conn, "SELECT count(*) AS number FROM (SELECT FROM jobs LIMIT 1) one").await
}

async fn number(conn: &mut AsyncPgConnection, sql: &str) -> anyhow::Result<i64> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    Ok(sql_query(sql).get_result::<Row>(conn).await?.number)
}

struct Pooled(Pool<AsyncPgConnection>);

#[async_trait]
impl Connections for Pooled {
    async fn get(&self) -> Result<Object<AsyncPgConnection>, JobError> {
        self.0.get().await.map_err(|error| JobError::Retry(error.to_string()))
    }
}

/// Writes a row.
struct Writer;

#[async_trait]
impl Handler for Writer {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, conn: &mut AsyncPgConnection, job: &Job) -> Result<Next, JobError> {
        sql_query("INSERT INTO effects (key) VALUES ($1)").bind::<Text, _>(&job.key).execute(conn).await?;
        Ok(Next::Done)
    }
}
