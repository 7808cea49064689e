//! How often a password may be guessed: for one account from one address, for one account from anywhere, and from one
//! address over all accounts.
//!
//! Nobody can lock an account's owner out. Where the account has logged in from lately, the count of other addresses does
//! not matter; elsewhere a password is still looked at now and then, as the bucket fills.
//!
//! - [`undecided`]: the passwords that are being looked at, and the passwords that wait for their outcome

mod undecided;

use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_events::UserId;
use rate_limits::{Buckets, Recent};

use super::{Address, give_back, place, take};
use crate::config::LoginLimitsConfig;
use crate::error::Error;
use crate::http::asker::Asker;
use undecided::{Refused, Undecided};

/// Of how many accounts and addresses it is known that they belong together, in each of two generations.
const KNOWN: usize = 32 * 1024;

const OF_THE_PAIR: &str = "too many wrong passwords for this account from your address; wait a little";
const OF_THE_ADDRESS: &str = "too many wrong passwords from your address; wait a little";
const OF_THE_ACCOUNT: &str = "too many wrong passwords for this account; wait a little";

const BUSY: Error = Error::Busy("too many logins are being checked; try again");

/// An account that is asked for: a known one, or the name of an unknown one, which is treated the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Account {
    /// By its id: names that are equal to PostgreSQL are one.
    Known(UserId),
    /// By the hash of its name, which may be long.
    Unknown(u64),
}

type Pair = (Account, Address);

/// The buckets of wrong passwords. A password takes its tokens before it is looked at, or many at once would all be; a
/// right one gives them back. A password that finds none, because others hold them that may be right, waits for their
/// outcome.
pub(crate) struct LoginLimits {
    pairs: Option<Buckets<Pair>>,
    accounts: Option<Buckets<Account>>,
    addresses: Option<Buckets<Address>>,
    undecided: Undecided,
    /// Where accounts have logged in from.
    known: Mutex<Recent<Pair, ()>>,
    /// Its keys are of this process alone: nobody can look for two names of one hash.
    hasher: RandomState,
}

/// A password that is to be looked at. Forgotten, it counts as a wrong one: also where its asker hangs up.
pub(crate) struct Attempt<'a> {
    limits: &'a LoginLimits,
    pair: Pair,
    is_known: bool,
}

impl LoginLimits {
    pub(crate) fn new(config: &LoginLimitsConfig) -> Self {
        Self {
            pairs: Buckets::per_minute(config.wrong_passwords_per_minute, config.wrong_password_burst),
            accounts: Buckets::per_minute(
                config.account_wrong_passwords_per_minute,
                config.account_wrong_password_burst,
            ),
            addresses: Buckets::per_minute(
                config.address_wrong_passwords_per_minute,
                config.address_wrong_password_burst,
            ),
            undecided: Undecided::default(),
            known: Mutex::new(Recent::new(KNOWN)),
            hasher: RandomState::new(),
        }
    }

    /// The account of that name, or its stand-in.
    pub(crate) fn account(&self, name: &str, found: Option<UserId>) -> Account {
        found.map_or_else(|| Account::Unknown(self.hasher.hash_one(name.to_lowercase())), Account::Known)
    }

    /// One more password for an account, from the address of its asker.
    pub(crate) async fn attempt(
        &self,
        account: Account,
        (address, asker): (Address, &Asker),
    ) -> Result<Attempt<'_>, Error> {
        let pair = (account, place(address));
        let mut waits = None;
        loop {
            let mut decided = pin!(self.undecided.decided());
            // From here on no decision is missed.
            decided.as_mut().enable();
            match self.undecided.hold(pair, || self.take(pair)) {
                Ok(is_known) => return Ok(Attempt { limits: self, pair, is_known }),
                Err(Refused::Decided(why)) => return Err(why),
                Err(Refused::Undecided) if asker.is_gone() => return Err(BUSY),
                Err(Refused::Undecided) => {
                    if waits.is_none() {
                        waits = Some(self.undecided.wait(pair.1, asker).ok_or(BUSY)?);
                    }
                    decided.await;
                }
            }
        }
    }

    /// Takes the tokens of a password, and says whether the account is known there.
    fn take(&self, pair: Pair) -> Result<bool, Error> {
        let account = pair.0;
        let is_known = self.known().get(&pair).is_some();
        let accounts = self.accounts.as_ref().filter(|_| !is_known);
        take(self.addresses.as_ref(), &pair.1, OF_THE_ADDRESS)?;
        // A caller that one bucket refuses has paid nothing into the others.
        take(self.pairs.as_ref(), &pair, OF_THE_PAIR).inspect_err(|_| give_back(self.addresses.as_ref(), &pair.1))?;
        take(accounts, &account, OF_THE_ACCOUNT).inspect_err(|_| {
            give_back(self.addresses.as_ref(), &pair.1);
            give_back(self.pairs.as_ref(), &pair);
        })?;
        Ok(is_known)
    }

    /// The account is in use at that address.
    pub(crate) fn is_used(&self, account: Account, address: Address) {
        let _entered: &mut () = self.known().entry(&(account, place(address)), || ());
    }

    /// Forgets the buckets that are full again.
    pub(crate) fn forget_idle(&self) {
        self.pairs.iter().for_each(Buckets::forget_idle);
        self.accounts.iter().for_each(Buckets::forget_idle);
        self.addresses.iter().for_each(Buckets::forget_idle);
    }

    fn known(&self) -> MutexGuard<'_, Recent<Pair, ()>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Whether the account has logged in from there: then it goes before others.
    pub(crate) fn is_known(&self) -> bool {
        self.is_known
    }

    /// It was right.
    pub(crate) fn was_right(self) {
        self.limits.is_used(self.pair.0, self.pair.1);
        self.was_not_looked_at();
    }

    /// Nobody had the time for it.
    pub(crate) fn was_not_looked_at(self) {
        give_back(self.limits.addresses.as_ref(), &self.pair.1);
        give_back(self.limits.pairs.as_ref(), &self.pair);
        if !self.is_known {
            give_back(self.limits.accounts.as_ref(), &self.pair.0);
        }
    }
}

/// Also where its asker hangs up: others wait for it.
impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.limits.undecided.decide(self.pair);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;

    fn limits() -> LoginLimits {
        let burst = |burst| NonZeroU32::new(burst).expect("not 0");
        LoginLimits::new(&LoginLimitsConfig {
            wrong_passwords_per_minute: 1,
            wrong_password_burst: burst(3),
            account_wrong_passwords_per_minute: 1,
            account_wrong_password_burst: burst(10),
            address_wrong_passwords_per_minute: 1,
            address_wrong_password_burst: burst(5),
        })
    }

    const OWNER: Account = Account::Known(UserId(1));

    fn host(number: u8) -> Address {
        Some([192, 0, 2, number].into())
    }

    fn attempt(limits: &LoginLimits, account: Account, address: Address) -> Option<Attempt<'_>> {
        limits.attempt(account, (address, &Asker::default())).now_or_never()?.ok()
    }

    fn wrong(limits: &LoginLimits, account: Account, address: Address) -> bool {
        attempt(limits, account, address).is_some()
    }

    #[test]
    fn a_password_is_guessed_a_few_times_from_one_address_and_then_no_more() {
        let limits = limits();
        assert_eq!((0..120).filter(|_| wrong(&limits, OWNER, host(1))).count(), 3);
        let unknown = limits.account("Nobody@example.com", None);
        assert_eq!(unknown, limits.account("nobody@EXAMPLE.com", None));
        assert_eq!((0..120).filter(|_| wrong(&limits, unknown, host(1))).count(), 2, "the address has five");
        assert!(wrong(&limits, OWNER, host(2)), "another address is not concerned");
    }

    #[test]
    fn right_passwords_count_for_nothing_and_at_once_only_so_many_are_looked_at() {
        let limits = limits();
        for _ in 0..100 {
            attempt(&limits, OWNER, host(1)).expect("a token").was_right();
        }
        let at_once: Vec<_> = (0..10).filter_map(|_| attempt(&limits, OWNER, host(1))).collect();
        assert_eq!(at_once.len(), 3);
        at_once.into_iter().for_each(Attempt::was_not_looked_at);
        assert_eq!((0..10).filter(|_| wrong(&limits, OWNER, host(1))).count(), 3);
    }

    /// How many of that many passwords at once are looked at.
    async fn looked_at(limits: &LoginLimits, many: usize, are_right: bool) -> usize {
        let asker = Asker::default();
        let one = async || {
            let attempt = limits.attempt(OWNER, (host(1), &asker)).await.ok()?;
            tokio::task::yield_now().await;
            if are_right {
                attempt.was_right();
            }
            Some(())
        };
        join_all((0..many).map(|_| one())).await.into_iter().flatten().count()
    }

    #[tokio::test]
    async fn right_passwords_at_once_wait_for_one_another_and_wrong_ones_are_told_to_come_later() {
        let limits = limits();
        assert_eq!(looked_at(&limits, 50, true).await, 50);
        assert_eq!(looked_at(&limits, 50, false).await, 3);
        assert_eq!(looked_at(&limits, 50, true).await, 0, "nobody holds what could be given back");
    }

    #[tokio::test]
    async fn so_many_of_one_address_wait_and_who_has_gone_leaves_room() {
        let limits = limits();
        let all = looked_at(&limits, 3 + undecided::ROOM_OF_AN_ADDRESS + 7, true).await;
        assert_eq!(all, 3 + undecided::ROOM_OF_AN_ADDRESS);
        assert_eq!(looked_at(&limits, 50, true).await, 50, "those who waited have left");
    }

    #[test]
    fn nobody_locks_the_owner_out_from_where_it_has_logged_in() {
        let limits = limits();
        attempt(&limits, OWNER, host(1)).expect("a token").was_right();
        let guessed = (10..200).filter(|number| wrong(&limits, OWNER, host(*number))).count();
        assert_eq!(guessed, 10, "from anywhere");
        assert!(!wrong(&limits, OWNER, host(2)), "where it was never seen it has to wait");
        assert_eq!((0..10).filter(|_| wrong(&limits, OWNER, host(1))).count(), 3);
        limits.is_used(OWNER, host(2));
        assert!(wrong(&limits, OWNER, host(2)), "nor from where it goes on with a login that it had");
    }
}
