//! Who acts, and what it may do: one rule for each verb, spelled once.
//!
//! - [`actor`]: who acts, and how statements are told
//! - [`verb`]: what somebody may want to do, and what is said when it may not
//! - [`rules`]: the rules, as pieces of SQL: the only place that names roles, members' rights and what a session's state
//!   means for them. A new role, site or team changes this file
//! - [`standing`]: what one actor may do in one chat, read by itself

mod actor;
pub(crate) mod rules;
mod standing;
#[cfg(test)]
mod tests;
mod verb;

pub(crate) use actor::{Actor, ActorColumns, check_scope, sender_type};
pub(crate) use standing::{Standing, acting, acting_staff, check_assignable, hold};
pub(crate) use verb::{Verb, check_verdict};
