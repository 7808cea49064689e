//! How many connections one token's owner may have. Over the limit the oldest gives way.
//!
//! Each gateway counts its own at once, without asking anybody. Where there are several, a count over all of them is
//! told which owners' connections changed, and says soon after which connection here has to give way to one elsewhere.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bus::{ChangedOwners, Lease, Leaseholder};
use chat_events::frame::CloseCode;
use chat_events::gateway_api::Principal;

use crate::connection::Connection;

/// The limits.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Of a client's session.
    pub client: usize,
    /// Of an operator.
    pub operator: usize,
    /// Of any other token.
    pub other: usize,
}

/// The connections of each owner.
pub struct Limits {
    limits: ConnectionLimits,
    connections: Mutex<HashMap<Principal, VecDeque<Weak<Connection>>>>,
    changed: Option<Arc<ChangedOwners>>,
}

impl Limits {
    /// Nobody is connected yet. `changed` is told of every change, if connections are counted over several gateways.
    pub fn new(limits: ConnectionLimits, changed: Option<Arc<ChangedOwners>>) -> Self {
        Self { limits, connections: Mutex::default(), changed }
    }

    /// Counts a connection; the oldest beyond the limit are closed.
    pub fn admit(&self, connection: &Arc<Connection>) {
        let Some(principal) = connection.principal() else { return };
        let surplus = {
            let mut connections = self.lock();
            let list = connections.entry(principal).or_default();
            list.push_back(Arc::downgrade(connection));
            let beyond = list.len().saturating_sub(self.limits.of(principal));
            list.drain(..beyond).collect::<Vec<_>>()
        };
        self.tell(principal);
        surplus.iter().for_each(close);
    }

    /// No longer counts a connection.
    pub fn release(&self, connection: &Arc<Connection>) {
        let Some(principal) = connection.principal() else { return };
        {
            let mut connections = self.lock();
            let Some(list) = connections.get_mut(&principal) else { return };
            list.retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(connection)));
            if list.is_empty() {
                connections.remove(&principal);
            }
        }
        self.tell(principal);
    }

    /// All connections that are counted.
    pub fn all(&self) -> Vec<Arc<Connection>> {
        self.lock().values().flatten().filter_map(Weak::upgrade).collect()
    }

    fn tell(&self, owner: Principal) {
        if let Some(changed) = &self.changed {
            changed.add(owner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Principal, VecDeque<Weak<Connection>>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leaseholder for Limits {
    fn owners(&self) -> Vec<Principal> {
        self.lock().keys().copied().collect()
    }

    fn leases(&self, owner: Principal) -> Vec<Lease> {
        let connections = self.lock();
        let list = connections.get(&owner).into_iter().flatten().filter_map(Weak::upgrade);
        list.map(|connection| Lease { connection: connection.id.clone(), opened: connection.opened() }).collect()
    }

    fn limit(&self, owner: Principal) -> usize {
        self.limits.of(owner)
    }

    fn give_up(&self, owner: Principal, connection: &str) {
        let old = {
            let mut connections = self.lock();
            let Some(list) = connections.get_mut(&owner) else { return };
            let is_it = |other: &Weak<Connection>| other.upgrade().is_some_and(|other| other.id == connection);
            let Some(index) = list.iter().position(is_it) else { return };
            list.remove(index)
        };
        old.iter().for_each(close);
    }
}

fn close(connection: &Weak<Connection>) {
    if let Some(connection) = connection.upgrade() {
        connection.outlet().close(CloseCode::TooManyConnections);
    }
}

impl ConnectionLimits {
    fn of(self, principal: Principal) -> usize {
        match principal {
            Principal::Client { .. } => self.client,
            Principal::Staff { .. } => self.operator,
            Principal::User { .. } => self.other,
        }
    }
}
