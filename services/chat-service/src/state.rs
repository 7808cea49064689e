//! What every request shares, and the background work that keeps it able.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::outbox::LaneWaker;
use chat_events::{ChatId, Epoch, LaneCount};
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use secrecy::SecretString;
use telemetry::{Health, Metrics, Part, Vital};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bad_rows::BadRows;
use crate::config::{Config, ConfigError};
use crate::cors::Origins;
use crate::db::installation::{self, PrepareError};
use crate::db::{self, Connection, Database};
use crate::error::Error;
use crate::limits::Limits;
use crate::limits::logins::LoginLimits;
use crate::limits::pages::Pages;
use crate::metrics::ServiceMetrics;
use crate::password::Passwords;
use crate::sending::Sends;
use crate::tokens::Tokens;

/// How often PostgreSQL is asked whether it is there, and how soon a failed start is tried again.
const PING_EVERY: Duration = Duration::from_secs(1);

/// How long PostgreSQL may take to show that it is there.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How often the connections are made anew, at most, while it does not.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// Longer than PostgreSQL works on any statement here: what has not come by then does not come.
pub(crate) const WRITE_ENDS_WITHIN: Duration = Duration::from_secs(15);

/// How often what is no longer needed in memory is let go.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// What the process around chat-service gives it.
#[derive(Clone)]
pub struct ServiceContext {
    /// Gets the part `postgres`.
    pub health: Health,
    /// Gets this service's metrics.
    pub metrics: Metrics,
    /// Told of each commit.
    pub waker: LaneWaker,
    /// What must not end.
    pub vital: Vital,
    /// Ends the background work.
    pub shutdown: CancellationToken,
}

/// Shared by all requests. Clones are cheap.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// What [`AppState`] points to; for this crate alone.
pub struct Shared {
    database: Database,
    pub(crate) lanes: LaneCount,
    waker: LaneWaker,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) metrics: ServiceMetrics,
    pub(crate) bad_rows: BadRows,
    pub(crate) limits: Limits,
    pub(crate) logins: LoginLimits,
    pub(crate) pages: Pages,
    pub(crate) trusted_proxies: usize,
    pub(crate) sends: Sends,
    pub(crate) internal_secret: Option<SecretString>,
    pub(crate) allowed_origins: Origins,
    epoch: watch::Sender<Option<Epoch>>,
    writes: TaskTracker,
    runtime: Handle,
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Prepares the database and watches it. Nothing is served before it has run.
#[must_use = "the database is not prepared before this runs"]
pub struct Background {
    state: AppState,
    url: SecretString,
    part: Part,
    shutdown: CancellationToken,
}

/// Why the service cannot start. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or not good.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something that should always work did not.
    #[error("{0}")]
    Internal(String),
}

/// Puts the service together; connects to nothing yet. Call it on the multi-threaded runtime that is to carry the
/// database connections.
pub fn start(config: &Config, context: &ServiceContext) -> Result<(AppState, Background), StartError> {
    let internal = |error: Error| StartError::Internal(error.to_string());
    let (url, runtime) = (config.database.url()?, Handle::current());
    bus::postgres::check_url(&url).map_err(|why| StartError::Internal(why.to_string()))?;
    let database = Database::new(&url, config.database.database_pool_size, runtime.clone()).map_err(internal)?;
    let passwords = Passwords::new(runtime.clone()).map_err(internal)?;
    let metrics = ServiceMetrics::register(&context.metrics, &database, &passwords);
    let state = AppState(Arc::new(Shared {
        database,
        lanes: config.outbox_lanes,
        waker: context.waker.clone(),
        tokens: Tokens::new(&config.auth, config.public_url.as_deref())?,
        passwords,
        metrics,
        bad_rows: BadRows::register(&context.metrics),
        limits: Limits::new(&config.limits),
        logins: LoginLimits::new(&config.login_limits),
        pages: Pages::new(),
        trusted_proxies: config.http_trusted_proxies,
        sends: Sends::default(),
        internal_secret: config.auth.internal_secret()?,
        allowed_origins: Origins::new(&config.cors_allowed_origins),
        epoch: watch::Sender::new(None),
        writes: TaskTracker::new(),
        runtime,
    }));
    let part = context.health.part("postgres");
    let background = Background { state: state.clone(), url, part, shutdown: context.shutdown.clone() };
    Ok((state, background))
}

impl AppState {
    pub(crate) async fn connection(&self) -> Result<Connection, Error> {
        self.database.get().await
    }

    /// One of those that batches of sends have to themselves.
    pub(crate) async fn batch_connection(&self) -> Result<Connection, Error> {
        self.database.get_for_batch().await
    }

    /// Cancelled when PostgreSQL is found silent: what is waited for on a connection that was taken before does not come.
    pub(crate) fn silent(&self) -> CancellationToken {
        self.database.silent()
    }

    /// Waits until the database is prepared; returns its epoch. Nothing comes if the background work ends before.
    pub async fn prepared(&self) -> Option<Epoch> {
        let mut epoch = self.epoch.subscribe();
        let prepared = epoch.wait_for(Option::is_some).await;
        prepared.ok().and_then(|epoch| *epoch)
    }

    /// Whether the addresses of clients are told by proxies.
    pub fn is_behind_proxies(&self) -> bool {
        self.trusted_proxies > 0
    }

    /// Tells the relay that a change of this chat is committed.
    pub(crate) fn committed(&self, chat: ChatId) {
        self.waker.committed(self.lanes.lane_of(chat));
    }

    /// Runs a write to its end, also when the one who asked for it hangs up: once PostgreSQL has it, only the answer
    /// is missing, and the relay must be told.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let ended = async {
            let no_answer = |_| Err(Error::Unavailable("PostgreSQL does not answer".into()));
            tokio::time::timeout(WRITE_ENDS_WITHIN, work).await.unwrap_or_else(no_answer)
        };
        let task = self.writes.spawn_on(ended, &self.runtime);
        task.await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
    }

    /// Runs what writes and answers by itself; waited for at the end like any write.
    pub(crate) fn spawn_write(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.writes.spawn_on(work, &self.runtime);
    }

    /// Waits for writes in flight, after the server has stopped.
    pub async fn finish_writes(&self) {
        self.writes.close();
        self.writes.wait().await;
    }
}

impl Background {
    /// Runs until shutdown. An error means that this database can never be served by this configuration or build.
    pub async fn run(self) -> Result<(), PrepareError> {
        let shutdown = self.shutdown.clone();
        shutdown.run_until_cancelled(self.keep()).await.unwrap_or(Ok(()))
    }

    async fn keep(self) -> Result<(), PrepareError> {
        let epoch = self.prepare().await?;
        self.state.database.set_prepared();
        self.state.epoch.send_replace(Some(epoch));
        let (mut tidied, mut link) = (Instant::now(), Link::default());
        loop {
            match self.look(&mut link).await {
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
        installation::claim_lanes(&mut connection, self.state.lanes).await
    }

    /// Finds out whether PostgreSQL answers, and whether requests get connections to it. Requests may be stuck on all
    /// connections of the pool, either because there is too much to do or because the other end is gone without a word:
    /// a connection that no request uses tells which, and in the first case others get theirs meanwhile.
    async fn look(&self, link: &mut Link) -> Result<(), Error> {
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
            Ok(connection.batch_execute("SELECT 1").await?)
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
/// what was the primary, and only new ones to what is.
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
