//! Which backends carry events, and where they are.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use crate::BusError;
use crate::amqp::AmqpAddress;

/// The backend between the outbox and the dispatcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BrokerBackend {
    /// Nothing: the dispatcher reads the outbox in PostgreSQL.
    Pg,
    /// RabbitMQ.
    Amqp,
}

/// The backend between the dispatcher and the gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PubSubBackend {
    /// PostgreSQL's LISTEN/NOTIFY.
    Pg,
    /// Redis: pub/sub, and streams of the last events.
    Redis,
}

/// From the outbox to the dispatcher.
#[derive(Debug, Clone, Args)]
pub struct BrokerConfig {
    /// What carries events from the outbox to the dispatcher: `pg` (the dispatcher reads the outbox) or `amqp`
    /// (RabbitMQ).
    #[arg(id = "broker_backend", long = "broker-backend", env = "BROKER__BACKEND", value_enum, default_value = "pg")]
    pub backend: BrokerBackend,

    /// Where RabbitMQ is: `amqp://user:password@host:5672/vhost`, or `amqps://…` for TLS. Needed with `BROKER__BACKEND=amqp`.
    #[arg(id = "broker_amqp_url", long = "broker-amqp-url", env = "BROKER__AMQP_URL", hide_env_values = true)]
    pub amqp_url: Option<SecretString>,

    /// A PEM file with the CA of RabbitMQ's certificate; else the system's CAs count.
    #[arg(id = "broker_amqp_ca_file", long = "broker-amqp-ca-file", env = "BROKER__AMQP_CA_FILE")]
    pub amqp_ca_file: Option<PathBuf>,
}

impl BrokerConfig {
    /// RabbitMQ's address, or the setting that is missing.
    pub fn amqp_address(&self) -> Result<AmqpAddress, BusError> {
        let missing = || BusError("BROKER__BACKEND=amqp needs BROKER__AMQP_URL".into());
        AmqpAddress::new(self.amqp_url.clone().ok_or_else(missing)?, self.amqp_ca_file.as_deref())
    }
}

/// From the dispatcher to the gateways.
#[derive(Debug, Clone, Args)]
pub struct PubSubConfig {
    /// What carries events from the dispatcher to the gateways: `pg` (LISTEN/NOTIFY) or `redis`.
    #[arg(id = "pubsub_backend", long = "pubsub-backend", env = "PUBSUB__BACKEND", value_enum, default_value = "pg")]
    pub backend: PubSubBackend,

    /// Where Redis is: `redis://:password@host:6379/0`, or `rediss://…` for TLS. Needed with `PUBSUB__BACKEND=redis`.
    #[arg(id = "pubsub_redis_url", long = "pubsub-redis-url", env = "PUBSUB__REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<SecretString>,

    /// A PEM file with the CA of Redis's certificate; else the system's CAs count.
    #[arg(id = "pubsub_redis_ca_file", long = "pubsub-redis-ca-file", env = "PUBSUB__REDIS_CA_FILE")]
    pub redis_ca_file: Option<PathBuf>,

    /// Put before every Redis key and channel, so that several installations can share a Redis.
    #[arg(
        id = "pubsub_redis_prefix",
        long = "pubsub-redis-prefix",
        env = "PUBSUB__REDIS_PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    pub redis_prefix: String,

    /// About how many of its last events a Redis stream keeps.
    #[arg(
        id = "pubsub_stream_length",
        long = "pubsub-stream-length",
        env = "PUBSUB__STREAM_LENGTH",
        default_value_t = 1000,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub stream_length: u32,

    /// How long a Redis stream lives after its last event.
    #[arg(
        id = "pubsub_stream_ttl",
        long = "pubsub-stream-ttl",
        env = "PUBSUB__STREAM_TTL",
        default_value = "24h",
        value_parser = humantime::parse_duration
    )]
    pub stream_ttl: Duration,
}

impl PubSubConfig {
    /// Redis's address, or the setting that is missing.
    pub fn redis_url(&self) -> Result<SecretString, BusError> {
        self.redis_url.clone().ok_or_else(|| BusError("PUBSUB__BACKEND=redis needs PUBSUB__REDIS_URL".into()))
    }
}
