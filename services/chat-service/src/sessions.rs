//! Support sessions.
//!
//! - `routes`: over REST; `visitor_routes`: for the visitor of a session
//! - [`open`](mod@open): a visitor opens one, [`openings`]: once for each `client_id`; [`visitor`]: comes back, and says who it is; [`own`]: its sessions
//! - [`change`](mod@change): status and assignee; [`ban`]: of the client
//! - [`view`], [`list`](mod@list): how REST shows them; [`counts`]: how many there are; [`earlier`](mod@earlier): the others of a visitor
//! - [`json`]: how events tell of them

mod ban;
mod change;
mod counts;
mod earlier;
pub(crate) mod json;
mod list;
mod open;
pub(crate) mod openings;
pub(crate) mod orphans;
mod own;
pub(crate) mod routes;
mod view;
mod visitor;
pub(crate) mod visitor_routes;

pub(crate) use change::{SessionChange, apply};
pub(crate) use open::{Device, NewSession};
pub(crate) use visitor::{Visitor, is_closed, proved};
