//! Signs of life by REST, for visitors that listen without a socket: typing, and the page that they look at.
//!
//! - `routes`: over REST
//! - [`tell`](mod@tell): operators hear of one

pub(crate) mod routes;
mod tell;
