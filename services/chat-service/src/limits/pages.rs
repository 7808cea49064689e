//! Pages of messages, each of which may be megabytes: so many are read at a time for one caller, and for one address. The
//! others wait for their turn, and everybody else finds connections to PostgreSQL.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_events::ErrorBody;
use chat_events::gateway_api::Principal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Address, place};
use crate::error::Error;

/// Pages of one caller.
const OF_A_CALLER: usize = 2;
/// Pages from one address: half of the connections, as they are by default.
const OF_AN_ADDRESS: usize = 8;
/// How long a page waits for its turn, as for a connection.
const WAIT: Duration = Duration::from_secs(5);
/// When to come again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The lines of waiting readers.
pub(crate) struct Pages {
    callers: Lines<Principal>,
    addresses: Lines<Address>,
}

/// A page is read until this is dropped.
pub(crate) struct Turn<'a> {
    _caller: Held<'a, Principal>,
    _address: Held<'a, Address>,
}

impl Pages {
    pub(crate) fn new() -> Self {
        Self { callers: Lines::new(OF_A_CALLER), addresses: Lines::new(OF_AN_ADDRESS) }
    }

    /// Waits for the turn of a page.
    pub(crate) async fn turn(&self, caller: Principal, address: Address) -> Result<Turn<'_>, Error> {
        // A caller waits for its own pages before it takes a place from others at its address.
        let both = async {
            let caller = self.callers.held(caller).await?;
            Some(Turn { _caller: caller, _address: self.addresses.held(place(address)).await? })
        };
        timeout(WAIT, both).await.ok().flatten().ok_or_else(|| {
            let why = "too many pages are asked for at a time; wait for their answers";
            Error::Refused(ErrorBody::rate_limited(why, AGAIN_AFTER))
        })
    }
}

struct Lines<K> {
    lines: Mutex<HashMap<K, Arc<Semaphore>>>,
    at_once: usize,
}

/// A page that has its turn, or waits for it.
struct Held<'a, K: Hash + Eq> {
    lines: &'a Lines<K>,
    key: K,
    permit: Option<OwnedSemaphorePermit>,
}

impl<K: Hash + Eq + Copy> Lines<K> {
    fn new(at_once: usize) -> Self {
        Self { lines: Mutex::default(), at_once }
    }

    async fn held(&self, key: K) -> Option<Held<'_, K>> {
        let line = self.lock().entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.at_once))).clone();
        // Before it waits: a page that is dropped while it waits leaves no line behind either.
        let mut held = Held { lines: self, key, permit: None };
        // No line is ever closed.
        held.permit = Some(line.acquire_owned().await.ok()?);
        Some(held)
    }
}

impl<K: Hash + Eq> Lines<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Semaphore>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq> Drop for Held<'_, K> {
    fn drop(&mut self) {
        self.permit = None;
        let mut lines = self.lines.lock();
        if lines.get(&self.key).is_some_and(|line| Arc::strong_count(line) == 1) {
            lines.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_events::{ChatId, UserId};
    use futures_util::FutureExt;

    use super::*;

    fn client(id: i64) -> Principal {
        Principal::Client { session_id: ChatId(id) }
    }

    fn host(number: u8) -> Address {
        Some([192, 0, 2, number].into())
    }

    #[tokio::test]
    async fn a_caller_reads_two_pages_at_a_time_and_the_third_waits_for_one_of_them() {
        let pages = Pages::new();
        let mut turns = Vec::new();
        for _ in 0..OF_A_CALLER {
            turns.push(pages.turn(client(1), host(1)).now_or_never().expect("at once").ok());
        }
        let mut third = Box::pin(pages.turn(client(1), host(2)));
        assert!(third.as_mut().now_or_never().is_none(), "whatever its address");
        assert!(pages.turn(client(2), host(1)).now_or_never().is_some(), "others are not concerned");
        turns.pop();
        assert!(third.await.is_ok());
        turns.clear();
        assert!(pages.callers.lock().is_empty() && pages.addresses.lock().is_empty());
    }

    #[tokio::test]
    async fn many_callers_of_one_address_have_so_many_turns_together() {
        let pages = Pages::new();
        let all = (1..100).map(|id| pages.turn(Principal::User { user_id: UserId(id) }, host(1)).now_or_never());
        assert_eq!(all.collect::<Vec<_>>().iter().flatten().count(), OF_AN_ADDRESS);
        assert!(pages.callers.lock().is_empty() && pages.addresses.lock().is_empty(), "who gave up left no line");
    }
}
