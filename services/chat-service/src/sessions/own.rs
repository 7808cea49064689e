//! The sessions of one visitor: of the same device and, where it is proved, of the same person at that site.

use chat_events::{ChatId, SiteId};
use diesel::prelude::{BoolExpressionMethods, ExpressionMethods, NullableExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::view::{self, SessionView};
use super::visitor::Visitor;
use crate::db::bad_rows::BadRows;
use crate::db::schema::{chat_sessions, clients};
use crate::error::Error;

/// Whose sessions.
pub(super) enum Owner<'a> {
    /// A device, with those of the person that it has proved to be of.
    Device(&'a Visitor),
    /// A person, on whatever device.
    Person { contact: i64, site: SiteId },
}

/// A page of them, the newest first, and where the next one begins.
pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    owner: Owner<'_>,
    before: Option<ChatId>,
    limit: u16,
) -> Result<(Vec<SessionView>, Option<ChatId>), Error> {
    let mut query = chat_sessions::table
        .inner_join(clients::table)
        .filter(clients::banned_at.is_null())
        .select(chat_sessions::chat_id)
        .order(chat_sessions::chat_id.desc())
        .limit(i64::from(limit) + 1)
        .into_boxed();
    let of_person = |contact: i64, site: i64| {
        clients::contact_id.eq(contact).and(chat_sessions::site_id.eq(site)).assume_not_null()
    };
    query = match owner {
        Owner::Device(Visitor { client, contact: None, .. }) => query.filter(chat_sessions::client_id.eq(*client)),
        Owner::Device(Visitor { client, contact: Some(contact), site, .. }) => {
            query.filter(chat_sessions::client_id.eq(*client).or(of_person(*contact, *site)))
        }
        Owner::Person { contact, site } => query.filter(of_person(contact, site.0)),
    };
    if let Some(before) = before {
        query = query.filter(chat_sessions::chat_id.lt(before.0));
    }
    let mut ids: Vec<i64> = query.load(conn).await?;
    let has_more = ids.len() > usize::from(limit);
    ids.truncate(usize::from(limit));
    let views = view::of_visitor(conn, bad_rows, &ids).await?;
    let next = ids.last().filter(|_| has_more).map(|id| ChatId(*id));
    Ok((views, next))
}
