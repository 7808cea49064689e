//! Delivered and read marks.
//!
//! - `routes`: over REST
//! - [`raise`](mod@raise): a reader has come further
//! - [`json`]: how reads tell of them

pub(crate) mod json;
mod raise;
pub(crate) mod routes;

pub(crate) use raise::raise;
