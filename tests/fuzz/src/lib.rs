//! What reads bytes from outside, and what has to hold whatever they are.
//!
//! - [`targets`]: each reader with its property · [`mutate`]: inputs, made from good ones
//!
//! `tests/properties.rs` tries each briefly with proptest, `make fuzz` for as long as one likes. It is not cargo-fuzz, which
//! needs a nightly compiler: inputs are not guided by coverage, so the good ones that they are made from matter.

pub mod mutate;
pub mod targets;
