//! How a gateway is set up, served, watched and brought down.
//!
//! - [`config`]: settings · [`app`]: puts the parts together · [`server`], [`routes`]: the server and its routes ·
//!   [`drain`]: the end
//! - [`metrics`]; [`heartbeat`]: whether the way from PostgreSQL to here is open; [`error`]: errors of HTTP routes

pub(crate) mod app;
pub(crate) mod config;
pub(crate) mod drain;
pub(crate) mod error;
pub(crate) mod heartbeat;
pub(crate) mod metrics;
pub(crate) mod routes;
pub(crate) mod server;
