//! The clients: visitors, staff and users, over WebSockets and server-sent events.
//!
//! - [`account`]: who a client is, and what proves it
//! - [`client`]: one that listens for as long as the run goes on
//! - [`screen`]: what it does with frames before it shows them; pure
//! - `link`, `websocket`, `event_stream`: one connection
//! - [`talker`]: one that writes, over REST and over the socket
//! - `trace`: what it was told, for evidence
//! - [`rest`]: the REST interface
//! - [`unacked`]: what was written over a socket and is not acknowledged

pub mod account;
pub mod client;
mod event_stream;
mod link;
pub mod rest;
pub mod screen;
pub mod talker;
mod trace;
pub mod unacked;
mod websocket;
