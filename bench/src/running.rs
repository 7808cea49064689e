//! What runs already, as its clients see it.
//!
//! - [`latency`]: from commit, and from POST, to the socket, at a steady rate over many chats
//! - [`reconnect`]: thousands lose their gateway and come back with their cursors
//! - [`slow`]: what a client that does not read does to its neighbours

pub(crate) mod latency;
pub(crate) mod reconnect;
pub(crate) mod slow;
