//! Activity: actions in a chat, as they are remembered. [`crate::changes`] writes it; here it is read.
//!
//! - `routes`: over REST
//! - [`list`](mod@list): a page of it
//! - [`json`]: how events, `sync` and REST tell of it

pub(crate) mod json;
mod list;
pub(crate) mod routes;
