//! Settings, read once in `main`.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bus::config::PubSubConfig;
use clap::Args;
use http_server::{Connections, HttpConfig};
use secrecy::SecretString;
use telemetry::{Metrics, TelemetryConfig};

use crate::limits::connections::ConnectionLimits;

/// Settings of a channel-gateway.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "channel-gateway", version, about = "Holds WebSocket and SSE connections")]
pub struct Config {
    /// Where HTTP and WebSockets are served.
    #[arg(long, env = "HTTP__BIND", default_value = "127.0.0.1:8082")]
    pub bind: String,
    /// chat-service's address.
    #[arg(long, env = "CHAT_SERVICE__URL", default_value = "http://127.0.0.1:8081")]
    pub chat_service_url: String,
    /// The secret between services, the same as chat-service's. At least 32 characters.
    #[arg(long, env = "AUTH__INTERNAL_SECRET", hide_env_values = true)]
    pub internal_secret: SecretString,
    /// Keys of session tokens, the same as chat-service's: `id:base64url,…`.
    #[arg(long, env = "AUTH__SESSION_KEYS", hide_env_values = true)]
    pub session_keys: SecretString,
    /// How long a session token is good, at most 24h; the same as chat-service's.
    #[arg(long, env = "AUTH__SESSION_TTL", default_value = "24h", value_parser = humantime::parse_duration)]
    pub session_ttl: Duration,
    /// The `aud` that a JWT must have.
    #[arg(long, env = "AUTH__JWT_AUDIENCE", default_value = "switchboard")]
    pub jwt_audience: String,
    /// The issuers whose JWTs are accepted, a comma-separated list.
    #[arg(long, env = "AUTH__JWT_ISSUER", default_value = "switchboard", value_delimiter = ',')]
    pub jwt_issuers: Vec<String>,
    /// Where the keys of each issuer are, a comma-separated list in the same order.
    #[arg(
        long,
        env = "AUTH__JWKS_URL",
        default_value = "http://127.0.0.1:8081/.well-known/jwks.json",
        value_delimiter = ','
    )]
    pub jwks_urls: Vec<String>,
    #[command(flatten)]
    pub channel: ChannelConfig,
    #[command(flatten)]
    pub pubsub: PubSubConfig,
    /// PostgreSQL, only with PUBSUB__BACKEND=pg.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<SecretString>,
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

/// What connections are allowed, in any shape.
#[derive(Debug, Clone, Args)]
pub struct ChannelConfig {
    /// Origins of pages that may connect as anybody, a comma-separated list; `*` for all. Pages of the same address always may,
    /// and visitors' pages where their site allows them.
    #[arg(long, env = "CORS__ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<String>,
    /// Between two pings; a WebSocket that leaves two unanswered is closed. On event streams a comment line comes after half
    /// of it, and after 15 s at most.
    #[arg(long, env = "CHANNEL__PING_INTERVAL", default_value = "30s", value_parser = humantime::parse_duration)]
    pub ping_interval: Duration,
    /// Connections of one client session, over all gateways; the oldest gives way to the next.
    #[arg(long, env = "CHANNEL__CLIENT_CONNECTIONS", default_value_t = 5)]
    pub client_connections: usize,
    /// Connections of one operator, over all gateways.
    #[arg(long, env = "CHANNEL__OPERATOR_CONNECTIONS", default_value_t = 20)]
    pub operator_connections: usize,
    /// Connections of the owner of any other token, over all gateways.
    #[arg(long, env = "CHANNEL__OTHER_CONNECTIONS", default_value_t = 10)]
    pub other_connections: usize,
    #[command(flatten)]
    pub http: HttpConfig,
    #[command(flatten)]
    pub rates: RateConfig,
    /// Threads that own the WebSockets, and tasks that bring frames to them; 0 means one per core, at most 4.
    #[arg(long, env = "CHANNEL__POLLERS", default_value_t = 0)]
    pub pollers: usize,
    /// Connections closed per second when the gateway is told to end; more, if all would not be told in 12 s.
    #[arg(long, env = "CHANNEL__DRAIN_PER_SECOND", default_value_t = 1000)]
    pub drain_per_second: u32,
    /// Over how long they are told to come back: each at another time within it.
    #[arg(long, env = "CHANNEL__RECONNECT_WITHIN", default_value = "5s", value_parser = humantime::parse_duration)]
    pub reconnect_within: Duration,
    /// Serves the bare WebSocket codec at /channel/echo, for conformance runs.
    #[arg(long, env = "CHANNEL__ECHO", default_value_t = false)]
    pub echo: bool,
}

/// How often one may come and write. Each gateway has its own count.
#[derive(Debug, Clone, Copy, Args)]
pub struct RateConfig {
    /// How many connections the owner of a token may open in a second, in the long run, on each gateway; 0 for any.
    #[arg(long, env = "CHANNEL__HANDSHAKES_PER_SECOND", default_value_t = 5)]
    pub handshakes_per_second: u32,
    /// How many it may open at once.
    #[arg(long, env = "CHANNEL__HANDSHAKE_BURST", default_value = "60")]
    pub handshake_burst: NonZeroU32,
    /// How many bad tokens an address is told of in a second, in the long run; beyond that it is told to wait. Good tokens
    /// of that address are not concerned. 0 for any.
    #[arg(long, env = "CHANNEL__BAD_PROOFS_PER_SECOND", default_value_t = 10)]
    pub bad_proofs_per_second: u32,
    /// How many bad tokens an address is told of at once.
    #[arg(long, env = "CHANNEL__BAD_PROOF_BURST", default_value = "100")]
    pub bad_proof_burst: NonZeroU32,
    /// How many proxies before the gateway are to be believed about the client's address (X-Forwarded-For).
    #[arg(long, env = "HTTP__TRUSTED_PROXIES", default_value_t = 0)]
    pub trusted_proxies: usize,
    /// How many frames a connection may send in a second, in the long run; 0 for any.
    #[arg(long, env = "CHANNEL__FRAMES_PER_SECOND", default_value_t = 50)]
    pub frames_per_second: u32,
    /// How many frames a connection may send at once.
    #[arg(long, env = "CHANNEL__FRAME_BURST", default_value = "200")]
    pub frame_burst: NonZeroU32,
    /// How many refused frames are borne at once, and again as many per second as are allowed, before the connection is closed;
    /// 0 for any.
    #[arg(long, env = "CHANNEL__FRAME_EXCESS", default_value_t = 1000)]
    pub frame_excess: u32,
}

impl ChannelConfig {
    /// The connection limits.
    #[must_use]
    pub fn limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            client: self.client_connections,
            operator: self.operator_connections,
            other: self.other_connections,
        }
    }

    /// The connections of this process. The limit of open files is raised with it.
    #[must_use]
    pub fn connections(&self, metrics: &Metrics) -> Arc<Connections> {
        Connections::new(self.http, self.rates.trusted_proxies > 0, metrics)
    }

    /// How many threads own the WebSockets.
    #[must_use]
    pub fn pollers(&self) -> usize {
        match self.pollers {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)),
            threads => threads,
        }
    }
}
