//! Settings, the same in every service that serves HTTP to many.

use clap::Args;

/// How much one address may have.
#[derive(Debug, Clone, Copy, Args)]
pub struct HttpConfig {
    /// How many connections one address may have at once; IPv6 counts by /64. Behind trusted proxies, streams and WebSockets are
    /// counted, by the address that the proxy names. 0 for any.
    #[arg(long, env = "HTTP__CONNECTIONS_PER_ADDRESS", default_value_t = 1000)]
    pub connections_per_address: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { connections_per_address: 1000 }
    }
}
