//! How often: connections of one owner at the same time, handshakes in a while, frames of a connection.

pub(crate) mod connections;
pub(crate) mod frame_costs;
pub(crate) mod frame_rate;
pub(crate) mod handshake_rates;
