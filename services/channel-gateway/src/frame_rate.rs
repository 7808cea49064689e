//! How fast one connection may send frames. Beyond that they are refused; whoever goes on all the same is closed.

use std::num::NonZeroU32;
use std::time::Duration;

use chat_events::{ChatId, ErrorBody};
use governor::clock::Clock;
use governor::{DefaultDirectRateLimiter, RateLimiter};
use serde::Deserialize;

use crate::config::RateConfig;
use crate::handshake_rates::quota;

/// A `client_id` longer than this is not repeated whole.
const CLIENT_ID_MAX: usize = 64;

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is served.
    Pass,
    /// It is refused; after this time one is served again.
    Wait(Duration),
    /// Enough were refused.
    Flood,
}

/// The bucket of one connection.
pub struct FrameRate {
    passed: DefaultDirectRateLimiter,
    refused: Option<DefaultDirectRateLimiter>,
}

impl FrameRate {
    /// A full bucket; none where there is no limit.
    #[must_use]
    pub fn new(config: &RateConfig) -> Option<Self> {
        let passed = quota(config.frames_per_second, config.frame_burst)?;
        let excess = NonZeroU32::new(config.frame_excess);
        let refused = excess.and_then(|excess| quota(config.frames_per_second, excess));
        Some(Self { passed: RateLimiter::direct(passed), refused: refused.map(RateLimiter::direct) })
    }

    /// A frame came.
    pub fn take(&self) -> Verdict {
        let Err(until) = self.passed.check() else { return Verdict::Pass };
        match self.refused.as_ref().map(DefaultDirectRateLimiter::check) {
            Some(Err(_)) => Verdict::Flood,
            Some(Ok(())) | None => Verdict::Wait(until.wait_time_from(self.passed.clock().now())),
        }
    }
}

/// The answer to a frame that came too soon.
#[must_use]
pub fn too_fast(wait: Duration) -> ErrorBody {
    ErrorBody::rate_limited("too many frames in a short time; wait a little", wait)
}

/// What a frame that is not served says of itself, for its refusal to repeat.
#[must_use]
pub fn names_of(text: &str) -> (Option<String>, Option<ChatId>) {
    #[derive(Default, Deserialize)]
    struct Names {
        client_id: Option<String>,
        #[serde(alias = "session_id")]
        chat_id: Option<ChatId>,
    }
    let Names { client_id, chat_id } = serde_json::from_str(text).unwrap_or_default();
    (client_id.map(|id| id.chars().take(CLIENT_ID_MAX).collect()), chat_id)
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
    fn a_refusal_repeats_the_names_of_any_frame() {
        assert_eq!(too_fast(Duration::from_millis(20)).details["retry_after_ms"].as_u64(), Some(20));
        let names = names_of(r#"{"type":"dance","client_id":"a","session_id":7}"#);
        assert_eq!(names, (Some("a".to_owned()), Some(ChatId(7))));
        for text in ["{", "[]", r#"{"type":"ping"}"#, r#"{"client_id":7}"#] {
            assert_eq!(names_of(text), (None, None));
        }
        let long = format!(r#"{{"client_id":"{}"}}"#, "é".repeat(100));
        assert_eq!(names_of(&long).0.map(|id| id.chars().count()), Some(64));
    }
}
