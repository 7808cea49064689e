//! The actor and its rights: one rule for each verb, spelled once.
//!
//! - [`actor`]: the actor, and how statements are told of it
//! - [`verb`]: the actions that an actor may want to do, and the answers when it may not
//! - [`rules`]: the rules, as pieces of SQL: the only place that names roles, members' rights and what a session's state
//!   means for them. A new role, site or team changes this file
//! - [`administration`]: the rights of admins over accounts
//! - [`standing`]: the rights of one actor in one chat, read by themselves

mod actor;
mod administration;
pub(crate) mod rules;
mod standing;
#[cfg(test)]
mod tests;
mod verb;

pub(crate) use actor::{Actor, ActorColumns, check_scope, sender_type};
pub(crate) use administration::{
    administers_all_of, check_administers, has_admin_of_all_sites, has_no_admin, hold_admins, scope_of,
};
pub(crate) use standing::{
    Standing, acting, acting_admin, acting_in_sites, acting_staff, check_assignable, held_admin, hold,
};
pub(crate) use verb::{Verb, check_verdict};
