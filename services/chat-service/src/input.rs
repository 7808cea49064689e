//! What comes in from outside, checked at the edge.
//!
//! - [`fields`]: texts and numbers, each with its type; [`metadata`]: free JSON

pub(crate) mod fields;
pub(crate) mod metadata;
