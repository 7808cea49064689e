//! The settings from the environment. Read once in `main` and passed in.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use channel_auth::{JwtIssuer, JwtVerifier, SessionKeys};
use chat_events::LaneCount;
use secrecy::{ExposeSecret, SecretString};

/// Everything that chat-service needs to know, wherever it runs.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// PostgreSQL
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Tokens
    #[command(flatten)]
    pub auth: AuthConfig,
    /// How much one may ask for
    #[command(flatten)]
    pub limits: LimitsConfig,
    /// Logins
    #[command(flatten)]
    pub login_limits: LoginLimitsConfig,
    /// The change feed
    #[command(flatten)]
    pub feed: FeedConfig,
    /// How many proxies in front are to be believed about the client's address (X-Forwarded-For)
    #[arg(long, env = "HTTP__TRUSTED_PROXIES", default_value_t = 0)]
    pub http_trusted_proxies: usize,
    /// Over how many lanes events are relayed: 1 to 256, fixed at the first start on a database
    #[arg(long, env = "OUTBOX__LANES", default_value = "4")]
    pub outbox_lanes: LaneCount,
    /// Where the world reaches Switchboard, as in `https://chat.example.com` or, under a prefix,
    /// `https://example.com/chat-app/`: put before `stream_url`, which is else relative
    #[arg(long, env = "PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Origins of pages of other addresses that may call everything, such as a console of your own, separated by commas, as in
    /// `https://www.example.com`; `*` for all. Pages with the widget are allowed by their site
    #[arg(long, env = "CORS__ALLOWED_ORIGINS", value_delimiter = ',')]
    pub cors_allowed_origins: Vec<String>,
}

/// Where PostgreSQL is.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseConfig {
    /// PostgreSQL's address: `postgres://user:password@host:5432/database`
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<SecretString>,
    /// A file that holds `DATABASE_URL`
    #[arg(long, env = "DATABASE_URL_FILE")]
    pub database_url_file: Option<PathBuf>,
    /// How many connections are kept at most, beside up to 8 that messages are written on
    #[arg(long, env = "DATABASE__POOL_SIZE", default_value_t = 16,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub database_pool_size: usize,
}

impl DatabaseConfig {
    /// The address; an error when there is none.
    pub fn url(&self) -> Result<SecretString, ConfigError> {
        secret("DATABASE_URL", self.database_url.as_ref(), self.database_url_file.as_deref())?
            .ok_or(ConfigError::Missing("DATABASE_URL"))
    }
}

/// How much of the change feed is kept. A reader that was away for longer begins anew.
#[derive(Debug, Clone, clap::Args)]
pub struct FeedConfig {
    /// How long changes are kept
    #[arg(long, env = "FEED__KEEP", default_value = "14d", value_parser = humantime::parse_duration)]
    pub feed_keep: Duration,
    /// How many changes are kept at most, over all lanes; each takes about 125 bytes
    #[arg(long, env = "FEED__MAX_CHANGES", default_value_t = 100_000_000,
          value_parser = clap::value_parser!(i64).range(1000..))]
    pub feed_max_changes: i64,
}

/// How much one may ask for, over REST and, where it is about writing, sockets together. Each instance of chat-service
/// counts for itself. An address of IPv6 counts with its /64.
#[derive(Debug, Clone, clap::Args)]
pub struct LimitsConfig {
    /// How many messages an account may send in a second, in the long run, to each instance of chat-service; 0 for any
    #[arg(long, env = "LIMITS__SENDS_PER_SECOND", default_value_t = 20)]
    pub sends_per_second: u32,
    /// How many an account may send at once
    #[arg(long, env = "LIMITS__SEND_BURST", default_value = "100")]
    pub send_burst: NonZeroU32,
    /// How many messages the client of a session may send in a second, in the long run, to each instance of chat-service; 0
    /// for any
    #[arg(long, env = "LIMITS__CLIENT_SENDS_PER_SECOND", default_value_t = 5)]
    pub client_sends_per_second: u32,
    /// How many the client of a session may send at once
    #[arg(long, env = "LIMITS__CLIENT_SEND_BURST", default_value = "20")]
    pub client_send_burst: NonZeroU32,
    /// How many messages in a second, in the long run, may come from one address whose session tokens are fresh, over all
    /// its sessions; 0 for any
    #[arg(long, env = "LIMITS__FRESH_SENDS_PER_SECOND", default_value_t = 20)]
    pub fresh_sends_per_second: u32,
    /// How many of them at once
    #[arg(long, env = "LIMITS__FRESH_SEND_BURST", default_value = "100")]
    pub fresh_send_burst: NonZeroU32,
    /// How long a session token is fresh: so long its messages count for their address too
    #[arg(long, env = "LIMITS__FRESH_FOR", default_value = "15m", value_parser = humantime::parse_duration)]
    pub fresh_for: Duration,
    /// How many support sessions may be opened from one address in a second, in the long run; 0 for any
    #[arg(long, env = "LIMITS__SESSIONS_PER_SECOND", default_value_t = 2)]
    pub sessions_per_second: u32,
    /// How many at once
    #[arg(long, env = "LIMITS__SESSION_BURST", default_value = "30")]
    pub session_burst: NonZeroU32,
    /// How many support sessions may be opened in a second, in the long run, from all addresses together; 0 for any
    #[arg(long, env = "LIMITS__ALL_SESSIONS_PER_SECOND", default_value_t = 200)]
    pub all_sessions_per_second: u32,
    /// How many at once
    #[arg(long, env = "LIMITS__ALL_SESSION_BURST", default_value = "400")]
    pub all_session_burst: NonZeroU32,
    /// How many requests with one client's or account's tokens are answered in a second, in the long run; 0 for any
    #[arg(long, env = "LIMITS__REQUESTS_PER_SECOND", default_value_t = 50)]
    pub requests_per_second: u32,
    /// How many at once
    #[arg(long, env = "LIMITS__REQUEST_BURST", default_value = "500")]
    pub request_burst: NonZeroU32,
    /// How many requests from one address are answered in a second, in the long run; 0 for any
    #[arg(long, env = "LIMITS__ADDRESS_REQUESTS_PER_SECOND", default_value_t = 200)]
    pub address_requests_per_second: u32,
    /// How many at once
    #[arg(long, env = "LIMITS__ADDRESS_REQUEST_BURST", default_value = "2000")]
    pub address_request_burst: NonZeroU32,
}

/// How often a password may be guessed. Only what was wrong counts; a login that is being checked counts as wrong until it
/// is known.
#[derive(Debug, Clone, clap::Args)]
pub struct LoginLimitsConfig {
    /// How many wrong passwords for one account may come from one address in a minute, in the long run; 0 for any
    #[arg(long, env = "LIMITS__WRONG_PASSWORDS_PER_MINUTE", default_value_t = 2)]
    pub wrong_passwords_per_minute: u32,
    /// How many at once
    #[arg(long, env = "LIMITS__WRONG_PASSWORD_BURST", default_value = "10")]
    pub wrong_password_burst: NonZeroU32,
    /// How many wrong passwords for one account may come in a minute, in the long run, from all addresses together that it
    /// is not known from: those that it did not lately log in from; 0 for any
    #[arg(long, env = "LIMITS__ACCOUNT_WRONG_PASSWORDS_PER_MINUTE", default_value_t = 20)]
    pub account_wrong_passwords_per_minute: u32,
    /// How many at once
    #[arg(long, env = "LIMITS__ACCOUNT_WRONG_PASSWORD_BURST", default_value = "100")]
    pub account_wrong_password_burst: NonZeroU32,
    /// How many wrong passwords may come from one address in a minute, in the long run, over all accounts; 0 for any
    #[arg(long, env = "LIMITS__ADDRESS_WRONG_PASSWORDS_PER_MINUTE", default_value_t = 20)]
    pub address_wrong_passwords_per_minute: u32,
    /// How many at once
    #[arg(long, env = "LIMITS__ADDRESS_WRONG_PASSWORD_BURST", default_value = "50")]
    pub address_wrong_password_burst: NonZeroU32,
}

/// Who is trusted, and for how long.
#[derive(Debug, Clone, clap::Args)]
pub struct AuthConfig {
    /// The Ed25519 private key that signs access tokens, PEM: `openssl genpkey -algorithm ed25519`
    #[arg(long, env = "AUTH__JWT_PRIVATE_KEY", hide_env_values = true)]
    pub jwt_private_key: Option<SecretString>,
    /// A file that holds `AUTH__JWT_PRIVATE_KEY`
    #[arg(long, env = "AUTH__JWT_PRIVATE_KEY_FILE")]
    pub jwt_private_key_file: Option<PathBuf>,
    /// The `iss` of access tokens
    #[arg(long, env = "AUTH__JWT_ISSUER", default_value = "switchboard")]
    pub jwt_issuer: String,
    /// The `aud` of access tokens
    #[arg(long, env = "AUTH__JWT_AUDIENCE", default_value = "switchboard")]
    pub jwt_audience: String,
    /// How long an access token lives
    #[arg(long, env = "AUTH__ACCESS_TTL", default_value = "15m", value_parser = humantime::parse_duration)]
    pub access_ttl: Duration,
    /// How long a login lives without being used
    #[arg(long, env = "AUTH__REFRESH_TTL", default_value = "30d", value_parser = humantime::parse_duration)]
    pub refresh_ttl: Duration,
    /// For how long after its first use a refresh token may be traded again, so that two tabs may do so at the same moment
    #[arg(long, env = "AUTH__REFRESH_GRACE", default_value = "10s", value_parser = humantime::parse_duration)]
    pub refresh_grace: Duration,
    /// Keys of session tokens: `id:base64url,id2:base64url`, each at least 32 bytes; the first signs, all are accepted
    #[arg(long, env = "AUTH__SESSION_KEYS", hide_env_values = true)]
    pub session_keys: Option<SecretString>,
    /// A file that holds `AUTH__SESSION_KEYS`
    #[arg(long, env = "AUTH__SESSION_KEYS_FILE")]
    pub session_keys_file: Option<PathBuf>,
    /// How long a session token lives; at most 24 h
    #[arg(long, env = "AUTH__SESSION_TTL", default_value = "24h", value_parser = humantime::parse_duration)]
    pub session_ttl: Duration,
    /// The secret of gateways and of readers of the change feed, at least 32 characters. Without it `/internal/…` is not served
    #[arg(long, env = "AUTH__INTERNAL_SECRET", hide_env_values = true)]
    pub internal_secret: Option<SecretString>,
    /// A file that holds `AUTH__INTERNAL_SECRET`
    #[arg(long, env = "AUTH__INTERNAL_SECRET_FILE")]
    pub internal_secret_file: Option<PathBuf>,
}

/// The shortest secret between services, in characters.
const MIN_INTERNAL_SECRET: usize = 32;

impl AuthConfig {
    /// The internal secret, if one is set: without it there are no internal routes.
    pub fn internal_secret(&self) -> Result<Option<SecretString>, ConfigError> {
        let secret =
            secret("AUTH__INTERNAL_SECRET", self.internal_secret.as_ref(), self.internal_secret_file.as_deref())?;
        match secret {
            Some(short) if short.expose_secret().chars().count() < MIN_INTERNAL_SECRET => {
                Err(ConfigError::ShortInternalSecret)
            }
            secret => Ok(secret),
        }
    }

    /// The internal secret where services run apart, which cannot do without.
    pub fn require_internal_secret(&self) -> Result<SecretString, ConfigError> {
        self.internal_secret()?.ok_or(ConfigError::Missing("AUTH__INTERNAL_SECRET"))
    }

    /// The keys of session tokens.
    pub fn session_keys(&self) -> Result<SessionKeys, ConfigError> {
        let text = secret("AUTH__SESSION_KEYS", self.session_keys.as_ref(), self.session_keys_file.as_deref())?
            .ok_or(ConfigError::Missing("AUTH__SESSION_KEYS"))?;
        let keys =
            SessionKeys::parse(text.expose_secret()).map_err(|why| ConfigError::key("AUTH__SESSION_KEYS", &why))?;
        keys.with_lifetime(self.session_ttl).map_err(|why| ConfigError::key("AUTH__SESSION_TTL", &why))
    }

    /// Signs access tokens.
    pub fn jwt_issuer(&self) -> Result<JwtIssuer, ConfigError> {
        let name = "AUTH__JWT_PRIVATE_KEY";
        let pem = secret(name, self.jwt_private_key.as_ref(), self.jwt_private_key_file.as_deref())?
            .ok_or(ConfigError::Missing(name))?;
        // Where a variable cannot hold line breaks, they are often written as backslash and n.
        let pem = pem.expose_secret().replace("\\n", "\n");
        let issuer = JwtIssuer::from_pem(&pem, &self.jwt_issuer, &self.jwt_audience)
            .map_err(|why| ConfigError::key(name, &why))?;
        Ok(issuer.with_access_lifetime(self.access_ttl))
    }

    /// Accepts what this issuer signs.
    pub fn jwt_verifier(&self, issuer: &JwtIssuer) -> Result<JwtVerifier, ConfigError> {
        let verifier = JwtVerifier::new(&self.jwt_audience);
        verifier
            .set_keys(&self.jwt_issuer, &issuer.jwks())
            .map_err(|why| ConfigError::key("AUTH__JWT_PRIVATE_KEY", &why))?;
        Ok(verifier)
    }
}

/// Why the configuration cannot be used. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nothing works without it.
    #[error("{0} is not set (nor {0}_FILE)")]
    Missing(&'static str),
    /// It is set twice.
    #[error("{0} and {0}_FILE are both set")]
    Both(&'static str),
    /// Its file cannot be read.
    #[error("the file that {name}_FILE names cannot be read: {why}")]
    File {
        /// Which.
        name: &'static str,
        /// As the system says.
        why: std::io::Error,
    },
    /// It can be guessed.
    #[error("AUTH__INTERNAL_SECRET has fewer than 32 characters")]
    ShortInternalSecret,
    /// It is not a key.
    #[error("{name}: {why}")]
    Key {
        /// Which.
        name: &'static str,
        /// The fault.
        why: String,
    },
}

impl ConfigError {
    fn key(name: &'static str, why: &channel_auth::KeyError) -> Self {
        Self::Key { name, why: why.to_string() }
    }
}

/// A secret from the environment or from a file, without the file's last line break.
fn secret(
    name: &'static str,
    value: Option<&SecretString>,
    file: Option<&Path>,
) -> Result<Option<SecretString>, ConfigError> {
    match (value, file) {
        (Some(_), Some(_)) => Err(ConfigError::Both(name)),
        (Some(value), None) => Ok(Some(value.clone())),
        (None, None) => Ok(None),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|why| ConfigError::File { name, why })?;
            Ok(Some(text.trim_end_matches(['\r', '\n']).into()))
        }
    }
}
