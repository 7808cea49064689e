//! The other sessions of the visitor of a session, for operators.

use chat_events::{ChatId, Visibility};
use diesel::sql_types::{Array, BigInt, Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::view::{self, SessionView};
use crate::access::{Actor, Standing, Verb, acting_staff};
use crate::db::bad_rows::BadRows;
use crate::error::Error;
use statement::statement;

statement! {
    /// Sessions of the devices of the client of a session: its own, and those of the same contact where it is proved.
    ReadEarlier<'a> {
        session_id: i64 as BigInt,
        all_sites: bool as Bool,
        sites: &'a [i64] as Array<BigInt>,
        before: i64 as BigInt,
        count: i64 as BigInt,
    } -> BigInt =
        "WITH own AS MATERIALIZED (
            SELECT s.chat_id, s.site_id, s.client_id, v.contact_id
            FROM chat_sessions s JOIN clients v ON v.id = s.client_id WHERE s.chat_id = $session_id
        ), device AS (
            SELECT own.client_id AS id FROM own UNION SELECT d.id FROM own JOIN clients d ON d.contact_id = own.contact_id
        )
        SELECT s.chat_id FROM device JOIN chat_sessions s ON s.client_id = device.id CROSS JOIN own
        WHERE (s.client_id = own.client_id OR s.site_id = own.site_id) AND s.chat_id <> own.chat_id AND s.chat_id < $before
            AND ($all_sites OR s.site_id = ANY($sites))
        ORDER BY s.chat_id DESC LIMIT $count";
}

/// A page of them, the newest first, and where the next one begins.
pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    operator: Actor,
    session: ChatId,
    (before, limit): (Option<ChatId>, u16),
) -> Result<(Vec<SessionView>, Option<ChatId>), Error> {
    if !operator.principal.sees(Visibility::Staff) {
        return Err(Error::forbidden("this is for operators"));
    }
    let (user, scope) = acting_staff(conn, operator).await?;
    Standing::read(conn, operator, session, Verb::SeeSession).await?.check(Verb::SeeSession)?;
    let sites: Vec<i64> = scope.sites().iter().flatten().map(|site| site.0).collect();
    let statement = ReadEarlier {
        session_id: session.0,
        all_sites: scope.sites().is_none(),
        sites: &sites,
        before: before.map_or(i64::MAX, |before| before.0),
        count: i64::from(limit) + 1,
    };
    let mut ids: Vec<i64> = statement.load(conn).await?;
    let has_more = ids.len() > usize::from(limit);
    ids.truncate(usize::from(limit));
    let views = view::many(conn, bad_rows, user, &ids).await?;
    let next = ids.last().filter(|_| has_more).map(|id| ChatId(*id));
    Ok((views, next))
}
