//! Jobs on a real PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use jobs::{
    Connections, Due, Existing, Handler, Job, JobError, JobMetrics, JobWaker, NewJob, Next, Policy, Priority, Workers,
    enqueue,
};
use serde_json::json;
use telemetry::Vital;
use test_support::{Database, fresh_database, wait_until};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const KIND: &str = "test.write";

struct Pooled(Pool<AsyncPgConnection>);

#[async_trait]
impl Connections for Pooled {
    async fn get(&self) -> Result<Object<AsyncPgConnection>, JobError> {
        self.0.get().await.map_err(|error| JobError::Retry(error.to_string()))
    }
}

fn pooled(database: &Database) -> Arc<Pooled> {
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(database.url());
    Arc::new(Pooled(Pool::builder(manager).max_size(8).build().expect("a pool")))
}

/// A table in which jobs have their effects, in the order of `id`.
async fn effects() -> Database {
    let database = fresh_database().await;
    database.run_sql("CREATE TABLE effects (id bigserial PRIMARY KEY, key text NOT NULL, payload text NOT NULL)").await;
    database
}

async fn texts(database: &Database, sql: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }
    let query = sql_query(format!("SELECT t::text AS text FROM ({sql}) AS t"));
    let rows: Vec<Row> = query.load(&mut database.connect().await).await.expect("rows");
    rows.into_iter().map(|row| row.text.trim_matches(['(', ')']).to_owned()).collect()
}

async fn written(database: &Database) -> Vec<String> {
    texts(database, "SELECT key FROM effects ORDER BY id").await
}

async fn left(database: &Database) -> usize {
    texts(database, "SELECT id FROM jobs").await.len()
}

async fn all_done(database: &Database) {
    wait_until("all jobs to be done", async || (left(database).await == 0).then_some(())).await;
}

fn count(counter: &Arc<AtomicUsize>) -> usize {
    AtomicUsize::load(counter, Ordering::SeqCst)
}

/// What a handler of the tests does after it has written its effect.
type Step = Box<dyn Fn(&Job) -> Result<Next, JobError> + Send + Sync>;

/// Writes the job's key, waits at a gate, and ends as the test says.
struct Writer {
    policy: Policy,
    step: Step,
    gate: Option<Arc<Semaphore>>,
    began: Arc<Notify>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Writer {
    fn new(step: impl Fn(&Job) -> Result<Next, JobError> + Send + Sync + 'static) -> Self {
        let quick = Policy { first_wait: Duration::from_millis(10), ..Policy::default() };
        Self {
            policy: quick,
            step: Box::new(step),
            gate: None,
            began: Arc::default(),
            now: Arc::default(),
            most: Arc::default(),
        }
    }

    fn done() -> Self {
        Self::new(|_| Ok(Next::Done))
    }

    fn behind(self, gate: &Arc<Semaphore>) -> Self {
        Self { gate: Some(gate.clone()), ..self }
    }
}

#[async_trait]
impl Handler for Writer {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn policy(&self) -> Policy {
        self.policy
    }

    async fn run(&self, conn: &mut AsyncPgConnection, job: &Job) -> Result<Next, JobError> {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let insert = sql_query("INSERT INTO effects (key, payload) VALUES ($1, $2)");
        let written = insert.bind::<Text, _>(&job.key).bind::<Text, _>(job.payload.to_string()).execute(conn).await;
        self.began.notify_one();
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("the gate is open or closed").forget();
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
        written?;
        (self.step)(job)
    }
}

/// Workers that run until they are dropped.
struct Running {
    waker: JobWaker,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn start(database: &Database, writer: Writer) -> Running {
    let (waker, stop) = (JobWaker::default(), CancellationToken::new());
    let workers = Workers::new(pooled(database), waker.clone(), JobMetrics::default(), Vital::new()).with(writer);
    let task = tokio::spawn(workers.run(stop.clone()));
    Running { waker, stop, task }
}

impl Running {
    async fn stopped(self) {
        self.stop.cancel();
        self.task.await.expect("no panic");
    }
}

async fn put(database: &Database, job: NewJob<'_>) -> bool {
    enqueue(&mut database.connect().await, &job).await.expect("a row")
}

fn new(key: &str) -> NewJob<'_> {
    NewJob::new(KIND, key)
}

#[tokio::test]
async fn a_job_is_there_with_its_change_and_without_it_not() {
    let database = effects().await;
    let mut conn = database.connect().await;
    let undone = conn.transaction::<(), diesel::result::Error, _>(async |conn| {
        assert!(enqueue(conn, &new("undone")).await?);
        Err(diesel::result::Error::RollbackTransaction)
    });
    undone.await.expect_err("rolled back");
    let running = start(&database, Writer::done());
    put(&database, new("done")).await;
    running.waker.enqueued(KIND);
    all_done(&database).await;
    assert_eq!(written(&database).await, ["done"]);
    running.stopped().await;
}

#[tokio::test]
async fn of_one_key_there_is_one_and_the_newest_counts_where_that_is_asked() {
    let database = effects().await;
    let late = |key| NewJob { due: Due::In(Duration::from_secs(3600)), ..new(key) };
    assert!(put(&database, late("a")).await);
    assert!(!put(&database, NewJob { payload: json!(2), ..new("a") }).await, "it stays");
    assert!(put(&database, NewJob { payload: json!(3), existing: Existing::Replace, ..new("a") }).await);
    assert!(put(&database, late("b")).await);
    let running = start(&database, Writer::done());
    wait_until("a to be done", async || (left(&database).await == 1).then_some(())).await;
    assert_eq!(texts(&database, "SELECT key, payload FROM effects").await, ["a,3"]);
    running.stopped().await;
    assert_eq!(written(&database).await, ["a"], "b is not due");
}

#[tokio::test]
async fn what_is_due_goes_by_priority_and_then_by_time_and_what_will_be_due_is_waited_for() {
    let database = effects().await;
    let soon = NewJob { due: Due::In(Duration::from_millis(1500)), priority: Priority::High, ..new("soon") };
    put(&database, soon).await;
    for (key, priority) in [("low", Priority::Low), ("first", Priority::Normal), ("second", Priority::Normal)] {
        put(&database, NewJob { priority, ..new(key) }).await;
    }
    put(&database, NewJob { priority: Priority::High, ..new("high") }).await;
    let mut writer = Writer::done();
    writer.policy.at_once = 1;
    let running = start(&database, writer);
    all_done(&database).await;
    assert_eq!(written(&database).await, ["high", "first", "second", "low", "soon"]);
    running.stopped().await;
}

#[tokio::test]
async fn a_series_is_done_in_order_whatever_fails_meanwhile_and_others_go_on() {
    let database = effects().await;
    for n in 0..6 {
        let (key, series) = (format!("{n}"), if n % 2 == 0 { "even" } else { "odd" });
        put(&database, NewJob { series: Some(series), ..new(&key) }).await;
    }
    // Two processes; the first of a series fails twice, and one is given up.
    let step = |job: &Job| match job.key.as_str() {
        "0" if job.attempts < 3 => Err(JobError::Retry("not yet".into())),
        "2" => Err(JobError::Hopeless("never".into())),
        _ => Ok(Next::Done),
    };
    let (one, other) = (start(&database, Writer::new(step)), start(&database, Writer::new(step)));
    wait_until("all but the dead one", async || (left(&database).await == 1).then_some(())).await;
    let of = |keys: &[String], rest: usize| -> Vec<String> {
        keys.iter().filter(|key| key.parse::<usize>().is_ok_and(|n| n % 2 == rest)).cloned().collect()
    };
    let written = written(&database).await;
    assert_eq!(
        (of(&written, 0), of(&written, 1)),
        (vec!["0".into(), "4".into()], vec!["1".into(), "3".into(), "5".into()])
    );
    assert_eq!(texts(&database, "SELECT key, last_error, dead_at IS NOT NULL FROM jobs").await, ["2,never,t"]);
    one.stopped().await;
    other.stopped().await;
}

#[tokio::test]
async fn a_try_that_fails_leaves_nothing_and_is_repeated_until_the_job_is_given_up() {
    let database = effects().await;
    put(&database, new("a")).await;
    let mut writer = Writer::new(|job| Err(JobError::Retry(format!("try {}", job.attempts))));
    writer.policy.attempts = 3;
    let running = start(&database, writer);
    wait_until("it is dead", async || {
        let dead = texts(&database, "SELECT attempts, last_error FROM jobs WHERE dead_at IS NOT NULL").await;
        (dead == ["3,\"try 3\""]).then_some(())
    })
    .await;
    assert!(written(&database).await.is_empty());
    running.stopped().await;
    // People have it tried again.
    let mut conn = database.connect().await;
    let listed = jobs::admin::list(&mut conn, Some(KIND), true, 10).await.expect("a list");
    assert_eq!((listed.len(), listed[0].key.as_str(), listed[0].attempts), (1, "a", 3));
    assert_eq!(jobs::admin::retry(&mut conn, &[listed[0].id, 999]).await.expect("retried"), [listed[0].id]);
    let running = start(&database, Writer::done());
    all_done(&database).await;
    assert_eq!(written(&database).await, ["a"]);
    running.stopped().await;
}

#[tokio::test]
async fn a_handler_that_panics_or_takes_too_long_fails_like_any_other() {
    let database = effects().await;
    put(&database, new("panics")).await;
    put(&database, new("hangs")).await;
    let closed = Arc::new(Semaphore::new(1));
    let mut writer = Writer::new(|job| match (job.key.as_str(), job.attempts) {
        ("panics", 1) => panic!("a bug"),
        _ => Ok(Next::Done),
    })
    .behind(&closed);
    writer.policy.within = Duration::from_millis(300);
    let running = start(&database, writer);
    wait_until("a try that hangs to end", async || {
        let failed = texts(&database, "SELECT key FROM jobs WHERE last_error LIKE 'it took longer%'").await;
        (!failed.is_empty()).then_some(())
    })
    .await;
    closed.add_permits(100);
    all_done(&database).await;
    let mut keys = written(&database).await;
    keys.sort();
    assert_eq!(keys, ["hangs", "panics"], "each effect once");
    running.stopped().await;
}

#[tokio::test]
async fn no_more_are_done_at_once_than_the_kind_allows() {
    let database = effects().await;
    for n in 0..20 {
        put(&database, new(&n.to_string())).await;
    }
    let mut writer = Writer::done();
    writer.policy.at_once = 3;
    let most = writer.most.clone();
    let running = start(&database, writer);
    all_done(&database).await;
    assert!((1..=3).contains(&count(&most)));
    assert_eq!(written(&database).await.len(), 20);
    running.stopped().await;
}

#[tokio::test]
async fn of_many_processes_each_job_is_done_by_one() {
    let database = effects().await;
    for n in 0..200 {
        put(&database, new(&n.to_string())).await;
    }
    let running: Vec<Running> = (0..4).map(|_| start(&database, Writer::done())).collect();
    all_done(&database).await;
    let written = texts(&database, "SELECT count(*), count(DISTINCT key) FROM effects").await;
    assert_eq!(written, ["200,200"]);
    for workers in running {
        workers.stopped().await;
    }
}

/// Ends the session that is amid a job, as the death of its process does.
async fn kill_worker(database: &Database) {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND state = 'idle in transaction'";
    assert_eq!(texts(database, sql).await.len(), 1, "one is amid a job");
}

#[tokio::test]
async fn a_worker_that_dies_amid_a_job_has_done_nothing_and_another_does_it_when_the_claim_is_over() {
    let database = effects().await;
    put(&database, new("a")).await;
    let closed = Arc::new(Semaphore::new(0));
    let writer = Writer::done().behind(&closed);
    let began = writer.began.clone();
    let dies = start(&database, writer);
    began.notified().await;
    // The process is gone: it notes nothing any more.
    dies.task.abort();
    kill_worker(&database).await;
    assert!(written(&database).await.is_empty());
    let next = start(&database, Writer::done());
    let claimed = texts(&database, "SELECT claimed_until > now() FROM jobs").await;
    assert_eq!(claimed, ["t"], "others leave it alone: it may still be done");
    database.run_sql("UPDATE jobs SET claimed_until = now() - interval '1 second'").await;
    next.waker.enqueued(KIND);
    all_done(&database).await;
    assert_eq!(texts(&database, "SELECT key, count(*) FROM effects GROUP BY key").await, ["a,1"]);
    next.stopped().await;
}

#[tokio::test]
async fn a_worker_that_was_frozen_beyond_its_claim_is_not_joined_by_another_and_leaves_nothing_behind() {
    let database = effects().await;
    put(&database, new("a")).await;
    let gate = Arc::new(Semaphore::new(0));
    let writer = Writer::done().behind(&gate);
    let (began, now) = (writer.began.clone(), writer.now.clone());
    let frozen = start(&database, writer);
    began.notified().await;
    database.run_sql("UPDATE jobs SET claimed_until = now() - interval '1 second'").await;
    let other = Writer::done();
    let most = other.most.clone();
    let next = start(&database, other);
    wait_until("the other has looked", async || {
        let looked = texts(&database, "SELECT claim, attempts FROM jobs WHERE claimed_until > now()").await;
        (looked == ["1,1"]).then_some(())
    })
    .await;
    assert_eq!((count(&now), count(&most)), (1, 0), "never twice at once");
    // The frozen one goes on, and still has its claim.
    gate.add_permits(1);
    all_done(&database).await;
    assert_eq!(written(&database).await, ["a"], "once");
    frozen.stopped().await;
    next.stopped().await;
}

#[tokio::test]
async fn what_is_asked_for_anew_while_it_is_done_is_done_again_and_nobody_waits_for_it() {
    let database = effects().await;
    put(&database, NewJob { payload: json!(1), ..new("a") }).await;
    let gate = Arc::new(Semaphore::new(0));
    let writer = Writer::done().behind(&gate);
    let began = writer.began.clone();
    let running = start(&database, writer);
    began.notified().await;
    let again = NewJob { payload: json!(2), existing: Existing::Replace, ..new("a") };
    test_support::wait::in_time("the change not to wait for the job", put(&database, again)).await;
    gate.add_permits(2);
    all_done(&database).await;
    assert_eq!(texts(&database, "SELECT payload FROM effects ORDER BY id").await, ["1", "2"]);
    running.stopped().await;
}

#[tokio::test]
async fn what_is_asked_for_while_it_is_done_is_not_taken_for_asked_for_already() {
    let database = effects().await;
    put(&database, NewJob { payload: json!(1), ..new("a") }).await;
    let gate = Arc::new(Semaphore::new(0));
    let writer = Writer::done().behind(&gate);
    let began = writer.began.clone();
    let running = start(&database, writer);
    began.notified().await;
    assert!(put(&database, NewJob { payload: json!(2), ..new("a") }).await, "it may have looked before");
    gate.add_permits(2);
    all_done(&database).await;
    assert_eq!(texts(&database, "SELECT payload FROM effects ORDER BY id").await, ["1", "1"]);
    running.stopped().await;
}

#[tokio::test]
async fn a_job_that_waits_is_not_done_before_those_who_count_on_it_have_committed() {
    let database = effects().await;
    put(&database, new("a")).await;
    let mut asks = database.connect().await;
    sql_query("BEGIN").execute(&mut asks).await.expect("begun");
    assert!(!enqueue(&mut asks, &new("a")).await.expect("a row"), "it stays as it is");
    let running = start(&database, Writer::done());
    put(&database, new("b")).await;
    running.waker.enqueued(KIND);
    wait_until("the other one to be done", async || (written(&database).await == ["b"]).then_some(())).await;
    sql_query("COMMIT").execute(&mut asks).await.expect("committed");
    running.waker.enqueued(KIND);
    all_done(&database).await;
    assert_eq!(written(&database).await, ["b", "a"]);
    running.stopped().await;
}

#[tokio::test]
async fn a_lost_claim_changes_nothing_of_the_next_one() {
    let database = effects().await;
    put(&database, new("a")).await;
    let gate = Arc::new(Semaphore::new(0));
    let writer = Writer::done().behind(&gate);
    let began = writer.began.clone();
    let lost = start(&database, writer);
    began.notified().await;
    // As if another process had claimed it, and somebody had asked for it anew.
    database.run_sql("UPDATE jobs SET claim = claim + 1, version = version + 1").await;
    gate.add_permits(1);
    lost.stopped().await;
    assert!(written(&database).await.is_empty(), "its effect is gone");
    assert_eq!(texts(&database, "SELECT claim, claimed_until > now() FROM jobs").await, ["2,t"]);
}

#[tokio::test]
async fn who_stands_behind_a_dropped_job_of_a_series_stands_behind_the_one_before_it() {
    let database = effects().await;
    for key in ["first", "second", "third", "fourth"] {
        put(&database, NewJob { series: Some("s"), ..new(key) }).await;
    }
    let mut conn = database.connect().await;
    let ids: Vec<i64> =
        jobs::admin::list(&mut conn, None, false, 10).await.expect("a list").iter().map(|job| job.id).collect();
    jobs::admin::drop(&mut conn, &[ids[1], ids[2]]).await.expect("dropped");
    let after = texts(&database, "SELECT after_id FROM jobs WHERE key = 'fourth'").await;
    assert_eq!(after, [ids[0].to_string()]);
    let running = start(&database, Writer::done());
    all_done(&database).await;
    assert_eq!(written(&database).await, ["first", "fourth"]);
    running.stopped().await;
}

#[tokio::test]
async fn a_job_that_is_dropped_while_it_is_done_is_undone() {
    let database = effects().await;
    put(&database, new("a")).await;
    let gate = Arc::new(Semaphore::new(0));
    let writer = Writer::done().behind(&gate);
    let began = writer.began.clone();
    let running = start(&database, writer);
    began.notified().await;
    let mut conn = database.connect().await;
    let listed = jobs::admin::list(&mut conn, None, false, 10).await.expect("a list");
    assert!(listed[0].is_claimed);
    assert_eq!(jobs::admin::drop(&mut conn, &[listed[0].id]).await.expect("dropped").len(), 1);
    gate.add_permits(1);
    running.stopped().await;
    assert!(written(&database).await.is_empty());
}

#[tokio::test]
async fn a_job_that_goes_on_keeps_its_place_in_its_payload() {
    let database = effects().await;
    put(&database, NewJob { payload: json!({"step": 0}), ..new("a") }).await;
    let running = start(
        &database,
        Writer::new(|job| match job.payload["step"].as_i64() {
            Some(step @ 0..3) => Ok(Next::GoOn(Duration::ZERO, json!({"step": step + 1}))),
            _ => Ok(Next::Done),
        }),
    );
    all_done(&database).await;
    assert_eq!(texts(&database, "SELECT count(*) FROM effects").await, ["4"]);
    running.stopped().await;
}

#[tokio::test]
async fn a_backlog_that_is_not_due_yet_does_not_make_a_look_dear() {
    #[derive(QueryableByName)]
    struct Buffers {
        #[diesel(sql_type = BigInt)]
        read: i64,
    }
    let database = effects().await;
    database
        .run_sql(
            "INSERT INTO jobs (kind, key, due_at, priority)
             SELECT 'test.write', 'late ' || n, now() + interval '1 day', n % 3 FROM generate_series(1, 30000) AS n;
             INSERT INTO jobs (kind, key, dead_at) SELECT 'test.write', 'dead ' || n, now() FROM generate_series(1, 30000) AS n;
             ANALYZE jobs",
        )
        .await;
    let running = start(&database, Writer::done());
    for n in 0..20 {
        put(&database, new(&n.to_string())).await;
        running.waker.enqueued(KIND);
    }
    wait_until("those that are due", async || (written(&database).await.len() == 20).then_some(())).await;
    running.stopped().await;
    wait_until("the statistics", async || {
        let query = sql_query("SELECT coalesce(sum(idx_tup_read), 0)::bigint AS read FROM pg_stat_user_indexes WHERE indexrelname = 'jobs_due'");
        let Buffers { read } = query.get_result(&mut database.connect().await).await.expect("a row");
        assert!(read < 20_000, "{read} entries were read for 20 jobs");
        (read > 0).then_some(())
    })
    .await;
}
