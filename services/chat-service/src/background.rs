//! The background work that keeps requests able: preparing the database and watching it.

use std::time::{Duration, Instant};

use chat_events::Epoch;
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jobs::JobMetrics;
use secrecy::SecretString;
use telemetry::{Part, Vital};
use tokio_util::sync::CancellationToken;

use crate::db::installation::{self, PrepareError};
use crate::db::{self, Database};
use crate::error::Error;
use crate::sites;
use crate::state::AppState;
use crate::upkeep::Upkeep;

/// How often PostgreSQL is asked whether it is there, and how soon a failed start is tried again.
const PING_EVERY: Duration = Duration::from_secs(1);

/// How long PostgreSQL may take to show that it is there.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How often the connections are made anew, at most, while it does not.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// How often entries in memory that are no longer needed are let go.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Prepares the database and watches it. Nothing is served before it has run.
#[must_use = "the database is not prepared before this runs"]
pub struct Background {
    pub(crate) state: AppState,
    pub(crate) url: SecretString,
    pub(crate) part: Part,
    pub(crate) shutdown: CancellationToken,
    pub(crate) upkeep: Upkeep,
    pub(crate) job_metrics: JobMetrics,
    pub(crate) vital: Vital,
}

impl Background {
    /// Runs until shutdown. An error means that this database can never be served by this configuration or build.
    pub async fn run(self) -> Result<(), PrepareError> {
        let shutdown = self.shutdown.clone();
        let Some(prepared) = shutdown.run_until_cancelled(self.prepare()).await else { return Ok(()) };
        self.state.database.set_prepared();
        self.state.epoch.send_replace(Some(prepared?));
        let Self { state, url, part, upkeep, job_metrics, vital, .. } = self;
        let begun = shutdown.run_until_cancelled(begin(&upkeep, &state)).await;
        let workers = upkeep.workers(state.database.clone(), state.jobs.clone(), job_metrics, vital);
        if begun.is_some() {
            let watch = Watch { state, url, part };
            tokio::join!(shutdown.run_until_cancelled(watch.keep()), workers.run(shutdown.clone()));
        }
        Ok(())
    }

    /// Tries until PostgreSQL answers.
    async fn prepare(&self) -> Result<Epoch, PrepareError> {
        loop {
            match self.try_prepare().await {
                Err(PrepareError::Away(why)) => self.part.down(why),
                done => return done,
            }
            tokio::time::sleep(PING_EVERY).await;
        }
    }

    async fn try_prepare(&self) -> Result<Epoch, PrepareError> {
        installation::check_sessions(&self.url).await?;
        for migration in installation::migrate(&self.url).await? {
            tracing::info!(migration, "migrated");
        }
        let connection = self.state.database.get_unprepared().await;
        let mut connection = connection.map_err(|error| PrepareError::Away(error.to_string()))?;
        installation::claim_lanes(&mut connection, self.state.changes.lanes()).await
    }
}

/// Tries until the jobs are there that are there from the start.
async fn begin(upkeep: &Upkeep, state: &AppState) {
    let enqueue = async || upkeep.begin(&mut *state.connection().await?).await;
    while let Err(error) = enqueue().await {
        tracing::warn!(%error, "the jobs of upkeep could not be enqueued");
        tokio::time::sleep(PING_EVERY).await;
    }
}

/// Watches the database.
struct Watch {
    state: AppState,
    url: SecretString,
    part: Part,
}

impl Watch {
    async fn keep(self) {
        let (mut tidied, mut link, mut sites) = (Instant::now(), Link::default(), None);
        loop {
            match self.look(&mut link, &mut sites).await {
                Ok(()) => self.part.up(),
                Err(error) => self.part.down(error.to_string()),
            }
            if tidied.elapsed() >= TIDY_EVERY {
                self.state.limits.forget_idle();
                self.state.logins.forget_idle();
                tidied = Instant::now();
            }
            tokio::time::sleep(PING_EVERY).await;
        }
    }

    /// Finds out whether PostgreSQL answers, and whether requests get connections to it. Requests may be stuck on all
    /// connections of the pool, either because there is too much to do or because the other end is gone without a word:
    /// a connection that no request uses tells which, and in the first case others get theirs meanwhile.
    async fn look(&self, link: &mut Link, sites: &mut Option<i64>) -> Result<(), Error> {
        if let Err(error) = soon(link.ping(&self.url)).await {
            link.broke(&self.state.database)?;
            return Err(error);
        }
        if std::mem::take(&mut link.was_read_only) {
            // Connections that were made meanwhile would take no writes as long as they last.
            self.state.database.renew()?;
        }
        let waited_for = self.state.database.waited_for();
        let asked = soon(async {
            let mut connection = self.state.database.get_unprepared().await?;
            let version = sites::pages::version(&mut connection).await?;
            if *sites != Some(version) {
                sites::pages::refresh(&self.state, &mut connection).await?;
                *sites = Some(version);
            }
            self.state.refusals.write(&mut connection).await
        });
        match asked.await {
            // Too much is asked for at once; taken out, this instance would leave it to the others.
            Err(Error::Unavailable(_)) if self.state.database.waited_for() > waited_for => Ok(()),
            answered => answered,
        }
    }
}

async fn soon(ask: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let no_answer = |_| Err(Error::Unavailable("no answer in 2 s".into()));
    tokio::time::timeout(ANSWER_WITHIN, ask).await.unwrap_or_else(no_answer)
}

/// Whether it is a standby, or told to take no writes. After a failover the connections that there are may still lead to
/// the former primary, and only new ones to the present one.
async fn is_read_only(connection: &mut AsyncPgConnection) -> Result<bool, Error> {
    let setting = sql::<Bool>("current_setting('transaction_read_only')::boolean");
    Ok(diesel::select(setting).get_result(connection).await?)
}

/// A connection that no request uses.
#[derive(Default)]
struct Link {
    connection: Option<AsyncPgConnection>,
    renewed: Option<Instant>,
    /// It took no writes when it was asked before.
    was_read_only: bool,
}

impl Link {
    async fn ping(&mut self, url: &SecretString) -> Result<(), Error> {
        // Put back only when it has answered.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => db::connect(url).await.map_err(|why| Error::Unavailable(why.to_string()))?,
        };
        if is_read_only(&mut connection).await? {
            self.was_read_only = true;
            return Err(Error::Unavailable("PostgreSQL takes no writes".into()));
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// Nobody is to wait any more for an answer on the connections that there are.
    fn broke(&mut self, database: &Database) -> Result<(), Error> {
        if self.renewed.is_none_or(|at| at.elapsed() >= RENEW_EVERY) {
            self.renewed = Some(Instant::now());
            database.renew()?;
        }
        Ok(())
    }
}
