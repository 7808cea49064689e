//! RabbitMQ between the outbox's relay and the dispatcher.
//!
//! - [`address`]: where it is, and by which CA it is known
//! - [`sink`]: publishes with confirms
//! - [`source`]: consumes a lane's queue
//! - `connection`: one connection, made anew by hand after any error; whether the broker blocks it; its sure end
//! - `graves`: where dead letters go out
//! - `tasks`: lapin's tasks, which end with their connection
//! - `topology`: exchanges, queues and bindings

pub mod address;
mod connection;
mod graves;
pub mod sink;
pub mod source;
mod tasks;
mod topology;

pub use address::AmqpAddress;
pub use sink::AmqpSink;
pub use source::AmqpSource;
