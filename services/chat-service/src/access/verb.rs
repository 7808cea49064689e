//! The actions that an actor may want to do in a chat, and the answers when it may not.

use chat_events::{ErrorCode, Visibility};

use crate::error::Error;

/// An action that an actor wants to do in a chat. The rule of each is in [`super::rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// See its messages, members and state.
    Read,
    /// Write a message that these may see.
    Write(Visibility),
    /// Pin a message.
    #[cfg_attr(not(test), expect(dead_code, reason = "pins come with messages in full"))]
    Pin,
    /// Bring others in.
    Invite,
    /// Change its members and their rights.
    Manage,
    /// See a support session as one.
    SeeSession,
    /// Do an operator's work in a session: assign it, close it, ban its client.
    Desk,
}

impl Verb {
    /// Every verb.
    #[cfg(test)]
    pub(super) const ALL: [Self; 8] = [
        Self::Read,
        Self::Write(Visibility::Public),
        Self::Write(Visibility::Staff),
        Self::Pin,
        Self::Invite,
        Self::Manage,
        Self::SeeSession,
        Self::Desk,
    ];

    /// Its name in the rules.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write(_) => "write",
            Self::Pin => "pin",
            Self::Invite => "invite",
            Self::Manage => "manage",
            Self::SeeSession => "see_session",
            Self::Desk => "desk",
        }
    }

    /// Of a message that is to be written.
    pub(crate) fn visibility(self) -> &'static str {
        match self {
            Self::Write(visibility) => visibility.as_str(),
            _ => Visibility::Public.as_str(),
        }
    }

    /// The words for a chat that is not there, or of which the actor may not know.
    fn unknown(self) -> &'static str {
        match self {
            Self::SeeSession | Self::Desk => "there is no such session",
            _ => "there is no such chat",
        }
    }
}

/// Turns the verdict of a rule into an answer. A verdict that is not known here refuses.
pub(crate) fn check_verdict(verb: Verb, verdict: &str) -> Result<(), Error> {
    Err(match verdict {
        "allowed" => return Ok(()),
        "unknown" => Error::not_found(verb.unknown()),
        "inactive" => Error::not_active(),
        "banned" => Error::forbidden("the client is banned"),
        "unproved" => Error::unproved(),
        "not_staff" => Error::forbidden("this is for operators"),
        "not_writer" => Error::forbidden("you may not write here"),
        "not_admin" => Error::forbidden("this is for admins of the chat"),
        "note" => Error::forbidden("notes are for operators in support sessions"),
        "closed" => Error::refused(ErrorCode::Conflict, "the session is closed"),
        "direct" => Error::refused(ErrorCode::Conflict, "a direct chat keeps its two members and their rights"),
        _ => Error::forbidden("you may not do this here"),
    })
}
