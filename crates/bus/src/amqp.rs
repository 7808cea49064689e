//! RabbitMQ between chat-service and the dispatcher.
//!
//! - [`address`]: where it is, and by which CA it is known
//! - [`sink`]: publishes with confirms
//! - [`source`]: consumes a lane's queue
//! - [`signals`]: signals, beside the lanes
//! - `connection`: one connection, made anew by hand after any error; whether the broker blocks it; its sure end
//! - `graves`: where dead letters go out
//! - `tasks`: lapin's tasks, which end with their connection
//! - `topology`: exchanges, queues and bindings

pub mod address;
mod connection;
mod graves;
pub mod signals;
pub mod sink;
pub mod source;
mod tasks;
mod topology;

pub use address::AmqpAddress;
pub use signals::{AmqpSignals, signal_sink};
pub use sink::AmqpSink;
pub use source::AmqpSource;
