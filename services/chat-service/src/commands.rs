//! What the command line does beside serving: one file for each thing that it acts on.

mod chat;
mod user;

pub(crate) use chat::ChatCommand;
pub(crate) use user::UserCommand;
