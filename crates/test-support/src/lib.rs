//! What a test against real servers and real processes needs. A test owns its database, its RabbitMQ vhost and its
//! Redis prefix, so all tests run beside each other; they are dropped with it, and what a killed test left behind is
//! swept by a later one.
//!
//! - [`servers`]: where PostgreSQL, RabbitMQ and Redis are
//! - [`database`]: a fresh database, cloned from one that was migrated once
//! - `http`: asks services and RabbitMQ's management API
//! - [`vhost`]: a fresh RabbitMQ virtual host
//! - [`prefix`]: a fresh prefix of Redis keys
//! - [`process`]: a service in a process of its own, and its log
//! - [`spawner`]: starts processes that end with whoever started them
//! - [`wait`]: waits for a condition, never for a time
//!
//! A failure of the context is a panic here: it fails the test, and says what to do.

pub mod database;
mod http;
mod names;
pub mod prefix;
pub mod process;
pub mod servers;
pub mod spawner;
pub mod vhost;
pub mod wait;

pub use database::{Database, empty_database, fresh_database};
pub use prefix::{RedisPrefix, fresh_prefix};
pub use process::{Process, Program};
pub use servers::{Servers, TlsServers};
pub use vhost::{Vhost, fresh_vhost};
pub use wait::wait_until;
