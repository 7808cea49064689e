//! How often one may connect: so many handshakes for each token's owner, and so many bad tokens from each address.
//!
//! A good token is never refused for its address: thousands may share one, and all come back at once when a gateway was
//! lost. The buckets are this gateway's own.

use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use chat_events::gateway_api::Principal;
use chat_events::{ErrorBody, ErrorCode};
use rate_limits::{Buckets, network};

use crate::auth::credentials::{Proof, Proved};
use crate::ops::config::RateConfig;

/// How often buckets that are full again are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// The buckets of all who connect.
pub struct HandshakeRates {
    owners: Option<Buckets<Principal>>,
    addresses: Option<Buckets<IpAddr>>,
}

impl HandshakeRates {
    /// Nobody has come yet.
    #[must_use]
    pub fn new(config: &RateConfig) -> Self {
        Self {
            owners: Buckets::per_second(config.handshakes_per_second, config.handshake_burst),
            addresses: Buckets::per_second(config.bad_proofs_per_second, config.bad_proof_burst),
        }
    }

    /// The verdict on a proof: a good one counts for its owner, a bad one for the address that brought it.
    pub fn judge(&self, proved: Result<Proved, ErrorBody>, address: Option<IpAddr>) -> Result<Proved, ErrorBody> {
        let proved = proved.map_err(|error| self.refused(error, address))?;
        take(self.owners.as_ref(), &proved.identity.principal, "too many connections were opened")?;
        Ok(proved)
    }

    /// The answer to a bad proof, which counts for the address that brought it. A token whose time is over was good once, and is
    /// to be told so.
    pub fn refused(&self, error: ErrorBody, address: Option<IpAddr>) -> ErrorBody {
        let (ErrorCode::Unauthorized, Some(address)) = (error.code, address) else { return error };
        match take(self.addresses.as_ref(), &network(address), "too many bad tokens came from your address") {
            Ok(()) => error,
            Err(too_many) => too_many,
        }
    }

    /// The same for a handshake, which may bring no proof yet.
    pub fn judge_handshake(
        &self,
        proof: Result<Proof, ErrorBody>,
        address: Option<IpAddr>,
    ) -> Result<Proof, ErrorBody> {
        match proof {
            Ok(Proof::None) => Ok(Proof::None),
            Ok(Proof::Token(proved)) => self.judge(Ok(proved), address).map(Proof::Token),
            Err(error) => self.judge(Err(error), address).map(Proof::Token),
        }
    }

    /// Forgets from time to time the buckets that are full again, for ever.
    pub async fn forget_idle(&self) {
        let mut timer = tokio::time::interval(FORGET_EVERY);
        loop {
            timer.tick().await;
            self.owners.iter().for_each(Buckets::forget_idle);
            self.addresses.iter().for_each(Buckets::forget_idle);
        }
    }
}

fn take<K: Hash + Eq + Clone>(buckets: Option<&Buckets<K>>, key: &K, why: &str) -> Result<(), ErrorBody> {
    let Some(buckets) = buckets else { return Ok(()) };
    buckets.take(key).map_err(|wait| ErrorBody::rate_limited(why, wait))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Instant;

    use chat_events::{ChatId, UserId};

    use super::*;
    use crate::auth::credentials::{Grant, Identity};

    fn rates(per_second: u32) -> HandshakeRates {
        let burst = NonZeroU32::new(3).expect("not 0");
        HandshakeRates::new(&RateConfig {
            handshakes_per_second: per_second,
            handshake_burst: burst,
            bad_proofs_per_second: per_second,
            bad_proof_burst: burst,
            trusted_proxies: 0,
            frames_per_second: 0,
            frame_burst: burst,
            frame_excess: 0,
        })
    }

    fn proved(principal: Principal) -> Proved {
        let grant = Grant { expires_at: Instant::now() + Duration::from_secs(60), token_made_at: 0, token: None };
        Proved { identity: Identity { principal, grant }, resume_ticket: None, page: None }
    }

    fn good(session: i64) -> Result<Proved, ErrorBody> {
        let principal = Principal::Client { session_id: ChatId(session) };
        Ok(proved(principal))
    }

    fn bad(code: ErrorCode) -> Result<Proved, ErrorBody> {
        Err(ErrorBody::new(code, "no"))
    }

    fn code(judged: Result<Proved, ErrorBody>) -> Option<ErrorCode> {
        judged.err().map(|error| error.code)
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn an_owner_that_comes_too_often_is_told_when_to_come_again_and_nobody_else_is_kept() {
        let rates = rates(1);
        assert!((0..3).all(|_| rates.judge(good(1), None).is_ok()));
        let refused = rates.judge(good(1), None).expect_err("the fourth");
        let wait = refused.details["retry_after_ms"].as_u64().expect("a number");
        assert_eq!((refused.code, (1..=1000).contains(&wait)), (ErrorCode::RateLimited, true), "{wait} ms");
        assert!(rates.judge(good(2), None).is_ok());
        let operator = Principal::Staff { user_id: UserId(1) };
        assert!(rates.judge(Ok(proved(operator)), None).is_ok());
    }

    #[test]
    fn bad_tokens_keep_no_good_one_from_the_same_address() {
        let (rates, from) = (rates(1), address("192.0.2.7"));
        let told: Vec<_> = (0..4).map(|_| code(rates.judge(bad(ErrorCode::Unauthorized), from))).collect();
        let refused = Some(ErrorCode::Unauthorized);
        assert_eq!(told, [refused, refused, refused, Some(ErrorCode::RateLimited)]);
        assert!((0..5000).all(|session| rates.judge(good(session), from).is_ok()));
        assert_eq!(code(rates.judge(bad(ErrorCode::TokenExpired), from)), Some(ErrorCode::TokenExpired));
        assert_eq!(code(rates.judge(bad(ErrorCode::Unauthorized), address("192.0.2.8"))), refused);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_a_mapped_one_is_its_own() {
        let rates = rates(1);
        for host in 1..=3 {
            let from = address(&format!("2001:db8:0:1::{host}"));
            assert_eq!(code(rates.judge(bad(ErrorCode::Unauthorized), from)), Some(ErrorCode::Unauthorized));
        }
        let judged = |from| code(rates.judge(bad(ErrorCode::Unauthorized), address(from)));
        assert_eq!(judged("2001:db8:0:1::9"), Some(ErrorCode::RateLimited));
        assert_eq!(judged("2001:db8:0:2::9"), Some(ErrorCode::Unauthorized));
        assert_eq!(judged("::ffff:192.0.2.7"), Some(ErrorCode::Unauthorized));
        assert_eq!(judged("::ffff:192.0.2.8"), Some(ErrorCode::Unauthorized));
    }

    #[test]
    fn no_limit_means_no_limit() {
        let (rates, from) = (rates(0), address("192.0.2.7"));
        assert!((0..1000).all(|_| rates.judge(good(1), from).is_ok()));
        assert!(
            (0..1000)
                .all(|_| { code(rates.judge(bad(ErrorCode::Unauthorized), from)) == Some(ErrorCode::Unauthorized) })
        );
    }
}
