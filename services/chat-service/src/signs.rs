//! Signs of life by REST, for those who listen without a socket: typing, the page that a visitor looks at, the session that an
//! operator looks at.
//!
//! - `routes`: over REST
//! - [`tell`](mod@tell): others hear of one

pub(crate) mod routes;
mod tell;
