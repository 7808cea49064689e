//! REST: the same for every feature.
//!
//! - [`app`]: all routes put together; [`table`]: how features declare theirs; [`routes`]: all of them; [`openapi`]: their
//!   description; [`clients`]: the clients for browsers
//! - [`endpoint`]: a path, and the common part of all answers: limits, CORS ([`cors`]), methods, caching, metrics
//! - [`caller`]: the caller, and its address; [`asker`]: whether it still waits for the answer
//! - [`body`], [`params`], [`schemas`]: the content of requests; [`unreadable`]: answers to unreadable requests
//! - [`api_error`]: errors as answers
//! - [`bodies`], [`queries`]: the same readers without a server

pub(crate) mod api_error;
pub mod app;
pub(crate) mod asker;
pub mod bodies;
pub(crate) mod body;
pub(crate) mod caller;
mod clients;
pub(crate) mod cors;
mod endpoint;
mod openapi;
pub(crate) mod params;
pub mod queries;
mod routes;
pub(crate) mod schemas;
pub(crate) mod table;
mod unreadable;
