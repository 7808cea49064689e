//! Putting the service together.

use std::sync::Arc;

use bus::SignalSink;
use bus::outbox::LaneWaker;
use chat_events::SitePages;
use jobs::{JobMetrics, JobWaker};
use telemetry::{Health, Metrics, Vital};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::accounts::old_logins::ForgetOldLogins;
use crate::accounts::password::Passwords;
use crate::background::Background;
use crate::changes::ChatChanges;
use crate::config::{Config, ConfigError};
use crate::db::Database;
use crate::db::bad_rows::BadRows;
use crate::error::Error;
use crate::feed::prune::PruneFeed;
use crate::feed::wait::Readers;
use crate::limits::Limits;
use crate::limits::logins::LoginLimits;
use crate::limits::pages::Pages;
use crate::messages::send::{Sends, statement};
use crate::metrics::ServiceMetrics;
use crate::operators::tell::TellOfOperators;
use crate::sites::refused::Refusals;
use crate::state::{AppState, Shared};
use crate::tokens::Tokens;
use crate::upkeep::Upkeep;
use crate::writes::Writes;

/// The parts that the process around chat-service gives it.
#[derive(Clone)]
pub struct ServiceContext {
    /// Gets the part `postgres`.
    pub health: Health,
    /// Gets this service's metrics.
    pub metrics: Metrics,
    /// Told of each commit.
    pub waker: LaneWaker,
    /// Passes signals to all gateways.
    pub signals: SignalSink,
    /// The tasks that must not end.
    pub vital: Vital,
    /// Ends the background work.
    pub shutdown: CancellationToken,
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
    let pool_size = config.database.database_pool_size;
    let database = Database::new(&url, pool_size, statement::SETTINGS, runtime.clone()).map_err(internal)?;
    let passwords = Passwords::new(runtime.clone()).map_err(internal)?;
    let metrics = ServiceMetrics::register(&context.metrics, &database, &passwords);
    context.signals.register(&context.metrics);
    let (lanes, writes) = (config.outbox_lanes, Writes::new(runtime));
    let changes = ChatChanges::new(database.clone(), lanes, context.waker.clone(), writes.clone());
    let state = AppState(Arc::new(Shared {
        tokens: Tokens::new(&config.auth, config.public_url.as_deref())?,
        passwords,
        bad_rows: BadRows::register(&context.metrics),
        limits: Limits::new(&config.limits),
        logins: LoginLimits::new(&config.login_limits),
        pages: Pages::new(),
        trusted_proxies: config.http_trusted_proxies,
        sends: Sends::new(database.clone(), changes.clone(), writes.clone(), metrics.clone()),
        changes,
        writes,
        signals: context.signals.clone(),
        jobs: JobWaker::default(),
        feed_readers: Readers::new(context.waker.clone()),
        metrics,
        database,
        internal_secret: config.auth.internal_secret()?,
        site_pages: SitePages::new(&config.cors_allowed_origins),
        refusals: Refusals::default(),
        epoch: watch::Sender::new(None),
    }));
    let part = context.health.part("postgres");
    let background = Background {
        state: state.clone(),
        url,
        part,
        shutdown: context.shutdown.clone(),
        upkeep: Upkeep {
            feed: PruneFeed {
                lanes,
                age: config.feed.feed_keep,
                rows: config.feed.feed_max_changes / i64::from(lanes.get()),
            },
            logins: ForgetOldLogins { access_ttl: config.auth.access_ttl },
            operators: TellOfOperators { signals: context.signals.clone() },
        },
        job_metrics: JobMetrics::register(&context.metrics),
        vital: context.vital.clone(),
    };
    Ok((state, background))
}
