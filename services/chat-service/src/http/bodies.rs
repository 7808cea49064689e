//! The bodies of all routes, to be read without a server: the same types, the same words for their faults.

use actix_web::error::JsonPayloadError;
use chat_events::{ErrorBody, MessageDraft};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::body::read_object;
use super::unreadable;
use crate::accounts::routes as auth;
use crate::chats::members::routes as members;
use crate::chats::routes as chats;
use crate::links::routes as links;
use crate::marks::routes as marks;
use crate::operators::routes as operators;
use crate::people::routes as people;
use crate::sessions::routes as sessions;
use crate::signs::routes as signs;

/// The body of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteBody {
    /// A visitor opens a session; its fields are checked too.
    OpenSession,
    /// A session is assigned.
    Assign,
    /// A session is opened, parked or closed.
    SetStatus,
    /// A message is written; its text is checked too.
    SendMessage,
    /// A mark is raised.
    RaiseMark,
    /// A sign of life is given.
    GiveSign,
    /// A member is brought in.
    AddMember,
    /// A member gets other rights.
    ChangeMember,
    /// Changes are asked for.
    Cursors,
    /// A user logs in.
    LogIn,
    /// A login is renewed.
    Refresh,
    /// A login ends.
    LogOut,
    /// Somebody is invited.
    Invite,
    /// A link is looked at.
    LookAtLink,
    /// A link is used.
    UseLink,
    /// An account is changed by an admin.
    ChangeAccount,
    /// Somebody changes its own account.
    ChangeMe,
    /// Somebody changes its password.
    ChangePassword,
    /// An operator says whether it takes sessions.
    SetAvailability,
}

/// Every body.
pub const ALL: [RouteBody; 19] = [
    RouteBody::OpenSession,
    RouteBody::Assign,
    RouteBody::SetStatus,
    RouteBody::SendMessage,
    RouteBody::RaiseMark,
    RouteBody::GiveSign,
    RouteBody::AddMember,
    RouteBody::ChangeMember,
    RouteBody::Cursors,
    RouteBody::LogIn,
    RouteBody::Refresh,
    RouteBody::LogOut,
    RouteBody::Invite,
    RouteBody::LookAtLink,
    RouteBody::UseLink,
    RouteBody::ChangeAccount,
    RouteBody::ChangeMe,
    RouteBody::ChangePassword,
    RouteBody::SetAvailability,
];

impl RouteBody {
    /// Reads it as its route does, and says the same as its route.
    pub fn read(self, json: &[u8]) -> Result<(), ErrorBody> {
        match self {
            Self::OpenSession => read::<sessions::OpenSession>(json).map(drop),
            Self::SendMessage => read::<MessageDraft>(json).map(drop),
            Self::Assign => read::<sessions::Assign>(json).map(drop),
            Self::SetStatus => read::<sessions::SetStatus>(json).map(drop),
            Self::RaiseMark => read::<marks::RaiseMark>(json).map(drop),
            Self::GiveSign => read::<signs::GiveSign>(json).map(drop),
            Self::AddMember => read::<members::AddMember>(json).map(drop),
            Self::ChangeMember => read::<members::ChangeMember>(json).map(drop),
            Self::Cursors => read::<chats::Cursors>(json).map(drop),
            Self::LogIn => read::<auth::LogIn>(json).map(drop),
            Self::Refresh => read::<auth::Refresh>(json).map(drop),
            Self::LogOut => read::<auth::LogOut>(json).map(drop),
            Self::Invite => read::<links::Invite>(json).map(drop),
            Self::LookAtLink => read::<links::LookAtLink>(json).map(drop),
            Self::UseLink => read::<links::UseLink>(json).map(drop),
            Self::ChangeAccount => read::<people::ChangeAccount>(json).map(drop),
            Self::ChangeMe => read::<people::ChangeMe>(json).map(drop),
            Self::ChangePassword => read::<people::ChangePassword>(json).map(drop),
            Self::SetAvailability => read::<operators::SetAvailability>(json).map(drop),
        }
    }
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, ErrorBody> {
    let json: Box<RawValue> =
        serde_json::from_slice(json).map_err(|why| unreadable::json("", &JsonPayloadError::Deserialize(why)))?;
    read_object(json.get())
}
