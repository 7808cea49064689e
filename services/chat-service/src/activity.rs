//! Activity: actions in a chat, as they are remembered. [`crate::changes`] writes it.
//!
//! - [`json`]: how events and `sync` tell of it

pub(crate) mod json;
