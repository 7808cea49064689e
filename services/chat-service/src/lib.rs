//! chat-service: REST, accounts, permissions, history, and the relay of the outbox. PostgreSQL is the only truth.
//!
//! - [`config`]: what the environment says
//! - [`state`]: what requests share; preparing the database and watching it
//! - [`app`]: the routes and what every answer has in common; `cors`: which pages may read it; `api`: the route table,
//!   and one file for each resource
//! - [`gateway`]: what gateways ask, over HTTP or within one process
//! - `writing`: durable changes; `sending`: of these the sends, many at a time; `reading`: what REST and gateways read alike; `db`: PostgreSQL, one file for each thing that is stored
//! - [`accounts`], `password`: operators and users
//! - `auth`: who asks; `tokens`: what it shows for it; `asker`: whether it still waits for the answer
//! - `check`: input; `metadata`: the one part of it that is free JSON; `limits`: how fast one may write; [`error`]: what goes wrong
//! - [`relay`]: from the outbox to RabbitMQ
//! - [`admin`]: what the command line does beside serving; [`hot_paths`]: single statements, to be measured
//! - `metrics`: what is counted; `bad_rows`: what is stored and cannot be read

pub mod accounts;
pub mod admin;
mod api;
pub mod app;
mod asker;
mod auth;
mod bad_rows;
mod check;
pub mod commands;
pub mod config;
mod cors;
mod db;
mod endpoint;
pub mod error;
pub mod gateway;
pub mod hot_paths;
mod limits;
mod metadata;
mod metrics;
mod password;
mod reading;
pub mod relay;
mod sending;
pub mod state;
mod tokens;
mod unreadable;
mod writing;

pub use accounts::ensure_demo_operator;
pub use api::{bodies, queries};
pub use config::{Config, ConfigError};
pub use db::installation::{PrepareError, migrate};
pub use db::send::SEND_STATEMENT;
pub use state::{AppState, Background, ServiceContext, StartError, start};
