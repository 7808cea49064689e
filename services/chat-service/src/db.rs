//! PostgreSQL: the pools, and what statements of all features share.
//!
//! - `pool`: the pools of connections
//! - [`statement`]: fixed SQL texts, prepared once for each connection
//! - [`schema`]: the tables; [`stored`]: enums in them; [`json`]: times in JSON
//! - [`bad_rows`]: what is stored and cannot be read
//! - [`installation`]: migrations, and what must not differ between two starts
//! - `error`: what PostgreSQL's errors mean

pub(crate) mod bad_rows;
mod error;
pub(crate) mod installation;
pub(crate) mod json;
mod pool;
pub(crate) mod schema;
pub(crate) mod statement;
pub(crate) mod stored;

pub(crate) use pool::{Connection, Database, configure, connect};
