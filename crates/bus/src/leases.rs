//! How many connections one owner has, over all gateways.
//!
//! Each gateway knows its own connections and says which owners' changed; the counting side asks for the connections of
//! these owners as they are now, compares them with those of other gateways, and tells each gateway which to close.
//! State is passed on, not steps: it may be passed on twice, or late, and nothing is counted twice.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chat_events::gateway_api::Principal;
use tokio::sync::Notify;

use crate::BusError;

/// Owners that wait to be looked at. Beyond this all are looked at anew.
const CHANGED_MAX: usize = 65_536;

/// A connection that a gateway holds.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Its id, which no other connection has or had.
    pub connection: String,
    /// When it was opened. The oldest gives way.
    pub opened: Instant,
}

/// A gateway, as seen by the counting side. Nothing here may wait.
pub trait Leaseholder: Send + Sync + 'static {
    /// All who have connections here.
    fn owners(&self) -> Vec<Principal>;

    /// An owner's connections here.
    fn leases(&self, owner: Principal) -> Vec<Lease>;

    /// How many an owner may have everywhere.
    fn limit(&self, owner: Principal) -> usize;

    /// The owner has newer connections enough: this one is to be closed. It may be gone already.
    fn give_up(&self, owner: Principal, connection: &str);
}

/// Owners whose connections here changed since they were last passed on.
#[derive(Debug, Default)]
pub struct ChangedOwners {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    owners: HashSet<Principal>,
    overflowed: bool,
}

impl ChangedOwners {
    /// An owner's connections here are not what they were.
    pub fn add(&self, owner: Principal) {
        {
            let mut state = self.lock();
            state.owners.insert(owner);
            if state.owners.len() > CHANGED_MAX {
                state.owners = HashSet::new();
                state.overflowed = true;
            }
        }
        self.changed.notify_one();
    }

    /// Waits for a change. Safe to cancel.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Some owners that changed; an error when too many did to remember them.
    pub(crate) fn take(&self, at_most: usize) -> Result<Vec<Principal>, BusError> {
        let mut state = self.lock();
        if state.overflowed {
            return Err(BusError("too many connections changed at once".into()));
        }
        let some: Vec<Principal> = state.owners.iter().take(at_most).copied().collect();
        some.iter().for_each(|owner| {
            state.owners.remove(owner);
        });
        Ok(some)
    }

    /// From now on.
    pub(crate) fn forget(&self) {
        *self.lock() = State::default();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chat_events::UserId;

    use super::*;

    fn user(id: usize) -> Principal {
        Principal::User { user_id: UserId(i64::try_from(id).expect("a small number")) }
    }

    #[test]
    fn an_owner_is_taken_once_however_often_it_changed() {
        let changed = ChangedOwners::default();
        (0..3).for_each(|_| changed.add(user(1)));
        assert_eq!(changed.take(10).expect("few"), [user(1)]);
        assert!(changed.take(10).expect("few").is_empty());
    }

    #[test]
    fn more_than_can_be_remembered_is_said_until_all_are_looked_at() {
        let changed = ChangedOwners::default();
        (0..=CHANGED_MAX).for_each(|id| changed.add(user(id)));
        assert!(changed.take(10).is_err() && changed.take(10).is_err());
        changed.forget();
        changed.add(user(7));
        assert_eq!(changed.take(10).expect("few"), [user(7)]);
    }
}
