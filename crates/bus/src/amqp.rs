//! RabbitMQ between the outbox's relay and the dispatcher.
//!
//! - [`sink`]: publishes with confirms
//! - [`source`]: consumes a lane's queue
//! - `connection`: one connection, made anew by hand after any error
//! - `topology`: exchanges, queues and bindings

mod connection;
pub mod sink;
pub mod source;
mod topology;

pub use sink::AmqpSink;
pub use source::AmqpSource;
