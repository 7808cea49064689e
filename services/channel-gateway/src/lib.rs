//! Holds the connections of clients, operators and users, and sends them what happens in their chats.
//!
//! - [`config`], [`app`], [`server`], [`routes`]: settings, how the parts are put together, what is served where
//! - [`drain`]: how all of it ends
//! - [`transport`]: WebSocket and SSE, thin; WebSockets live on poller threads, with no task of their own
//! - [`connection`]: one connection · [`lifecycle`]: how it opens, listens, closes · [`connected`]: what it is told first · [`client_frames`]: what its frames do
//! - [`hub`]: from the bus to the connections, in order · [`join`], [`watch`]: from history to live · [`resume`]: many chats at once · [`cursor`]: from where
//! - [`history`]: what happened after a position · [`connect_snapshots`]: what those are told who connect, many by one of the [`questions`] · [`revocations`]: rights taken away
//! - [`heartbeat`]: whether the way from PostgreSQL to here is open
//! - [`frames`]: a frame, encoded once · [`origins`], [`credentials`], [`jwks`]: who may connect
//! - [`limits`]: how often at once · [`handshake_rates`], [`frame_rate`]: how often in a while · [`unserved`]: what is said of frames that are not served
//! - [`chat_service`]: what is asked of chat-service · [`gateway`]: the parts in one place · [`metrics`], [`error`]

pub mod app;
pub mod chat_service;
pub mod client_frames;
pub mod config;
pub mod connect_snapshots;
pub mod connected;
pub mod connection;
pub mod credentials;
pub mod cursor;
pub mod drain;
pub mod error;
pub mod frame_rate;
pub mod frames;
pub mod gateway;
pub mod handshake_rates;
pub mod heartbeat;
pub mod history;
pub mod hub;
pub mod join;
pub mod jwks;
pub mod lifecycle;
pub mod limits;
pub mod metrics;
pub mod origins;
pub mod questions;
pub mod resume;
pub mod revocations;
pub mod routes;
pub mod server;
pub mod transport;
pub mod unserved;
pub mod watch;

pub use config::{ChannelConfig, Config};
pub use gateway::Gateway;
