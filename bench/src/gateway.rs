//! The gateway as a server of sockets, started anew on a core of its own. Its load comes from another core.
//!
//! - [`fanout`]: one message to thousands, against a floor and against servers that others would build
//! - [`soak`]: many sockets for minutes, and many that come and go
//! - [`neighbours`]: what a chat of thousands does to chats of two
//! - [`operators`]: a staff feed over many open sessions
//! - [`subject`]: what is measured; `message`: what it is given to bring
//! - `crowd`: the load generator; `crew` lets it work beside the rest

mod crew;
mod crowd;
pub(crate) mod fanout;
mod message;
pub(crate) mod neighbours;
pub(crate) mod operators;
pub(crate) mod soak;
mod subject;
