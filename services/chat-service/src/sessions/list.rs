//! The list of sessions.

use chat_events::{ChatId, Scope, SessionStatus, UserId};
use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::view::{self, SessionView};
use crate::access::{Actor, acting_staff};
use crate::db::bad_rows::BadRows;
use crate::db::schema::chat_sessions;
use crate::error::Error;

/// The assignee of the sessions that a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssigneeFilter {
    /// Nobody's.
    Nobody,
    /// One operator's.
    User(UserId),
}

/// Which sessions a list shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionFilter {
    pub(crate) status: Option<SessionStatus>,
    pub(crate) assignee: Option<AssigneeFilter>,
    /// Only those opened before this one.
    pub(crate) before: Option<ChatId>,
    pub(crate) limit: u16,
}

/// A page of sessions for an operator, the newest first, and where the next one begins. The page has a session less for
/// each that cannot be read.
pub(crate) async fn list(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    operator: Actor,
    filter: &SessionFilter,
) -> Result<(Vec<SessionView>, Option<ChatId>), Error> {
    let (operator, scope) = acting_staff(conn, operator).await?;
    let mut ids = matching_ids(conn, filter, &scope).await?;
    let has_more = ids.len() > usize::from(filter.limit);
    ids.truncate(usize::from(filter.limit));
    let views = view::many(conn, bad_rows, operator, &ids).await?;
    let next = ids.last().filter(|_| has_more).map(|id| ChatId(*id));
    Ok((views, next))
}

/// One more than the limit. Written per filter, so that PostgreSQL can pick the index that fits.
async fn matching_ids(conn: &mut AsyncPgConnection, filter: &SessionFilter, scope: &Scope) -> Result<Vec<i64>, Error> {
    let mut query = chat_sessions::table
        .select(chat_sessions::chat_id)
        .order(chat_sessions::chat_id.desc())
        .limit(i64::from(filter.limit) + 1)
        .into_boxed();
    if let Scope::Sites(sites) = scope {
        query = query.filter(chat_sessions::site_id.eq_any(sites.iter().map(|site| site.0)));
    }
    if let Some(status) = filter.status {
        query = query.filter(chat_sessions::status.eq(status.as_str()));
    }
    if let Some(before) = filter.before {
        query = query.filter(chat_sessions::chat_id.lt(before.0));
    }
    match filter.assignee {
        Some(AssigneeFilter::Nobody) => query = query.filter(chat_sessions::assigned_user_id.is_null()),
        Some(AssigneeFilter::User(user)) => query = query.filter(chat_sessions::assigned_user_id.eq(user.0)),
        None => {}
    }
    Ok(query.load(conn).await?)
}
