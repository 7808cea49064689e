//! What comes in from outside, checked at the edge; what frames hold as well is with their types in `chat_events`.
//!
//! - [`fields`]: texts and numbers, each with its type

pub(crate) mod fields;
