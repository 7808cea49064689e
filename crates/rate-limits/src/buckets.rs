//! A token bucket for each key (GCRA: a bucket is the one moment at which it is full again).

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Recent;

/// How many buckets are kept in each of two generations: about 3 MB. A bucket that is forgotten is full again; only
/// who comes under so many names in a short time gets anything by that.
const ROOM: usize = 32 * 1024;

/// The buckets of all who come.
#[derive(Debug)]
pub struct Buckets<K> {
    /// When each is full again.
    full_at: Mutex<Recent<K, Instant>>,
    /// How long one token takes to come.
    interval: Duration,
    /// How long an empty bucket takes to be full.
    depth: Duration,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// So many in a second in the long run, and so many at once. None where there is no limit: for 0.
    #[must_use]
    pub fn per_second(rate: u32, burst: NonZeroU32) -> Option<Self> {
        Self::per(Duration::from_secs(1), rate, burst)
    }

    /// So many in a minute in the long run, and so many at once. None where there is no limit: for 0.
    #[must_use]
    pub fn per_minute(rate: u32, burst: NonZeroU32) -> Option<Self> {
        Self::per(Duration::from_secs(60), rate, burst)
    }

    fn per(time: Duration, rate: u32, burst: NonZeroU32) -> Option<Self> {
        let interval = time.checked_div(rate)?.max(Duration::from_nanos(1));
        Some(Self { full_at: Mutex::new(Recent::new(ROOM)), interval, depth: interval.saturating_mul(burst.get()) })
    }

    /// Takes a token. If there is none: how long it takes until there is one.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        self.take_at(key, Instant::now())
    }

    /// The same at a given moment.
    pub fn take_at(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.lock();
        let full_at = buckets.entry(key, || now);
        let after = (*full_at).max(now) + self.interval;
        let wait = (after - now).saturating_sub(self.depth);
        if wait > Duration::ZERO {
            return Err(wait);
        }
        *full_at = after;
        Ok(())
    }

    /// Takes so many tokens more for what turned out to be dear, whether there are any or not: at most as many as a full
    /// bucket has. Who takes the next one waits for them.
    pub fn charge(&self, key: &K, tokens: u32) {
        let (now, mut buckets) = (Instant::now(), self.lock());
        let full_at = buckets.entry(key, || now);
        let charged = (*full_at).max(now) + self.interval.saturating_mul(tokens);
        *full_at = charged.min(now + self.depth * 2).max(*full_at);
    }

    /// Whether there is a token. If there is none: how long it takes until there is one.
    pub fn has_token(&self, key: &K) -> Result<(), Duration> {
        let now = Instant::now();
        let full_at = self.lock().get(key).map_or(now, |full_at| (*full_at).max(now));
        let wait = (full_at + self.interval - now).saturating_sub(self.depth);
        if wait > Duration::ZERO { Err(wait) } else { Ok(()) }
    }

    /// Puts a token back that was taken for nothing.
    pub fn give_back(&self, key: &K) {
        if let Some(full_at) = self.lock().get(key) {
            *full_at = full_at.checked_sub(self.interval).unwrap_or(*full_at);
        }
    }

    /// Forgets the buckets that are full again.
    pub fn forget_idle(&self) {
        let now = Instant::now();
        self.lock().retain(|full_at| *full_at > now);
    }

    /// How many are kept.
    pub fn kept(&self) -> usize {
        self.lock().len()
    }

    /// A panic of another holder leaves nothing half done here.
    fn lock(&self) -> MutexGuard<'_, Recent<K, Instant>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(rate: u32, burst: u32) -> Buckets<u32> {
        Buckets::per_second(rate, NonZeroU32::new(burst).expect("not 0")).expect("a limit")
    }

    #[test]
    fn an_empty_bucket_says_how_long_to_wait_and_others_are_full() {
        let (buckets, now) = (buckets(2, 3), Instant::now());
        let taken: Vec<bool> = (0..4).map(|_| buckets.take_at(&1, now).is_ok()).collect();
        assert_eq!(taken, [true, true, true, false]);
        assert_eq!(buckets.take_at(&1, now), Err(Duration::from_millis(500)));
        assert_eq!(buckets.take_at(&2, now), Ok(()));
        let later = now + Duration::from_millis(500);
        assert_eq!((buckets.take_at(&1, later), buckets.take_at(&1, later).is_err()), (Ok(()), true));
        let much_later = now + Duration::from_secs(60);
        assert_eq!((0..10).filter(|_| buckets.take_at(&1, much_later).is_ok()).count(), 3, "no fuller than full");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more() {
        let buckets = buckets(1, 2);
        for _ in 0..100 {
            assert_eq!(buckets.take(&1), Ok(()));
            buckets.give_back(&1);
        }
        buckets.give_back(&1);
        assert_eq!((0..10).filter(|_| buckets.take(&1).is_ok()).count(), 2);
        buckets.give_back(&7);
        assert_eq!(buckets.kept(), 1, "of whom nothing was taken there is no bucket");
    }

    #[test]
    fn what_was_dear_is_paid_before_the_next_token_is_taken() {
        let buckets = buckets(1, 3);
        assert_eq!((buckets.has_token(&1), buckets.kept()), (Ok(()), 0));
        assert_eq!(buckets.take(&1), Ok(()));
        buckets.charge(&1, 1);
        assert_eq!(buckets.has_token(&1), Ok(()));
        buckets.charge(&1, 1000);
        let wait = buckets.take(&1).expect_err("it owes");
        assert!(wait > Duration::from_secs(3) && wait < Duration::from_secs(5), "no more than a full bucket: {wait:?}");
        assert!(buckets.has_token(&1).is_err());
        assert_eq!(buckets.take(&2), Ok(()));
    }

    #[test]
    fn only_buckets_that_are_full_again_are_forgotten() {
        let buckets = buckets(1, 1);
        assert_eq!(buckets.take(&1), Ok(()));
        buckets.forget_idle();
        assert!(buckets.take(&1).is_err());
        buckets.give_back(&1);
        buckets.forget_idle();
        assert_eq!(buckets.kept(), 0);
    }

    #[test]
    fn however_many_come_there_is_room_for_so_many() {
        let buckets = buckets(1, 1);
        assert!((0..200_000).all(|key| buckets.take(&key).is_ok()));
        assert!(buckets.kept() <= 2 * ROOM, "{}", buckets.kept());
    }

    #[test]
    fn no_limit_means_no_buckets() {
        assert!(Buckets::<u32>::per_minute(0, NonZeroU32::MIN).is_none());
    }
}
