//! The pools of connections.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bus::BusError;
use diesel::ConnectionError;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::writes::WRITE_ENDS_WITHIN;

/// A connection on loan from the pool.
pub(crate) type Connection = Object<AsyncPgConnection>;

/// How long a request waits for a connection before it is told to come again.
const WAIT: Duration = Duration::from_secs(5);

/// Times are written in UTC by the statements themselves and by JSON functions; a statement that takes longer than
/// any here should is ended, so that a stuck one does not hold its connection for ever. Statements here take milliseconds:
/// compiling one, which PostgreSQL does before it has statistics, takes a tenth of a second. One plan serves all parameters:
/// all statements go by an index and look at few rows, and left to itself PostgreSQL plans each read of a deep chat anew,
/// which takes longer than the read. Workers beside the one of the connection take longer to start than the work does.
const SETTINGS: &str = "SET application_name = 'switchboard chat-service';
    SET TimeZone = 'UTC'; SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; SET jit = off;
    SET plan_cache_mode = force_generic_plan; SET max_parallel_workers_per_gather = 0";

/// How many connections batches of sends have to themselves, at most. Four are in use as long as PostgreSQL is quick.
pub(crate) const BATCH_CONNECTIONS: usize = 8;

/// The pools, closed to requests until the database is known to fit this build and its configuration.
#[derive(Clone)]
pub(crate) struct Database {
    pools: Arc<RwLock<Pools>>,
    settings: Arc<PoolSettings>,
    prepared: Arc<AtomicBool>,
    /// How often a request that had to wait for a connection got one.
    waited_for: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Pools {
    requests: Pool<AsyncPgConnection>,
    batches: Pool<AsyncPgConnection>,
    /// Cancelled when PostgreSQL was silent, and new pools take the place of these.
    silent: CancellationToken,
}

struct PoolSettings {
    url: SecretString,
    /// Of the pool of requests.
    size: usize,
    /// Further settings of the connections for batches.
    for_batches: &'static str,
    /// Connections live here, not where they are asked for: HTTP workers have runtimes of their own that may end before
    /// the pool does.
    runtime: Handle,
}

impl PoolSettings {
    fn build(&self) -> Result<Pools, Error> {
        let requests = self.pool(self.size, "")?;
        let batches = self.pool(BATCH_CONNECTIONS, self.for_batches)?;
        Ok(Pools { requests, batches, silent: CancellationToken::new() })
    }

    /// A pool of connections that have further settings.
    fn pool(&self, size: usize, further: &'static str) -> Result<Pool<AsyncPgConnection>, Error> {
        let mut config = ManagerConfig::<AsyncPgConnection>::default();
        config.recycling_method = RecyclingMethod::Fast;
        let runtime = self.runtime.clone();
        config.custom_setup = Box::new(move |url| {
            let (url, runtime) = (SecretString::from(url), runtime.clone());
            async move {
                let connecting = async move {
                    let no_answer = |_| Err(ConnectionError::BadConnection("no answer in 5 s".into()));
                    tokio::time::timeout(WAIT, connect_with(&url, further)).await.unwrap_or_else(no_answer)
                };
                // A connection that nobody waits for any more is not to be made: its socket would stay open.
                let connecting = AbortOnDropHandle::new(runtime.spawn(connecting));
                connecting.await.map_err(|error| ConnectionError::BadConnection(error.to_string()))?
            }
            .boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(self.url.expose_secret(), config);
        Pool::builder(manager).max_size(size).build().map_err(|error| Error::Internal(error.to_string()))
    }
}

impl Database {
    /// Connects at first use, on the given runtime.
    pub(crate) fn new(
        url: &SecretString,
        size: usize,
        for_batches: &'static str,
        runtime: Handle,
    ) -> Result<Self, Error> {
        let settings = PoolSettings { url: url.clone(), size, for_batches, runtime };
        let pools = Arc::new(RwLock::new(settings.build()?));
        Ok(Self { pools, settings: Arc::new(settings), prepared: Arc::default(), waited_for: Arc::default() })
    }

    /// Makes new pools, so that nobody waits for connections that a silent PostgreSQL may never answer on. A request
    /// that still waits on one has it to itself; it is closed when it is given back.
    pub(crate) fn renew(&self) -> Result<(), Error> {
        let new = self.settings.build()?;
        let old = std::mem::replace(&mut *self.pools.write().unwrap_or_else(PoisonError::into_inner), new);
        // A connection that is waited on is closed when it is given back.
        old.requests.close();
        old.batches.close();
        old.silent.cancel();
        Ok(())
    }

    /// Cancelled when the connections that there are now are given up.
    fn silent(&self) -> CancellationToken {
        self.pools().silent
    }

    fn pools(&self) -> Pools {
        self.pools.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A connection for a request.
    pub(crate) async fn get(&self) -> Result<Connection, Error> {
        self.check_prepared()?;
        let pool = self.pools().requests;
        let has_to_wait = pool.status().available == 0;
        let connection = from_pool(pool).await?;
        if has_to_wait {
            self.waited_for.fetch_add(1, Ordering::Relaxed);
        }
        Ok(connection)
    }

    /// How often a request that had to wait for a connection got one: another request had an answer on it, or it was
    /// made. So this rises only as long as PostgreSQL answers.
    pub(crate) fn waited_for(&self) -> u64 {
        self.waited_for.load(Ordering::Relaxed)
    }

    /// A connection for a batch of sends.
    pub(crate) async fn get_for_batch(&self) -> Result<Connection, Error> {
        self.check_prepared()?;
        from_pool(self.pools().batches).await
    }

    /// Writes, and gives it up when PostgreSQL is found silent, as others would wait behind this one. It may have been written
    /// all the same: a message that is sent again is found by its `client_id`.
    pub(crate) async fn until_silent<T>(
        &self,
        connection: impl Future<Output = Result<Connection, Error>>,
        write: impl AsyncFnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let silent = self.silent();
        let mut conn = connection.await?;
        let in_time = tokio::time::timeout(WRITE_ENDS_WITHIN, write(&mut conn));
        let written = silent.run_until_cancelled(in_time).await;
        written.unwrap_or_else(|| Ok(Err(Error::no_answer()))).unwrap_or_else(|_| {
            discard(conn);
            Err(Error::no_answer())
        })
    }

    /// A connection to prepare the database with.
    pub(crate) async fn get_unprepared(&self) -> Result<Connection, Error> {
        from_pool(self.pools().requests).await
    }

    fn check_prepared(&self) -> Result<(), Error> {
        let prepared = self.prepared.load(Ordering::Acquire);
        prepared.then_some(()).ok_or(Error::Busy("the database is being prepared; try again in a moment"))
    }

    /// Opens the pool to requests.
    pub(crate) fn set_prepared(&self) {
        self.prepared.store(true, Ordering::Release);
    }

    /// How many connections are open, and how many of these are free.
    pub(crate) fn pool_status(&self) -> (usize, usize) {
        let Pools { requests, batches, .. } = self.pools();
        let (requests, batches) = (requests.status(), batches.status());
        (requests.size + batches.size, requests.available + batches.available)
    }
}

async fn from_pool(pool: Pool<AsyncPgConnection>) -> Result<Connection, Error> {
    match tokio::time::timeout(WAIT, pool.get()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(Error::Unavailable(error.to_string())),
        Err(_) => Err(Error::Unavailable("no connection was free in 5 s".into())),
    }
}

/// Closes a connection that does not answer: nobody else is to wait on it.
fn discard(connection: Connection) {
    drop(Object::take(connection));
}

/// A connection with this service's settings.
pub(crate) async fn connect(url: &SecretString) -> Result<AsyncPgConnection, ConnectionError> {
    connect_with(url, "").await
}

async fn connect_with(url: &SecretString, further: &str) -> Result<AsyncPgConnection, ConnectionError> {
    let bad = |BusError(why)| ConnectionError::BadConnection(why);
    let mut connection = bus::postgres::open(url).await.map_err(bad)?;
    configure(&mut connection, further).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Gives a connection this service's settings, and further ones.
pub(crate) async fn configure(connection: &mut AsyncPgConnection, further: &str) -> diesel::QueryResult<()> {
    connection.batch_execute(&format!("{SETTINGS};{further}")).await
}
