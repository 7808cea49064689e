//! How often one may come: buckets for those who come, and the addresses that they come from.
//!
//! - [`buckets`]: a token bucket for each key · [`recent`]: the map behind it, which has room for so many and no more
//! - [`address`]: where a client is

pub mod address;
pub mod buckets;
pub mod recent;

pub use address::{client_address, network};
pub use buckets::Buckets;
pub use recent::Recent;
