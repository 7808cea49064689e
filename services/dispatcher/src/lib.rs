//! The dispatcher: takes events from RabbitMQ or from the outbox, and passes them on to Redis or by NOTIFY. Which
//! channels an event goes to is said by [`chat_events::names::channels_of`].
//!
//! - [`config`]: its settings
//! - [`consumer`]: where events come from
//! - [`publisher`]: where they go
//! - [`signals`]: the signals of chat-service, beside the lanes
//! - [`neighbours`]: the services that it reaches within its own process, in standalone
//! - [`pipeline`]: one pump per lane, and the signals, until shutdown

pub mod config;
pub mod consumer;
pub mod neighbours;
pub mod pipeline;
pub mod publisher;
pub mod signals;

pub use config::{Config, PipelineConfig};
pub use neighbours::Neighbours;
pub use pipeline::{ServiceContext, run};
