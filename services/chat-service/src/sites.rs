//! Web sites whose visitors open sessions: their settings, the pages that may show their widget, the keys with which they
//! sign their visitors' identities.
//!
//! - [`settings`]: the settings, as they are checked and stored; [`languages`]: those that there are words in
//! - [`rows`]: the table; [`secrets`]: the keys of signed identities
//! - [`named`](mod@named): the sites that a request gives to an account
//! - [`pages`]: the rules for pages, kept in memory; [`refused`]: pages that were refused
//! - [`shown`]: the settings as a widget sees them; [`routes`]: administration

pub(crate) mod languages;
mod named;
pub(crate) mod pages;
pub(crate) mod refused;
pub(crate) mod routes;
pub(crate) mod rows;
pub(crate) mod secrets;
pub(crate) mod settings;
pub(crate) mod shown;

pub(crate) use named::named;
pub(crate) use rows::{Site, add, by_key, list, set_archived};
