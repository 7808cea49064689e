//! chat-service through its public HTTP interface, as a real process on a real PostgreSQL.

mod accounts;
mod bad_input;
mod document;
mod gateway_api;
mod reading;
mod relaying;
mod sending;
mod service;
mod sessions;
mod starting;
