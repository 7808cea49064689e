//! How much one may ask for: a bucket for each client and each account, and one for each address that they come from. The
//! buckets are this instance's own: a caller that spreads its work over several instances has a bucket in each.
//!
//! - [`logins`]: how often a password may be guessed
//! - [`pages`]: how many pages of messages are read at a time

pub(crate) mod logins;
pub(crate) mod pages;

use std::hash::Hash;
use std::net::IpAddr;

use chat_events::gateway_api::{Principal, SentFrom};
use chat_events::{ChatId, ErrorBody, UserId};
use chrono::{TimeDelta, Utc};
use rate_limits::{Buckets, network};

use crate::config::LimitsConfig;
use crate::error::Error;

/// Where a request comes from: none where the transport has no addresses.
pub(crate) type Address = Option<IpAddr>;

/// A page of so many bytes costs as much as another request.
const BYTES_OF_A_REQUEST: usize = 64 * 1024;

/// The buckets of all who come.
pub(crate) struct Limits {
    client_sends: Option<Buckets<ChatId>>,
    account_sends: Option<Buckets<UserId>>,
    fresh_sends: Option<Buckets<Address>>,
    fresh_for: TimeDelta,
    sessions: Option<Buckets<Address>>,
    all_sessions: Option<Buckets<()>>,
    requests: Option<Buckets<Principal>>,
    address_requests: Option<Buckets<Address>>,
}

impl Limits {
    pub(crate) fn new(config: &LimitsConfig) -> Self {
        Self {
            client_sends: Buckets::per_second(config.client_sends_per_second, config.client_send_burst),
            account_sends: Buckets::per_second(config.sends_per_second, config.send_burst),
            fresh_sends: Buckets::per_second(config.fresh_sends_per_second, config.fresh_send_burst),
            fresh_for: TimeDelta::from_std(config.fresh_for).unwrap_or(TimeDelta::MAX),
            sessions: Buckets::per_second(config.sessions_per_second, config.session_burst),
            all_sessions: Buckets::per_second(config.all_sessions_per_second, config.all_session_burst),
            requests: Buckets::per_second(config.requests_per_second, config.request_burst),
            address_requests: Buckets::per_second(config.address_requests_per_second, config.address_request_burst),
        }
    }

    /// Takes one message out of the sender's bucket, and out of its address's where its session token is fresh: sessions
    /// cost nothing, so that many of one address would else have as many buckets.
    pub(crate) fn send(&self, sender: Principal, from: Option<SentFrom>) -> Result<(), Error> {
        const WHY: &str = "too many messages in a short time; wait a little";
        match sender {
            Principal::Client { session_id } => {
                take(self.client_sends.as_ref(), &session_id, WHY)?;
                let fresh = from.filter(|from| self.is_fresh(*from));
                let taken = fresh.map_or(Ok(()), |from| take(self.fresh_sends.as_ref(), &place(from.address), WHY));
                // Of two buckets neither pays for what the other refuses.
                taken.inspect_err(|_| give_back(self.client_sends.as_ref(), &session_id))
            }
            Principal::Staff { user_id } | Principal::User { user_id } => {
                take(self.account_sends.as_ref(), &user_id, WHY)
            }
        }
    }

    fn is_fresh(&self, from: SentFrom) -> bool {
        Utc::now().timestamp().saturating_sub(from.token_made_at) < self.fresh_for.num_seconds()
    }

    /// Takes one new session out of its address's bucket, and out of everybody's.
    pub(crate) fn open_session(&self, address: Address) -> Result<(), Error> {
        let address = place(address);
        take(self.sessions.as_ref(), &address, "too many sessions were opened from your address; wait a little")?;
        take(self.all_sessions.as_ref(), &(), "too many sessions are being opened; wait a little")
            .inspect_err(|_| give_back(self.sessions.as_ref(), &address))
    }

    /// Takes one request out of its address's bucket.
    pub(crate) fn request_from(&self, address: Address) -> Result<(), Error> {
        take(self.address_requests.as_ref(), &place(address), "too many requests from your address; wait a little")
    }

    /// Takes one request out of the bucket of its client or account.
    pub(crate) fn request_of(&self, principal: Principal) -> Result<(), Error> {
        take(self.requests.as_ref(), &principal, "too many requests; wait a little")
    }

    /// Whether a client or an account has paid for all that it has asked for so far.
    pub(crate) fn owes_nothing(&self, principal: Principal) -> Result<(), Error> {
        let requests = self.requests.as_ref().map_or(Ok(()), |requests| requests.has_token(&principal));
        requests.map_err(|wait| Error::Refused(ErrorBody::rate_limited("too much was read; wait a little", wait)))
    }

    /// A read was so many bytes long.
    pub(crate) fn was_read(&self, principal: Principal, bytes: usize) {
        let tokens = u32::try_from(bytes / BYTES_OF_A_REQUEST).unwrap_or(u32::MAX);
        if let Some(requests) = self.requests.as_ref().filter(|_| tokens > 0) {
            requests.charge(&principal, tokens);
        }
    }

    /// Forgets the buckets that are full again.
    pub(crate) fn forget_idle(&self) {
        self.client_sends.iter().for_each(Buckets::forget_idle);
        self.account_sends.iter().for_each(Buckets::forget_idle);
        self.fresh_sends.iter().for_each(Buckets::forget_idle);
        self.sessions.iter().for_each(Buckets::forget_idle);
        self.requests.iter().for_each(Buckets::forget_idle);
        self.address_requests.iter().for_each(Buckets::forget_idle);
    }
}

/// The network that counts as one address. Callers without an address count together.
fn place(address: Address) -> Address {
    address.map(network)
}

/// Takes one out of a bucket; an empty one is refused with the time to wait.
fn take<K: Hash + Eq + Clone>(buckets: Option<&Buckets<K>>, key: &K, why: &str) -> Result<(), Error> {
    let Some(buckets) = buckets else { return Ok(()) };
    buckets.take(key).map_err(|wait| Error::Refused(ErrorBody::rate_limited(why, wait)))
}

fn give_back<K: Hash + Eq + Clone>(buckets: Option<&Buckets<K>>, key: &K) {
    if let Some(buckets) = buckets {
        buckets.give_back(key);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use chat_events::ErrorCode;

    use super::*;

    fn limits(per_second: u32, burst: u32) -> Limits {
        let burst = NonZeroU32::new(burst).expect("not 0");
        Limits::new(&LimitsConfig {
            client_sends_per_second: per_second,
            client_send_burst: burst,
            sends_per_second: 0,
            send_burst: burst,
            fresh_sends_per_second: per_second,
            fresh_send_burst: burst.saturating_mul(NonZeroU32::new(2).expect("not 0")),
            fresh_for: Duration::from_secs(60),
            sessions_per_second: per_second,
            session_burst: burst,
            all_sessions_per_second: per_second,
            all_session_burst: burst.saturating_add(1),
            requests_per_second: per_second,
            request_burst: burst,
            address_requests_per_second: per_second,
            address_request_burst: burst,
        })
    }

    const CLIENT: Principal = Principal::Client { session_id: ChatId(1) };

    fn address(text: &str) -> Address {
        Some(text.parse().expect("an address"))
    }

    /// Sent now from there, with a token of that age in seconds.
    fn from(text: &str, age: i64) -> Option<SentFrom> {
        Some(SentFrom { address: address(text), token_made_at: Utc::now().timestamp() - age })
    }

    fn passed(results: impl Iterator<Item = Result<(), Error>>) -> usize {
        results.filter(Result::is_ok).count()
    }

    #[test]
    fn who_writes_too_fast_is_told_how_long_to_wait_and_nobody_else_is_kept() {
        let limits = limits(1, 3);
        let taken: Vec<bool> = (0..4).map(|_| limits.send(CLIENT, None).is_ok()).collect();
        assert_eq!(taken, [true, true, true, false]);
        let Err(Error::Refused(body)) = limits.send(CLIENT, None) else { panic!("it was let through") };
        let wait = body.details["retry_after_ms"].as_u64().expect("a number");
        assert!((1..=1000).contains(&wait), "{wait} ms");
        assert_eq!((body.code, &body.details["retry_after"]), (ErrorCode::RateLimited, &1.into()));
        assert!(limits.send(Principal::Client { session_id: ChatId(2) }, None).is_ok());
    }

    #[test]
    fn no_limit_means_no_limit() {
        let limits = limits(1, 1);
        assert_eq!(passed((0..1000).map(|_| limits.send(Principal::User { user_id: UserId(1) }, None))), 1000);
    }

    #[test]
    fn many_fresh_sessions_of_one_address_have_one_bucket_and_older_ones_their_own() {
        let limits = limits(1, 2);
        let client = |id| Principal::Client { session_id: ChatId(id) };
        assert_eq!(passed((0..100).map(|id| limits.send(client(id), from("192.0.2.7", 0)))), 4);
        assert_eq!(passed((100..200).map(|id| limits.send(client(id), from("192.0.2.8", 59)))), 4);
        assert_eq!(passed((200..300).map(|id| limits.send(client(id), from("192.0.2.7", 61)))), 100);
        assert_eq!(passed((0..100).map(|id| limits.send(client(id), from("192.0.2.7", 61)))), 100, "none had paid");
    }

    #[test]
    fn sessions_are_counted_for_their_address_and_for_all() {
        let limits = limits(1, 3);
        assert_eq!(passed((0..9).map(|_| limits.open_session(address("192.0.2.7")))), 3);
        assert_eq!(passed((0..9).map(|_| limits.open_session(address("192.0.2.8")))), 1, "of all there are four");
        let limits = self::limits(1, 3);
        for host in 1..=3 {
            assert!(limits.open_session(address(&format!("2001:db8::{host}"))).is_ok());
        }
        assert!(limits.open_session(address("2001:db8::ffff")).is_err(), "a /64 is one address");
    }

    #[test]
    fn requests_are_counted_for_their_owner_and_their_address() {
        let limits = limits(1, 3);
        assert_eq!(passed((0..9).map(|_| limits.request_of(CLIENT))), 3);
        assert_eq!(passed((0..9).map(|_| limits.request_from(address("127.0.0.1")))), 3, "loopback is an address");
    }

    #[test]
    fn a_bucket_that_is_still_low_is_not_forgotten() {
        let limits = limits(1, 1);
        assert!(limits.send(CLIENT, None).is_ok());
        limits.forget_idle();
        assert!(limits.send(CLIENT, None).is_err());
    }
}
