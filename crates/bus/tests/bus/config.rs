//! How a test's backend is configured.

use std::time::Duration;

use bus::{PubSubBackend, PubSubConfig};
use test_support::RedisPrefix;

/// Redis, with the test's own keys and channels.
pub(crate) fn redis(prefix: &RedisPrefix) -> PubSubConfig {
    PubSubConfig {
        backend: PubSubBackend::Redis,
        redis_url: Some(prefix.url().into()),
        redis_ca_file: None,
        redis_prefix: prefix.prefix().into(),
        stream_length: 1000,
        stream_ttl: Duration::from_secs(3600),
    }
}
