//! Lists of sessions.
//!
//! - [`cursor`]: the order of a list, and where a page ends
//! - [`search`]: the clients whose name or address has a text in it
//!
//! The text of the query depends on what is asked for, and PostgreSQL plans it each time for exactly these values: a plan
//! that is good for the few open sessions is bad for the many closed ones. What is written into the text are numbers and
//! names of ours.

mod cursor;
mod search;

use chat_events::{ChatId, Scope, SessionStatus, SiteId, UserId};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::view::{self, SessionView};
use crate::access::{Actor, acting_staff};
use crate::chats::json::changed_at_number;
use crate::db::bad_rows::BadRows;
use crate::error::Error;
use crate::sites::rows as sites;
pub(crate) use cursor::{Order, Place};
pub(crate) use search::Needle;

/// The assignee of the sessions that a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssigneeFilter {
    /// Nobody's.
    Nobody,
    /// One operator's.
    User(UserId),
}

/// Which sessions a list shows, and from where on.
#[derive(Debug, Clone)]
pub(crate) struct SessionFilter {
    /// One of these; none for all.
    pub(crate) statuses: Vec<SessionStatus>,
    pub(crate) assignee: Option<AssigneeFilter>,
    /// The key of a site.
    pub(crate) site: Option<String>,
    /// A text in the name or the address of the client, or a session's number.
    pub(crate) needle: Option<Needle>,
    pub(crate) order: Order,
    /// Behind this place, which is of the same order.
    pub(crate) behind: Option<Place>,
    pub(crate) limit: u16,
}

/// A page of sessions for an operator, and where the next one begins. The page has a session less for each that cannot be
/// read.
pub(crate) async fn list(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    operator: Actor,
    filter: &SessionFilter,
) -> Result<(Vec<SessionView>, Option<Place>), Error> {
    let (operator, scope) = acting_staff(conn, operator).await?;
    let Some(asked) = Asked::of(conn, filter, scope).await? else { return Ok((Vec::new(), None)) };
    let mut places = asked.places(conn).await?;
    let has_more = places.len() > usize::from(filter.limit);
    places.truncate(usize::from(filter.limit));
    let ids: Vec<i64> = places.iter().map(|place| place.chat().0).collect();
    let views = view::many(conn, bad_rows, operator, &ids).await?;
    Ok((views, places.last().copied().filter(|_| has_more)))
}

/// Up to so many sessions are found by what is asked of them, and put in order then. More are looked for in their order: one of
/// every fifty, at worst, of a hundred thousand.
const FEW: usize = 2000;

/// A question that has an answer.
struct Asked<'a> {
    filter: &'a SessionFilter,
    /// None for all.
    sites: Option<Vec<SiteId>>,
    clients: Option<search::Found>,
    /// The sessions, if they are few.
    few: Option<Vec<i64>>,
}

#[derive(QueryableByName)]
struct SessionId {
    #[diesel(sql_type = BigInt)]
    chat_id: i64,
}

/// A row of a list: the session, and the time by which it is ordered.
#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    chat_id: i64,
    #[diesel(sql_type = BigInt)]
    at: i64,
}

impl<'a> Asked<'a> {
    /// None if there is no such session for sure. A site in which the operator does not work is as one that is not there.
    async fn of(conn: &mut AsyncPgConnection, filter: &'a SessionFilter, scope: Scope) -> Result<Option<Self>, Error> {
        let sites = match &filter.site {
            None => scope.sites().map(|sites| sites.into_iter().collect()),
            Some(key) => {
                let site = sites::find_by_key(conn, key).await?.map(|site| site.id());
                Some(site.filter(|site| scope.covers(Some(*site))).into_iter().collect())
            }
        };
        if sites.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        let clients = match &filter.needle {
            Some(needle) => Some(needle.find(conn).await?),
            None => None,
        };
        let asked = Self { filter, sites, clients, few: None };
        let few = asked.few(conn).await?;
        Ok(Some(Self { few, ..asked }))
    }

    /// The sessions, if they are few. Lists in the order of ids have indexes that begin with what is asked for.
    async fn few(&self, conn: &mut AsyncPgConnection) -> Result<Option<Vec<i64>>, Error> {
        let conditions = self.of_session();
        if conditions.is_empty() || (self.filter.order == Order::Newest && self.filter.needle.is_none()) {
            return Ok(None);
        }
        let conditions = conditions.join(" AND ");
        let text = format!("SELECT s.chat_id FROM chat_sessions s WHERE {conditions} LIMIT {}", FEW + 1);
        let sessions: Vec<SessionId> = self.load(conn, text).await?;
        let ids = sessions.into_iter().map(|session| session.chat_id).collect::<Vec<i64>>();
        Ok(Some(ids).filter(|ids| ids.len() <= FEW))
    }

    /// Runs a query with what is looked for: `$1` and `$2` are patterns, `$3` clients, `$4` the sessions, if they are few.
    async fn load<T: QueryableByName<Pg> + Send + 'static>(
        &self,
        conn: &mut AsyncPgConnection,
        text: String,
    ) -> Result<Vec<T>, Error> {
        let [part, word] = self.filter.needle.as_ref().map(Needle::patterns).unwrap_or_default();
        let clients = self.clients.as_ref().map_or(&[][..], search::Found::few);
        let few = self.few.as_deref().unwrap_or_default();
        let query = diesel::sql_query(text).bind::<Text, _>(part).bind::<Text, _>(word);
        Ok(query.bind::<Array<BigInt>, _>(clients).bind::<Array<BigInt>, _>(few).load(conn).await?)
    }

    /// One more than the limit.
    async fn places(&self, conn: &mut AsyncPgConnection) -> Result<Vec<Place>, Error> {
        let count = usize::from(self.filter.limit) + 1;
        match (self.filter.order, self.filter.behind) {
            (Order::Newest, behind) => {
                let behind = behind.map(|place| format!("s.chat_id < {}", place.chat()));
                let order = "s.chat_id DESC";
                let rows =
                    self.rows(conn, Walk { time: "0::bigint", order, conditions: [behind, None] }, count).await?;
                Ok(rows.iter().map(|row| Place::Newest(ChatId(row.chat_id))).collect())
            }
            (Order::Recent, behind) => {
                let behind = behind.map(before_change);
                let rows = self.by_change(conn, [behind, None], count).await?;
                let place = |row: &Row| Place::Recent { changed_at: row.at, chat: ChatId(row.chat_id) };
                Ok(rows.iter().map(place).collect())
            }
            (Order::Waiting, Some(Place::Answered { began, .. })) => self.answered(conn, began, count).await,
            (Order::Waiting, behind) => {
                let began = match behind {
                    Some(Place::Waiting { began, .. }) => began,
                    _ => now(conn).await?,
                };
                let mut places = self.waiting(conn, began, count).await?;
                let missing = count.saturating_sub(places.len());
                if missing > 0 {
                    places.extend(self.answered(conn, began, missing).await?);
                }
                Ok(places)
            }
        }
    }

    /// The sessions that waited when the walk began, the longest waiting first.
    async fn waiting(&self, conn: &mut AsyncPgConnection, began: i64, count: usize) -> Result<Vec<Place>, Error> {
        if self.filter.statuses == [SessionStatus::Closed] {
            return Ok(Vec::new());
        }
        let since = match self.filter.behind {
            Some(Place::Waiting { since, chat, .. }) => {
                Some(format!("(c.waiting_since, c.id) > ({}, {chat})", time(since)))
            }
            _ => None,
        };
        let began_before = Some(format!("c.waiting_since <= {}", time(began)));
        let walk = Walk {
            time: "(extract(epoch FROM c.waiting_since) * 1000000)::bigint",
            order: "c.waiting_since, c.id",
            conditions: [began_before, since],
        };
        let rows = self.rows(conn, walk, count).await?;
        Ok(rows.iter().map(|row| Place::Waiting { began, since: row.at, chat: ChatId(row.chat_id) }).collect())
    }

    /// The sessions that do not wait, and have not changed since the walk began: an answer is a change, so that none of the
    /// sessions that waited comes again.
    async fn answered(&self, conn: &mut AsyncPgConnection, began: i64, count: usize) -> Result<Vec<Place>, Error> {
        let behind = match self.filter.behind {
            Some(place @ Place::Answered { .. }) => Some(before_change(place)),
            _ => None,
        };
        let unchanged = Some(format!("c.waiting_since IS NULL AND c.changed_at <= {}", time(began)));
        let rows = self.by_change(conn, [unchanged, behind], count).await?;
        let place = |row: &Row| Place::Answered { began, changed_at: row.at, chat: ChatId(row.chat_id) };
        Ok(rows.iter().map(place).collect())
    }

    async fn by_change(
        &self,
        conn: &mut AsyncPgConnection,
        conditions: [Option<String>; 2],
        count: usize,
    ) -> Result<Vec<Row>, Error> {
        let walk = Walk { time: changed_at_number!(), order: "c.changed_at DESC, c.id DESC", conditions };
        self.rows(conn, walk, count).await
    }

    async fn rows(&self, conn: &mut AsyncPgConnection, walk: Walk, count: usize) -> Result<Vec<Row>, Error> {
        self.load(conn, self.text(&walk, count)).await
    }

    fn text(&self, walk: &Walk, count: usize) -> String {
        let Walk { time, order, conditions } = walk;
        let mut all: Vec<String> = vec!["c.kind = 'session'".to_owned()];
        all.extend(conditions.iter().flatten().cloned());
        let sessions = if self.few.is_some() {
            // Each by its id, whatever PostgreSQL believes of their number.
            "unnest($4) AS s (chat_id) CROSS JOIN LATERAL (SELECT * FROM chats WHERE id = s.chat_id OFFSET 0) c"
        } else {
            all.extend(self.of_session());
            "chat_sessions s JOIN chats c ON c.id = s.chat_id"
        };
        let all = all.join(" AND ");
        format!("SELECT s.chat_id, {time} AS at FROM {sessions} WHERE {all} ORDER BY {order} LIMIT {count}")
    }

    /// What is asked of each session.
    fn of_session(&self) -> Vec<String> {
        let mut all = Vec::new();
        match self.sites.as_deref() {
            None => {}
            Some([site]) => all.push(format!("s.site_id = {site}")),
            Some(sites) => all.push(format!("s.site_id IN ({})", list_of(sites.iter()))),
        }
        match self.filter.statuses.as_slice() {
            [] => {}
            [one] => all.push(format!("s.status = '{}'", one.as_str())),
            several => {
                let names: Vec<String> = several.iter().map(|status| format!("'{}'", status.as_str())).collect();
                all.push(format!("s.status IN ({})", names.join(", ")));
            }
        }
        match self.filter.assignee {
            None => {}
            Some(AssigneeFilter::Nobody) => all.push("s.assigned_user_id IS NULL".to_owned()),
            Some(AssigneeFilter::User(user)) => all.push(format!("s.assigned_user_id = {user}")),
        }
        if let (Some(needle), Some(found)) = (&self.filter.needle, &self.clients) {
            all.push(needle.condition(found));
        }
        all
    }
}

/// A walk through sessions in an order.
struct Walk {
    /// What they are ordered by, in microseconds.
    time: &'static str,
    order: &'static str,
    conditions: [Option<String>; 2],
}

impl Place {
    fn chat(self) -> ChatId {
        match self {
            Self::Newest(chat)
            | Self::Recent { chat, .. }
            | Self::Waiting { chat, .. }
            | Self::Answered { chat, .. } => chat,
        }
    }
}

/// Sessions that come behind this one in the order of their last change.
fn before_change(place: Place) -> String {
    match place {
        Place::Recent { changed_at, chat } | Place::Answered { changed_at, chat, .. } => {
            format!("(c.changed_at, c.id) < ({}, {chat})", time(changed_at))
        }
        Place::Newest(chat) | Place::Waiting { chat, .. } => format!("c.id < {chat}"),
    }
}

/// A time as SQL, to the microsecond.
fn time(micros: i64) -> String {
    format!("('epoch'::timestamptz + {micros} * interval '1 microsecond')")
}

fn list_of(items: impl Iterator<Item = impl ToString>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = BigInt)]
    now: i64,
}

async fn now(conn: &mut AsyncPgConnection) -> Result<i64, Error> {
    let query = diesel::sql_query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now");
    Ok(query.get_result::<Now>(conn).await?.now)
}
