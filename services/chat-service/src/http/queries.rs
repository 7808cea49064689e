//! The queries of addresses, to be read without a server: the same types, the same words for their faults.

use actix_web::dev::{Path as Segments, ResourceDef};
use actix_web::error::PathError;
use actix_web::http::Uri;
use chat_events::gateway_api::Principal;
use chat_events::{ErrorBody, UserId};

use super::body::read_query;
use super::params::MemberPath;
use super::unreadable;
use crate::activity::routes::ActivityQuery;
use crate::chats::routes::ChatsQuery;
use crate::error::Error;
use crate::messages::history::PageAnchor;
use crate::messages::routes::{MessagesQuery, Wanted};
use crate::sessions::routes::SessionsQuery;

/// The query of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteQuery {
    /// Sessions are listed.
    Sessions,
    /// Messages are read.
    Messages,
    /// Chats are listed.
    Chats,
    /// Activity is read.
    Activity,
}

/// Every query.
pub const ALL: [RouteQuery; 4] = [RouteQuery::Sessions, RouteQuery::Messages, RouteQuery::Chats, RouteQuery::Activity];

/// The page that a good query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many at most.
    pub limit: u16,
    /// An id or a `seq` that the page lies at, where one says it.
    pub from: Option<i64>,
}

impl RouteQuery {
    /// Reads it as its route does for an operator, and says the same as its route.
    pub fn read(self, query: &str) -> Result<Page, ErrorBody> {
        match self {
            Self::Sessions => {
                let operator = Principal::Staff { user_id: UserId(1) };
                let filter = read_query::<SessionsQuery>(query)?.filter(operator).map_err(Error::into_body)?;
                Ok(Page { limit: filter.limit, from: None })
            }
            Self::Messages => {
                let (limit, wanted) = read_query::<MessagesQuery>(query)?.asked();
                Ok(Page { limit, from: anchor(wanted) })
            }
            Self::Chats => {
                let (limit, _) = read_query::<ChatsQuery>(query)?.asked();
                Ok(Page { limit, from: None })
            }
            Self::Activity => {
                let (limit, after) = read_query::<ActivityQuery>(query)?.asked();
                Ok(Page { limit, from: after.map(|seq| seq.0) })
            }
        }
    }
}

fn anchor(wanted: Wanted) -> Option<i64> {
    match wanted {
        Wanted::Changes(after) => Some(after.0),
        Wanted::History(PageAnchor::Before(message) | PageAnchor::After(message)) => Some(message.0),
        Wanted::History(PageAnchor::Newest) => None,
    }
}

/// The chat and the member in `/chats/{id}/members/{user_id}`. None if another route is meant, or none at all.
#[must_use]
pub fn member_path(path: &str) -> Option<Result<(i64, i64), ErrorBody>> {
    let uri: Uri = path.parse().ok()?;
    let mut segments = Segments::new(actix_web::dev::Url::new(uri));
    let route = ResourceDef::new("/chats/{id}/members/{user_id}");
    route.capture_match_info(&mut segments).then(|| {
        let member: MemberPath = segments.load().map_err(|why| unreadable::path(&PathError::Deserialize(why)))?;
        Ok((member.id, member.user_id))
    })
}
