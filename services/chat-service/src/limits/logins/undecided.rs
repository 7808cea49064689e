//! Passwords that are being looked at. Their tokens may come back: a password without tokens waits for the others, so
//! many from one address and so many in all.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::Pair;
use crate::http::asker::Asker;
use crate::limits::Address;

/// How many passwords of one address are looked at at a time. Others find room in the queue for the cores.
pub(super) const AT_ONCE_OF_AN_ADDRESS: usize = 8;

/// How many may wait.
const ROOM: usize = 512;

/// How many of them from one address.
pub(super) const ROOM_OF_AN_ADDRESS: usize = 64;

/// Why nothing could be held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused<E> {
    /// Others hold tokens that may come back.
    Undecided,
    /// Nobody does.
    Decided(E),
}

/// The passwords that hold tokens, and the passwords that wait for them.
#[derive(Default)]
pub(super) struct Undecided {
    inner: Mutex<Inner>,
    decided: Notify,
}

#[derive(Default)]
struct Inner {
    /// There are no more than there is room for passwords that are to be looked at.
    held: Vec<Pair>,
    waiting: Vec<Waiting>,
    last_place: u64,
}

struct Waiting {
    place: u64,
    address: Address,
    asker: Asker,
}

/// A place among the waiting passwords, until it is dropped.
pub(super) struct Place<'a> {
    undecided: &'a Undecided,
    place: u64,
}

impl Undecided {
    /// Takes the tokens that are to be held, or says whether they may come back. Nothing is decided meanwhile.
    pub(super) fn hold<T, E>(&self, pair: Pair, take: impl FnOnce() -> Result<T, E>) -> Result<T, Refused<E>> {
        let mut inner = self.lock();
        if inner.held.iter().filter(|held| held.1 == pair.1).count() >= AT_ONCE_OF_AN_ADDRESS {
            return Err(Refused::Undecided);
        }
        match take() {
            Ok(taken) => {
                inner.held.push(pair);
                Ok(taken)
            }
            Err(error) => {
                let shares_a_bucket = |held: &Pair| held.0 == pair.0 || held.1 == pair.1;
                let is_undecided = inner.held.iter().any(shares_a_bucket);
                Err(if is_undecided { Refused::Undecided } else { Refused::Decided(error) })
            }
        }
    }

    /// The outcome of a held password is known. Tokens that come back have come back before.
    pub(super) fn decide(&self, pair: Pair) {
        let mut inner = self.lock();
        if let Some(at) = inner.held.iter().position(|held| *held == pair) {
            inner.held.swap_remove(at);
        }
        drop(inner);
        self.decided.notify_waiters();
    }

    /// Ready at the next decision.
    pub(super) fn decided(&self) -> Notified<'_> {
        self.decided.notified()
    }

    /// A place to wait. None where there is no more room.
    pub(super) fn wait(&self, address: Address, asker: &Asker) -> Option<Place<'_>> {
        let mut inner = self.lock();
        let has_room = |inner: &Inner| {
            let of_address = inner.waiting.iter().filter(|waiting| waiting.address == address).count();
            inner.waiting.len() < ROOM && of_address < ROOM_OF_AN_ADDRESS
        };
        if !has_room(&inner) {
            // Askers that have given up make room only when it is needed.
            inner.waiting.retain(|waiting| !waiting.asker.is_gone());
        }
        if !has_room(&inner) {
            return None;
        }
        inner.last_place += 1;
        let place = inner.last_place;
        inner.waiting.push(Waiting { place, address, asker: asker.clone() });
        Some(Place { undecided: self, place })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.undecided.lock().waiting.retain(|waiting| waiting.place != self.place);
    }
}
