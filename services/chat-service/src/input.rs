//! What comes in from outside, checked at the edge.
//!
//! - [`check`]: texts and numbers; [`metadata`]: free JSON

pub(crate) mod check;
pub(crate) mod metadata;
