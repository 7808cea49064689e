//! The bus between real servers: its sources, its sinks and its pub/subs.
//!
//! One binary: linking it once is quicker than linking it once a file.

mod amqp;
mod amqp_outages;
mod amqp_signals;
mod config;
mod events;
mod leases;
#[cfg(feature = "postgres")]
mod notify;
#[cfg(feature = "postgres")]
mod outbox;
mod pump;
mod redis;
mod redis_outages;
#[cfg(feature = "postgres")]
mod tls;
