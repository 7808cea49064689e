//! One message end to end, and all that a user of the channel sees, in both shapes.
//!
//! One binary: linking it once is quicker than linking it once a file.

mod alerts;
mod connection_limits;
mod delivery;
mod exhaustion;
mod frames;
mod group_chats;
mod handshake;
mod healing;
mod many_chats;
mod marks_and_typing;
mod operators;
mod pages;
mod polling;
mod poolers;
mod proxies;
mod rate_limits;
mod recovery;
mod restore;
mod resume;
mod rights;
mod scopes;
mod sessions;
mod shutdown;
mod slow_consumers;
mod sub_path;
mod thousands_of_chats;
mod tickets;
mod tracing;
mod viewing;
mod vital;
