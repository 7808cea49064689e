//! PostgreSQL: the pools, and the parts that statements of all features share.
//!
//! - `pool`: the pools of connections
//! - [`schema`]: the tables; [`stored`]: enums in them; [`json`]: times in JSON
//! - [`bad_rows`]: stored values that cannot be read
//! - [`installation`]: migrations, and the settings that must not differ between two starts
//! - `error`: the meaning of PostgreSQL's errors

pub(crate) mod bad_rows;
mod error;
pub(crate) mod installation;
pub(crate) mod json;
mod pool;
pub(crate) mod schema;
pub(crate) mod stored;

pub(crate) use pool::{Connection, Database, configure, connect};
