//! How fast one connection may send frames. Frames beyond that are refused; a client that goes on all the same is
//! closed.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::ops::config::RateConfig;

/// The verdict on a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is served.
    Pass,
    /// It is refused; after this time one is served again.
    Wait(Duration),
    /// Enough were refused.
    Flood,
}

/// The bucket of one connection.
pub(crate) struct FrameRate {
    passed: DefaultDirectRateLimiter,
    refused: Option<DefaultDirectRateLimiter>,
}

impl FrameRate {
    /// A full bucket; none where there is no limit.
    #[must_use]
    pub(crate) fn new(config: &RateConfig) -> Option<Self> {
        let passed = quota(config.frames_per_second, config.frame_burst)?;
        let excess = NonZeroU32::new(config.frame_excess);
        let refused = excess.and_then(|excess| quota(config.frames_per_second, excess));
        Some(Self { passed: RateLimiter::direct(passed), refused: refused.map(RateLimiter::direct) })
    }

    /// A frame came.
    pub(crate) fn take(&self) -> Verdict {
        let Err(until) = self.passed.check() else { return Verdict::Pass };
        match self.refused.as_ref().map(DefaultDirectRateLimiter::check) {
            Some(Err(_)) => Verdict::Flood,
            Some(Ok(())) | None => Verdict::Wait(until.wait_time_from(self.passed.clock().now())),
        }
    }

    /// A few bytes of a frame came: that is borne as often as refusals are, and takes nothing from the frames that are
    /// served. False when it was too often.
    pub(crate) fn bear(&self) -> bool {
        self.refused.as_ref().is_none_or(|refused| refused.check().is_ok())
    }
}

/// None where there is no limit.
fn quota(per_second: u32, burst: NonZeroU32) -> Option<Quota> {
    Some(Quota::per_second(NonZeroU32::new(per_second)?).allow_burst(burst))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: u32, burst: u32, excess: u32) -> Option<FrameRate> {
        let one = NonZeroU32::MIN;
        FrameRate::new(&RateConfig {
            handshakes_per_second: 0,
            handshake_burst: one,
            bad_proofs_per_second: 0,
            bad_proof_burst: one,
            trusted_proxies: 0,
            frames_per_second: per_second,
            frame_burst: NonZeroU32::new(burst).expect("not 0"),
            frame_excess: excess,
        })
    }

    #[test]
    fn a_flood_is_refused_and_then_ended() {
        let rate = rate(1, 2, 3).expect("a limit");
        let verdicts: Vec<Verdict> = (0..6).map(|_| rate.take()).collect();
        assert_eq!(verdicts[..2], [Verdict::Pass, Verdict::Pass]);
        for verdict in &verdicts[2..5] {
            assert!(matches!(verdict, Verdict::Wait(wait) if *wait <= Duration::from_secs(1)), "{verdict:?}");
        }
        assert_eq!(verdicts[5], Verdict::Flood);
    }

    #[test]
    fn without_a_bound_of_refusals_nobody_is_closed() {
        let rate = rate(1, 1, 0).expect("a limit");
        assert_eq!(rate.take(), Verdict::Pass);
        assert!((0..1000).all(|_| matches!(rate.take(), Verdict::Wait(_))));
    }

    #[test]
    fn no_limit_means_no_bucket() {
        assert!(rate(0, 1, 1).is_none());
    }

    #[test]
    fn small_pieces_are_borne_as_often_as_refusals_and_cost_no_frame() {
        let rate_of_three = rate(1, 2, 3).expect("a limit");
        assert!((0..3).all(|_| rate_of_three.bear()));
        assert!(!rate_of_three.bear());
        assert_eq!(rate_of_three.take(), Verdict::Pass);
        let unbounded = rate(1, 1, 0).expect("a limit");
        assert!((0..1000).all(|_| unbounded.bear()));
    }
}
