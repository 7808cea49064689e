//! chat-service through its public HTTP interface, as a real process on a real PostgreSQL.

mod accounts;
mod bad_input;
mod bad_rows;
mod bans;
mod batches;
mod changes;
mod chat_list;
mod document;
mod gateway_api;
mod limits;
mod logins;
mod marks;
mod members;
mod pages;
mod races;
mod reading;
mod relaying;
mod revocations;
mod sending;
mod service;
mod sessions;
mod starting;
mod strangers;
mod upgrades;
mod values;
