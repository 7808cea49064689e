//! HTTP servers that strangers may connect to: actix-http behind sockets of our own, which bound the memory that a peer
//! can hold.
//!
//! - [`listen`] serves an application on a port of its own; [`probes`] serves the probe routes alone
//! - [`workers`]: the threads that serve HTTP, for callers that accept connections themselves
//! - [`connections`]: how many there may be, in all and of one address · [`descriptors`]: the descriptors of the
//!   process
//! - [`connection`]: one connection, and where it stands · [`io`]: its bytes, as actix reads and writes them
//! - `head`: where a request ends, so that the next one is read when it is answered
//! - [`requests`]: tells a connection when a request begins and ends, and adds the headers that every answer has
//! - `deadlines`: cuts connections whose peer does not do its part in time
//! - [`preflight`]: the body for preflights that are refused
//! - `bare_errors`: the body for answers that actix gives by itself · `complaints`: the log of bytes that are no HTTP

mod bare_errors;
mod complaints;
pub mod config;
pub mod connection;
pub mod connections;
mod deadlines;
pub mod descriptors;
mod head;
pub mod io;
mod listening;
pub mod preflight;
pub mod probes;
mod refusal;
pub mod requests;
pub mod workers;

pub use config::HttpConfig;
pub use connection::Connection;
pub use connections::{ChannelPermit, ConnectionPermit, Connections, Refused};
pub use listening::{Server, listen};
pub use refusal::refuse;
pub use workers::{Workers, protocol};
