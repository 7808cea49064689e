//! How many connections one token's owner may have on this gateway. Over the limit the oldest gives way.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

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

/// Who is connected how often.
pub struct Limits {
    limits: ConnectionLimits,
    connections: Mutex<HashMap<Principal, VecDeque<Weak<Connection>>>>,
}

impl Limits {
    /// Nobody is connected yet.
    pub fn new(limits: ConnectionLimits) -> Self {
        Self { limits, connections: Mutex::default() }
    }

    /// Counts a connection; the oldest beyond the limit are closed.
    pub fn admit(&self, connection: &Arc<Connection>) {
        let Some(principal) = connection.principal() else { return };
        let surplus = {
            let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
            let list = connections.entry(principal).or_default();
            list.push_back(Arc::downgrade(connection));
            let beyond = list.len().saturating_sub(self.limits.of(principal));
            list.drain(..beyond).collect::<Vec<_>>()
        };
        for old in surplus.iter().filter_map(Weak::upgrade) {
            old.outlet().close(CloseCode::TooManyConnections);
        }
    }

    /// No longer counts a connection.
    pub fn release(&self, connection: &Arc<Connection>) {
        let Some(principal) = connection.principal() else { return };
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = connections.get_mut(&principal) {
            list.retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(connection)));
            if list.is_empty() {
                connections.remove(&principal);
            }
        }
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
