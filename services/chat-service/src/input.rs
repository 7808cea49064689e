//! Input from outside, checked at the edge; values that frames hold as well are with their types in `chat_events`.
//!
//! - [`fields`]: texts and numbers, each with its type

pub(crate) mod fields;
