//! The state that every request shares.

use std::sync::Arc;

use bus::SignalSink;
use chat_events::{Epoch, SitePages};
use jobs::JobWaker;
use secrecy::SecretString;
use tokio::sync::watch;

use crate::accounts::password::Passwords;
use crate::changes::ChatChanges;
use crate::db::bad_rows::BadRows;
use crate::db::{Connection, Database};
use crate::error::Error;
use crate::feed::wait::Readers;
use crate::limits::Limits;
use crate::limits::logins::LoginLimits;
use crate::limits::pages::Pages;
use crate::messages::send::Sends;
use crate::metrics::ServiceMetrics;
use crate::sites::refused::Refusals;
use crate::tokens::Tokens;
use crate::writes::Writes;

/// Shared by all requests. Clones are cheap.
#[derive(Clone)]
pub struct AppState(pub(crate) Arc<Shared>);

/// The data that [`AppState`] points to; for this crate alone.
pub struct Shared {
    pub(crate) database: Database,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) metrics: ServiceMetrics,
    pub(crate) bad_rows: BadRows,
    pub(crate) limits: Limits,
    pub(crate) logins: LoginLimits,
    pub(crate) pages: Pages,
    pub(crate) trusted_proxies: usize,
    pub(crate) changes: ChatChanges,
    pub(crate) sends: Sends,
    pub(crate) writes: Writes,
    pub(crate) signals: SignalSink,
    pub(crate) jobs: JobWaker,
    pub(crate) feed_readers: Readers,
    pub(crate) internal_secret: Option<SecretString>,
    pub(crate) site_pages: SitePages,
    pub(crate) refusals: Refusals,
    /// None until the database is prepared.
    pub(crate) epoch: watch::Sender<Option<Epoch>>,
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl AppState {
    pub(crate) async fn connection(&self) -> Result<Connection, Error> {
        self.database.get().await
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

    /// Has nobody wait for an answer any more, before the server stops.
    pub fn end_waits(&self) {
        self.feed_readers.end_waits();
    }

    /// Waits for writes in flight, after the server has stopped.
    pub async fn finish_writes(&self) {
        self.writes.finish().await;
    }
}
