//! Chats of every kind: the parts that sessions have too, and the parts that only other chats have.
//!
//! - `routes`: over REST
//! - [`list`]: a user's chats, a page at a time; [`changed`]: which of many chats changed
//! - [`state`](mod@state), [`json`]: how `connected`, lists and `sync` tell of a chat
//! - [`create`](mod@create): making one; [`members`]: its members

pub(crate) mod changed;
mod create;
pub(crate) mod json;
mod list;
pub(crate) mod members;
pub(crate) mod routes;
mod state;

pub(crate) use create::create;
pub(crate) use state::state;
