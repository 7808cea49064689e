//! How fast one may write: a token bucket (GCRA) for each client and for each account. The buckets are this instance's own:
//! who spreads its messages over several instances has a bucket in each.

use std::num::NonZeroU32;
use std::time::Duration;

use chat_events::ErrorBody;
use chat_events::gateway_api::Principal;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::LimitsConfig;
use crate::error::Error;

/// The buckets of all who write.
pub(crate) struct SendLimits {
    clock: DefaultClock,
    clients: Option<DefaultKeyedRateLimiter<i64>>,
    accounts: Option<DefaultKeyedRateLimiter<i64>>,
}

impl SendLimits {
    pub(crate) fn new(config: &LimitsConfig) -> Self {
        Self {
            clock: DefaultClock::default(),
            clients: limiter(config.client_sends_per_second, config.client_send_burst),
            accounts: limiter(config.sends_per_second, config.send_burst),
        }
    }

    /// Takes one message out of the sender's bucket; an empty one is refused with the time to wait.
    pub(crate) fn take(&self, sender: Principal) -> Result<(), Error> {
        let (limiter, key) = match sender {
            Principal::Client { session_id } => (&self.clients, session_id.0),
            Principal::Staff { user_id } | Principal::User { user_id } => (&self.accounts, user_id.0),
        };
        let Some(limiter) = limiter else { return Ok(()) };
        limiter.check_key(&key).map_err(|until| too_fast(until.wait_time_from(self.clock.now())))
    }

    /// Forgets the buckets that are full again.
    pub(crate) fn forget_idle(&self) {
        for limiter in [&self.clients, &self.accounts].into_iter().flatten() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// None where there is no limit.
fn limiter(per_second: u32, burst: NonZeroU32) -> Option<DefaultKeyedRateLimiter<i64>> {
    let rate = NonZeroU32::new(per_second)?;
    Some(RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst)))
}

fn too_fast(wait: Duration) -> Error {
    Error::Refused(ErrorBody::rate_limited("too many messages in a short time; wait a little", wait))
}

#[cfg(test)]
mod tests {
    use chat_events::{ChatId, ErrorCode, UserId};

    use super::*;

    fn limits(per_second: u32, burst: u32) -> SendLimits {
        let burst = NonZeroU32::new(burst).expect("not 0");
        SendLimits::new(&LimitsConfig {
            client_sends_per_second: per_second,
            client_send_burst: burst,
            sends_per_second: 0,
            send_burst: burst,
        })
    }

    const CLIENT: Principal = Principal::Client { session_id: ChatId(1) };

    #[test]
    fn who_writes_too_fast_is_told_how_long_to_wait_and_nobody_else_is_kept() {
        let limits = limits(1, 3);
        let taken: Vec<bool> = (0..4).map(|_| limits.take(CLIENT).is_ok()).collect();
        assert_eq!(taken, [true, true, true, false]);
        let Err(Error::Refused(body)) = limits.take(CLIENT) else { panic!("it was let through") };
        let wait = body.details["retry_after_ms"].as_u64().expect("a number");
        assert!((1..=1000).contains(&wait), "{wait} ms");
        assert_eq!((body.code, &body.details["retry_after"]), (ErrorCode::RateLimited, &1.into()));
        assert!(limits.take(Principal::Client { session_id: ChatId(2) }).is_ok());
    }

    #[test]
    fn no_limit_means_no_limit() {
        let limits = limits(1, 1);
        assert!((0..1000).all(|_| limits.take(Principal::User { user_id: UserId(1) }).is_ok()));
    }

    #[test]
    fn a_bucket_that_is_still_low_is_not_forgotten() {
        let limits = limits(1, 1);
        assert!(limits.take(CLIENT).is_ok());
        limits.forget_idle();
        assert!(limits.take(CLIENT).is_err());
    }
}
