//! Holds the connections of clients, operators and users, and sends them the changes of their chats.
//!
//! - [`ops`]: settings, the composition of the parts, routes, shutdown, metrics
//! - [`transport`]: WebSocket, SSE and long polling, thin; WebSockets live on poller threads, with no task of their own
//! - [`auth`]: authentication, and rights that were taken away · [`limits`]: how often
//! - [`connection`]: one connection, from its opening to its end
//! - [`catch_up`]: from a client's last read position to live frames
//! - [`hub`]: from the bus to the connections, in order
//! - [`chat_service`]: the calls to chat-service, many questions at a time
//! - [`gateway`]: the parts in one place
//! - `model`: every interleaving of a small chat, explored

mod auth;
mod catch_up;
mod chat_service;
mod connection;
mod gateway;
mod hub;
mod limits;
#[cfg(test)]
mod model;
mod ops;
mod transport;

pub use auth::credentials::Credentials;
pub use chat_service::{Answer, ChatService};
pub use connection::lifecycle::run_hub;
pub use gateway::{Gateway, Parts};
pub use ops::app::run;
pub use ops::config::{ChannelConfig, Config};
pub use ops::drain::drain;
pub use ops::error::refused_preflight_in_shape;
pub use ops::heartbeat::Heartbeat;
pub use ops::metrics::GatewayMetrics;
pub use ops::routes::configure;
pub use ops::server::{Server, serve};

/// Internals that benchmarks and fuzzers need; no other code is to use them.
#[doc(hidden)]
pub mod inside {
    pub use crate::auth::credentials::{Grant, Identity};
    pub use crate::catch_up::cursor::{CameFrom, after as cursor_after, last_event_id};
    pub use crate::catch_up::history::History;
    pub use crate::catch_up::watch::Watch;
    pub use crate::connection::Connection;
    pub use crate::hub::{Hub, Parts as HubParts};
    pub use crate::transport::Outlet;
    pub use crate::transport::codec::{Decoder, END, Incoming, Violation, encode};
    pub use crate::transport::frames::{ChatFrame, Frame};
    pub use crate::transport::poll_request::PollRequest;
    pub use crate::transport::upgrades::read_upgrade;
}
