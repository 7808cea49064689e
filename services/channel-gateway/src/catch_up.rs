//! From a client's last read position to live frames.
//!
//! - [`cursor`]: the start · [`history`]: the changes after a position · [`watch`]: one chat of one connection
//! - [`join`]: from history to live, for one chat · [`resume`]: for many at once

pub(crate) mod cursor;
pub(crate) mod history;
pub(crate) mod join;
pub(crate) mod resume;
pub(crate) mod watch;
