//! Rights that were taken away: asked for every two seconds, enforced on the connections that stand. The answers also
//! tell of changes of the workspace.
//!
//! A connection is on the hub's lists before chat-service is asked whether it may come in, and nobody comes in before
//! the first answer here. So a right that was taken before that question is found by it, and one that is taken after
//! it, here.

use std::sync::Arc;
use std::time::Duration;

use chat_events::SitePages;
use chat_events::frame::CloseCode;
use chat_events::gateway_api::{Principal, Revocations as Taken, RevocationsRequest, RevokedUser, TokenFacts};
use chat_events::workspace::WorkspaceKind;
use tokio::sync::watch;

use crate::catch_up::history::History;
use crate::chat_service::ChatService;
use crate::connection::Connection;
use crate::hub::Hub;

/// Rights are gone within 5 s; this leaves room for an answer that takes its time.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Whether rights are being watched.
pub struct Revocations {
    watched: watch::Receiver<bool>,
}

impl Revocations {
    /// Not watched yet; the watcher is to be run.
    pub fn new(
        chat_service: Arc<dyn ChatService>,
        hub: Arc<Hub>,
        history: Arc<History>,
        pages: SitePages,
    ) -> (Self, Watcher) {
        let (is_watching, watched) = watch::channel(false);
        (Self { watched }, Watcher { chat_service, hub, history, pages, is_watching })
    }

    /// Returns when rights are watched; at once, but for the first seconds of a gateway.
    pub async fn watched(&self) {
        // The watcher ends with the process.
        let _ = self.watched.clone().wait_for(|watched| *watched).await;
    }
}

/// Asks, and enforces.
pub struct Watcher {
    chat_service: Arc<dyn ChatService>,
    hub: Arc<Hub>,
    history: Arc<History>,
    pages: SitePages,
    is_watching: watch::Sender<bool>,
}

impl Watcher {
    /// Until the process ends.
    pub async fn run(self) {
        let mut last: Option<Taken> = None;
        let mut knows_sites = false;
        loop {
            let after = last.as_ref().map(|taken| taken.counter);
            let workspace = last.as_ref().map(|taken| taken.workspace.version);
            match self.chat_service.revocations(RevocationsRequest { after, workspace }).await {
                Ok(taken) => {
                    self.history.set_epoch(taken.epoch);
                    let another_database = last.as_ref().is_some_and(|last| last.epoch != taken.epoch);
                    if another_database {
                        self.start_over();
                        last = None;
                        continue;
                    }
                    self.enforce(&taken);
                    knows_sites &= !taken.workspace.kinds.contains(&WorkspaceKind::Sites);
                    knows_sites = knows_sites || self.learn_sites().await;
                    if knows_sites {
                        self.is_watching.send_replace(true);
                    }
                    let has_more = taken.has_more;
                    last = Some(taken);
                    if has_more {
                        continue;
                    }
                }
                Err(error) => tracing::debug!(%error, "revoked rights cannot be asked for"),
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// The database was restored, or lost its last changes: no cursor and no position here means anything in it.
    fn start_over(&self) {
        tracing::warn!("the database is of another epoch; all connections are to come again");
        self.hub.start_over();
    }

    /// Reads the rules of sites. Visitors of a site that wants to know who they are from now on come again, and are asked.
    async fn learn_sites(&self) -> bool {
        match self.chat_service.sites().await {
            Ok(sites) => {
                for site in self.pages.set_sites(&sites) {
                    let visitors = self.hub.visitors_of(site);
                    visitors.iter().for_each(|visitor| visitor.outlet().close(CloseCode::TokenExpired));
                }
                true
            }
            Err(error) => {
                tracing::debug!(%error, "the sites cannot be asked for");
                false
            }
        }
    }

    fn enforce(&self, taken: &Taken) {
        if !taken.workspace.kinds.is_empty() {
            self.hub.tell_of_workspace(&taken.workspace);
        }
        if !taken.users.is_empty() || !taken.logins.is_empty() {
            for connection in self.hub.accounts() {
                if is_shut_out(&connection, taken) {
                    close(&connection);
                } else if is_out_of_scope(&connection, taken) {
                    connection.outlet().close(CloseCode::ScopeChanged);
                }
            }
        }
        for session in &taken.sessions {
            self.hub.clients(*session).iter().for_each(close);
        }
        for revoked in &taken.chats {
            self.hub.revoke(revoked.chat_id, &revoked.user_ids);
        }
    }
}

fn close(connection: &Arc<Connection>) {
    connection.outlet().close(CloseCode::Revoked);
}

fn is_shut_out(connection: &Connection, taken: &Taken) -> bool {
    let (Some(principal), Some(user)) = (connection.principal(), connection.user_id()) else { return false };
    let token = connection.grant().and_then(|grant| grant.token);
    let mut by_account = taken.users.iter().filter(|revoked| revoked.user_id == user);
    by_account.any(|revoked| is_refused(principal, token, revoked))
        || token.and_then(|token| token.login).is_some_and(|login| taken.logins.contains(&login))
}

/// Whether its operator works in other sites by now. Sessions that it lost are told as `gone` when it comes again.
fn is_out_of_scope(connection: &Connection, taken: &Taken) -> bool {
    let mut accounts = taken.users.iter().filter(|revoked| connection.user_id() == Some(revoked.user_id));
    accounts.any(|revoked| connection.is_out_of_scope(&revoked.scope))
}

fn is_refused(principal: Principal, token: Option<TokenFacts>, revoked: &RevokedUser) -> bool {
    let is_too_old = token.is_some_and(|token| token.issued_at < revoked.not_before);
    let is_no_operator = matches!(principal, Principal::Staff { .. }) && !revoked.role.is_staff();
    !revoked.is_active || is_too_old || is_no_operator
}
