//! The operators of a gateway, by the sites in which they work.
//!
//! The gateway listens to `chat:staff` if one of them works in all sites, else to the channels of their sites; and, if there is any, to
//! whether operators take sessions. A change
//! subscribes to the new channels first, and compares tops once they are in force; channels that nobody needs any more are
//! given up when rooms are cleared out.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bus::BusError;
use chat_events::names::Channel;
use chat_events::{Scope, SiteId};

use super::{Hub, lock, remove};
use crate::connection::Connection;

/// All operators who are connected.
#[derive(Clone, Default)]
pub(super) struct Staff {
    everybody: Vec<Arc<Connection>>,
    of_all_sites: Vec<Arc<Connection>>,
    /// The others; no list is empty.
    by_site: BTreeMap<SiteId, Vec<Arc<Connection>>>,
}

impl Staff {
    pub(super) fn add(&mut self, connection: &Arc<Connection>, scope: &Scope) {
        self.everybody.push(connection.clone());
        match scope {
            Scope::All => self.of_all_sites.push(connection.clone()),
            Scope::Sites(sites) => {
                sites.iter().for_each(|site| self.by_site.entry(*site).or_default().push(connection.clone()));
            }
        }
    }

    pub(super) fn remove(&mut self, connection: &Arc<Connection>) {
        remove(&mut self.everybody, connection);
        remove(&mut self.of_all_sites, connection);
        self.by_site.values_mut().for_each(|list| remove(list, connection));
        self.by_site.retain(|_, list| !list.is_empty());
    }

    /// All staff connections, also of operators who work nowhere at present.
    pub(super) fn everybody(&self) -> &[Arc<Connection>] {
        &self.everybody
    }

    /// The staff connections that may see a session of this site.
    pub(super) fn of(&self, site: Option<SiteId>) -> [&[Arc<Connection>]; 2] {
        let of_site = site.and_then(|site| self.by_site.get(&site));
        [&self.of_all_sites, of_site.map_or(&[], Vec::as_slice)]
    }

    /// The staff connections that share a site with an operator of this scope.
    pub(super) fn sharing(&self, scope: &Scope) -> Vec<Arc<Connection>> {
        let mut sharing = self.of_all_sites.clone();
        let lists = self.by_site.iter().filter(|(site, _)| scope.covers(Some(**site)));
        let mut known = HashSet::new();
        let others = lists.flat_map(|(_, list)| list).filter(|connection| known.insert(Arc::as_ptr(connection)));
        sharing.extend(others.cloned());
        sharing
    }

    /// The sites whose sessions are of interest to anybody here.
    pub(super) fn scope(&self) -> Scope {
        match self.of_all_sites.is_empty() {
            true => Scope::Sites(self.by_site.keys().copied().collect()),
            false => Scope::All,
        }
    }

    /// Whether anybody here may see a session of this site.
    pub(super) fn covers(&self, site: Option<SiteId>) -> bool {
        !self.of_all_sites.is_empty() || site.is_some_and(|site| self.by_site.contains_key(&site))
    }
}

/// The channels that bring what these operators hear.
fn wanted(staff: &Staff) -> HashSet<Channel> {
    let mut wanted = channels(&staff.scope());
    if !staff.everybody.is_empty() {
        wanted.insert(Channel::Operators);
    }
    wanted
}

/// The channels that bring the sessions of a scope.
fn channels(scope: &Scope) -> HashSet<Channel> {
    match scope {
        Scope::All => HashSet::from([Channel::Staff]),
        Scope::Sites(sites) => sites.iter().map(|site| Channel::Site(*site)).collect(),
    }
}

impl Hub {
    pub(super) fn staff(&self) -> Arc<Staff> {
        lock(&self.staff).clone()
    }

    /// Changes the lists. Readers of the old ones finish with those.
    pub(super) fn change_staff(&self, change: impl FnOnce(&mut Staff)) {
        let mut staff = lock(&self.staff);
        change(Arc::make_mut(&mut staff));
    }

    /// Subscribes to the channels of all operators who are connected, where that is not done yet. Returns when they are in
    /// force.
    pub(super) async fn listen_for_staff(&self) -> Result<(), BusError> {
        let mut subscribed = self.staff_channels.lock().await;
        let missing: Vec<Channel> = wanted(&self.staff()).difference(&subscribed).copied().collect();
        if !missing.is_empty() {
            self.pubsub.subscribe(&missing).await?;
            subscribed.extend(missing);
        }
        Ok(())
    }

    /// Gives up the channels that no operator needs any more, after the others are in force. Whether the rest have others
    /// now than before: then tops have to be compared.
    pub(super) async fn leave_staff_channels(&self) -> Result<bool, BusError> {
        let mut subscribed = self.staff_channels.lock().await;
        let wanted = wanted(&self.staff());
        let missing: Vec<Channel> = wanted.difference(&subscribed).copied().collect();
        if !missing.is_empty() {
            self.pubsub.subscribe(&missing).await?;
            subscribed.extend(missing.iter().copied());
        }
        let left: Vec<Channel> = subscribed.difference(&wanted).copied().collect();
        if !left.is_empty() {
            self.pubsub.unsubscribe(&left).await?;
            subscribed.retain(|channel| wanted.contains(channel));
        }
        Ok(!missing.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_operator_of_all_sites_is_enough_to_listen_to_all() {
        let sites = Scope::of_sites(Some(vec![1, 2]));
        assert_eq!(channels(&sites), HashSet::from([Channel::Site(SiteId(1)), Channel::Site(SiteId(2))]));
        assert_eq!(channels(&Scope::All), HashSet::from([Channel::Staff]));
        assert!(channels(&Scope::default()).is_empty());
    }
}
