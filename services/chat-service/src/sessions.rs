//! Support sessions.
//!
//! - `routes`: over REST
//! - [`open`](mod@open): a visitor opens one; [`visitor`]: and comes back
//! - [`change`](mod@change): status and assignee; [`ban`]: of the client
//! - [`view`], [`list`]: how REST shows them
//! - [`json`]: how events tell of them

mod ban;
mod change;
pub(crate) mod json;
mod list;
mod open;
pub(crate) mod orphans;
pub(crate) mod routes;
mod view;
mod visitor;

pub(crate) use change::{SessionChange, apply};
