//! Claims due jobs, kind by kind, and has them done.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Double, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use statement::statement;
use telemetry::Vital;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin;
use crate::handler::{Connections, Handler, JobError, Next, Policy};
use crate::job::Job;
use crate::metrics::{JobMetrics, KindMetrics, Outcome};
use crate::settle;
use crate::waker::JobWaker;

/// How often a worker looks for due jobs, if nobody wakes it.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A try takes no longer: PostgreSQL ends a session that does nothing in a transaction for 30 s.
const WITHIN_AT_MOST: Duration = Duration::from_secs(25);

/// A claim lasts so much longer than a try may take. A process that dies leaves its jobs to the others after that.
const CLAIM_MARGIN: Duration = Duration::from_secs(5);

/// Jobs of all kinds that a process does at the same time: each takes a connection from those that serve requests.
const ALL_AT_ONCE: usize = 6;

/// How often a process looks for jobs that stand behind one that is no more.
const FREE_EVERY: Duration = Duration::from_secs(60);

/// After a look that failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

statement! {
    /// Claims due jobs whose turn it is, in the order of priority and time. A process that is at a job, or at another
    /// one of its series, has an advisory lock: where that is held, though the claim is over, a frozen process may
    /// still go on, and the job is only looked at again later.
    Claim<'a> {
        kind: &'a str as Text,
        count: i64 as BigInt,
        claimed_for: f64 as Double,
    } -> (BigInt, BigInt, BigInt, Bool) =
        "WITH due AS MATERIALIZED (
            SELECT d.id, d.lock FROM generate_series(0, 2) AS level (priority) CROSS JOIN LATERAL (
                SELECT j.id, j.due_at, CASE WHEN j.series IS NULL THEN (18991::bigint << 48) | j.id
                    ELSE (18992::bigint << 48) | (hashtextextended(j.kind || ' ' || j.series, 0) & 281474976710655)
                    END AS lock
                FROM jobs j
                WHERE j.kind = $kind AND j.priority = level.priority AND j.dead_at IS NULL AND j.after_id IS NULL
                    AND j.due_at <= now() AND (j.claimed_until IS NULL OR j.claimed_until < now())
                ORDER BY j.due_at LIMIT $count FOR UPDATE OF j SKIP LOCKED
            ) d ORDER BY level.priority, d.due_at LIMIT $count
        ), tried AS MATERIALIZED (
            SELECT id, lock, pg_try_advisory_xact_lock(lock) AS is_free FROM due
        ) UPDATE jobs j SET claim = claim + is_free::int, attempts = attempts + is_free::int,
            claimed_until = clock_timestamp() + make_interval(secs => $claimed_for)
        FROM tried WHERE j.id = tried.id RETURNING j.id, j.claim, tried.lock, tried.is_free";
}

statement! {
    /// In how many seconds the next job is due that is not due yet.
    NextDue<'a> { kind: &'a str as Text, } -> Nullable<Double> =
        "SELECT min(extract(epoch FROM d.due_at - clock_timestamp()))::float8
         FROM generate_series(0, 2) AS level (priority) CROSS JOIN LATERAL (
            SELECT j.due_at FROM jobs j
            WHERE j.kind = $kind AND j.priority = level.priority AND j.dead_at IS NULL AND j.after_id IS NULL
                AND j.due_at > now()
            ORDER BY j.due_at LIMIT 1
         ) d";
}

statement! {
    /// Whether nobody else is at this job or at another one of its series.
    Lock { lock: i64 as BigInt, } -> Bool = "SELECT pg_try_advisory_xact_lock($lock)";
}

statement! {
    /// The job as it is, if the claim still counts.
    ReadJob { id: i64 as BigInt, claim: i64 as BigInt, } -> (Text, Jsonb, Integer, Timestamptz, BigInt, Bool) =
        "SELECT key, payload, attempts, due_at, version, series IS NOT NULL FROM jobs WHERE id = $id AND claim = $claim";
}

/// A claim of a job.
#[derive(Debug, Clone, Copy)]
struct Claimed {
    id: i64,
    claim: i64,
    lock: i64,
}

/// All handlers of a process.
pub struct Workers {
    connections: Arc<dyn Connections>,
    waker: JobWaker,
    metrics: JobMetrics,
    vital: Vital,
    handlers: Vec<Arc<dyn Handler>>,
}

impl Workers {
    /// With no handlers yet.
    #[must_use]
    pub fn new(connections: Arc<dyn Connections>, waker: JobWaker, metrics: JobMetrics, vital: Vital) -> Self {
        Self { connections, waker, metrics, vital, handlers: Vec::new() }
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, handler: impl Handler) -> Self {
        self.handlers.push(Arc::new(handler));
        self
    }

    /// Does due jobs until shutdown; jobs that were begun are finished first.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut kinds = JoinSet::new();
        let common = Arc::new(Semaphore::new(ALL_AT_ONCE));
        for handler in &self.handlers {
            let worker = Worker {
                connections: self.connections.clone(),
                bell: self.waker.bell(handler.kind()),
                metrics: self.metrics.of(handler.kind()),
                policy: handler.policy(),
                handler: handler.clone(),
                common: common.clone(),
            };
            let name = format!("jobs of the kind {}", handler.kind());
            kinds.spawn(self.vital.watched(&name, Arc::new(worker).run(shutdown.clone())));
        }
        kinds.spawn(self.vital.watched("series of jobs", free_followers(self.connections, shutdown)));
        while kinds.join_next().await.is_some() {}
    }
}

/// Has series go on behind jobs that were removed by hand.
async fn free_followers(connections: Arc<dyn Connections>, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(tokio::time::sleep(FREE_EVERY)).await.is_some() {
        let freed = async {
            let mut conn = connections.get().await?;
            Ok::<_, JobError>(admin::free_followers(&mut conn).await?)
        };
        match freed.await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "jobs stood behind others of their series that are no more"),
            Err(error) => tracing::debug!(%error, "series of jobs could not be looked at"),
        }
    }
}

/// The jobs of one kind.
struct Worker {
    connections: Arc<dyn Connections>,
    bell: Arc<Notify>,
    metrics: KindMetrics,
    policy: Policy,
    handler: Arc<dyn Handler>,
    /// Room for jobs of all kinds.
    common: Arc<Semaphore>,
}

impl Worker {
    /// How long a try may take.
    fn within(&self) -> Duration {
        self.policy.within.min(WITHIN_AT_MOST)
    }

    async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let room = Arc::new(Semaphore::new(self.policy.at_once.max(1)));
        let (mut begun, mut measured) = (JoinSet::new(), None);
        while !shutdown.is_cancelled() {
            let wait = match self.look(&room, &mut begun, &mut measured).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(kind = self.handler.kind(), %error, "it is not known which jobs are due");
                    RETRY_AFTER
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.bell.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
            // The tries that have ended.
            while begun.try_join_next().is_some() {}
        }
        while begun.join_next().await.is_some() {}
    }

    /// Begins due jobs, as far as there is room. Returns how long to wait for the next look.
    async fn look(
        self: &Arc<Self>,
        room: &Arc<Semaphore>,
        begun: &mut JoinSet<()>,
        measured: &mut Option<Instant>,
    ) -> Result<Duration, JobError> {
        let free = room.available_permits();
        if free == 0 {
            // A try that ends rings the bell.
            return Ok(LOOK_EVERY);
        }
        let mut conn = self.connections.get().await?;
        if measured.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            *measured = Some(Instant::now());
            self.metrics.look(&mut conn).await?;
        }
        let claimed = self.claim(&mut conn, free).await?;
        let is_all = claimed.len() < free;
        for job in claimed.into_iter().flatten() {
            let Ok(permit) = room.clone().try_acquire_owned() else { break };
            let worker = self.clone();
            begun.spawn(async move {
                worker.attempt(job).await;
                drop(permit);
                worker.bell.notify_one();
            });
        }
        if !is_all {
            return Ok(Duration::ZERO);
        }
        let next: Option<f64> = NextDue { kind: self.handler.kind() }.get_result(&mut conn).await?;
        let next = next.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
        Ok(next.map_or(LOOK_EVERY, |next| next.min(LOOK_EVERY)))
    }

    /// The due jobs; none for a job that another process is still at.
    async fn claim(&self, conn: &mut AsyncPgConnection, count: usize) -> Result<Vec<Option<Claimed>>, JobError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let claimed_for = (self.within() + CLAIM_MARGIN).as_secs_f64();
        let claim = Claim { kind: self.handler.kind(), count, claimed_for };
        let rows: Vec<(i64, i64, i64, bool)> = claim.load(conn).await?;
        Ok(rows.into_iter().map(|(id, claim, lock, is_free)| is_free.then_some(Claimed { id, claim, lock })).collect())
    }

    /// One try of a job, from the claim to its end.
    async fn attempt(self: &Arc<Self>, claimed: Claimed) {
        let Ok(_common) = self.common.acquire().await else { return };
        // The job, once its try has begun: for its failure.
        let known = Arc::new(OnceLock::new());
        let (worker, own) = (self.clone(), known.clone());
        // A handler that panics takes nobody with it.
        let tried = tokio::spawn(async move { worker.try_once(claimed, &own).await }).await;
        let error = match tried {
            Ok(Ok(Some(Next::Done))) => return self.metrics.count(Outcome::Done),
            Ok(Ok(Some(Next::Again(_) | Next::GoOn(..)))) => return self.metrics.count(Outcome::Again),
            // Another process has it, or nobody.
            Ok(Ok(None)) => return,
            Ok(Err(error)) => error,
            Err(panic) => JobError::Retry(format!("the handler panicked: {panic}")),
        };
        match known.get() {
            Some(job) => self.failed(job, &error).await,
            // It is free again when the claim is over.
            None => tracing::warn!(kind = self.handler.kind(), id = claimed.id, %error, "a job could not be begun"),
        }
    }

    /// None if the claim does not count any more.
    async fn try_once(&self, claimed: Claimed, known: &OnceLock<Job>) -> Result<Option<Next>, JobError> {
        let mut conn = self.connections.get().await?;
        let within = self.within();
        match tokio::time::timeout(within, self.run_in_transaction(&mut conn, claimed, known)).await {
            Ok(ended) => ended,
            Err(_) => {
                // Amid a statement: nobody else is to wait on it, and PostgreSQL is to forget its effects.
                drop(Object::take(conn));
                Err(JobError::Retry(format!("it took longer than {within:?}")))
            }
        }
    }

    async fn run_in_transaction(
        &self,
        conn: &mut AsyncPgConnection,
        claimed: Claimed,
        known: &OnceLock<Job>,
    ) -> Result<Option<Next>, JobError> {
        conn.transaction(async |conn| {
            let is_free: bool = Lock { lock: claimed.lock }.get_result(conn).await?;
            if !is_free {
                return Ok(None);
            }
            let Some(job) = read(conn, claimed).await? else { return Ok(None) };
            let job = known.get_or_init(|| job);
            if job.attempts > self.policy.attempts {
                // Each process that tried it died of it, or hung.
                return Err(JobError::Hopeless("no try came to an end".into()));
            }
            let next = self.handler.run(conn, job).await?;
            settle::end(conn, job, &next).await?;
            Ok(Some(next))
        })
        .await
    }

    async fn failed(&self, job: &Job, error: &JobError) {
        let (kind, id, key, attempts) = (self.handler.kind(), job.id, &job.key, job.attempts);
        let may_go_better = matches!(error, JobError::Retry(_)) && attempts < self.policy.attempts;
        let wait = may_go_better.then(|| self.policy.wait_after(attempts));
        if may_go_better {
            self.metrics.count(Outcome::Failed);
            tracing::warn!(kind, id, key, attempts, %error, "a job failed and is tried again");
        } else {
            self.metrics.count(Outcome::Dead);
            tracing::error!(kind, id, key, attempts, %error, "a job is given up");
        }
        let noted = async {
            let mut conn = self.connections.get().await?;
            settle::fail(&mut conn, job, &error.to_string(), wait).await
        };
        if let Err(error) = noted.await {
            // It is free again when the claim is over.
            tracing::warn!(kind, id, %error, "the failure of a job could not be noted");
        }
    }
}

/// The job, if the claim still counts.
async fn read(conn: &mut AsyncPgConnection, Claimed { id, claim, .. }: Claimed) -> Result<Option<Job>, JobError> {
    type Columns = (String, Value, i32, DateTime<Utc>, i64, bool);
    let row: Option<Columns> = ReadJob { id, claim }.get_result(conn).await.optional()?;
    Ok(row.map(|(key, payload, attempts, due_at, version, is_in_series)| Job {
        id,
        key,
        payload,
        attempts,
        due_at,
        version,
        claim,
        is_in_series,
    }))
}
