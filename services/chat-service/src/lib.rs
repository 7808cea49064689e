//! chat-service: REST, accounts, permissions, history, and the relay of the outbox. PostgreSQL is the only truth.
//!
//! By feature: each has its routes, its verbs and its statements, which nobody else uses.
//! - [`accounts`]: operators and users, and their logins; `people`: their administration; `links`: invitations and the like; `chats`: chats and their members; `messages`; `sessions` and
//!   `sites`; `contacts`; `talk`, a page without scripts; `marks`; `signs` of life; `operators` who are there; `activity`;
//!   `workspace`, which is not of a chat
//! - [`gateway`]: requests of gateways, over HTTP or within one process; `feed`: the change feed, for services that read it
//!
//! Shared by the features:
//! - `access`: the rights of actors; `changes`: the one way to change a chat
//! - [`http`]: REST, its extractors, errors and document; `input`: checked input; `limits`: how fast one may write
//! - `db`: PostgreSQL; `writes`: writes that are done to their end
//! - `tokens`: the tokens of callers; [`error`]: failures and their answers; `metrics`: the metrics
//!
//! The process:
//! - [`config`]: the settings from the environment; [`start`](mod@start): putting it together; `state`: the state that
//!   requests share; [`background`]: preparing the database and watching it
//! - [`relay`]: from the outbox to RabbitMQ; `upkeep`: the jobs that clear old data away
//! - [`commands`], [`admin`]: the command line beside serving; [`hot_paths`]: single statements, to be measured

mod access;
pub mod accounts;
mod activity;
pub mod admin;
pub mod background;
mod changes;
mod chats;
pub mod commands;
pub mod config;
mod contacts;
mod db;
pub mod error;
mod feed;
pub mod gateway;
pub mod hot_paths;
pub mod http;
mod input;
mod limits;
mod links;
mod marks;
mod messages;
mod metrics;
mod operators;
mod people;
pub mod relay;
mod sessions;
mod signs;
mod sites;
mod start;
mod state;
mod talk;
mod tokens;
mod upkeep;
mod workspace;
mod writes;

pub use accounts::ensure_demo_operator;
pub use background::Background;
pub use config::{Config, ConfigError};
pub use db::installation::{PrepareError, migrate};
pub use http::{app, bodies, queries};
pub use links::first::announce_first_admin;
pub use start::{ServiceContext, StartError, start};
pub use state::AppState;
