//! The list of a user's chats, a page at a time; `chat_events::chat_list` says the purpose of its order.

use chat_events::ChatId;
use chat_events::chat_list::{Behind, ChatsCursor};
use chat_events::gateway_api::ChatState;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::json::{changed_at_number, chats_of_members, member_chat_json};
use super::state;
use crate::access::rules::{acting_user, member_reads};
use crate::access::{Actor, ActorColumns};
use crate::db::bad_rows::BadRows;
use crate::error::Error;
use statement::statement;

/// A change bears the time when its transaction began. A transaction that began so long before the first page may have
/// committed after it, in microseconds: no transaction takes longer, and a chat that comes twice does no harm.
const LATE_BY_AT_MOST: i64 = 60 * 1_000_000;

statement! {
    /// The time; and a page of the user's chats, with the chats that moved since the first page last.
    ReadPage {
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        moved_since: i64 as BigInt,
        in_order: bool as Bool,
        at: i64 as BigInt,
        chat_id: i64 as BigInt,
        count: i64 as BigInt,
    } -> (BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<Text>) = concat!(
        "WITH self AS MATERIALIZED (
            SELECT u.id FROM users u WHERE ", acting_user!(), "
        ), mine AS (
            SELECT c.*, ", changed_at_number!(), " AS at
            FROM self CROSS JOIN ", chats_of_members!(), "
            WHERE p.user_id = self.id AND ", member_reads!(), " AND c.kind <> 'session'
        ), page AS (
            SELECT mine.*, row_number() OVER (ORDER BY at > $moved_since,
                CASE WHEN at <= $moved_since THEN at END DESC,
                CASE WHEN at <= $moved_since THEN -id ELSE id END) AS place
            FROM mine
            WHERE CASE WHEN at > $moved_since THEN $in_order OR id > $chat_id
                ELSE $in_order AND (at, id) < ($at, $chat_id) END
            ORDER BY place LIMIT $count
        )
        SELECT (extract(epoch FROM now()) * 1000000)::bigint, c.id, c.at,
            CASE WHEN c.id IS NOT NULL THEN ", member_chat_json!("self.id"), "::text END
        FROM self LEFT JOIN page c ON true ORDER BY c.place"
    );
}

/// The time, and a chat: its id, when it changed, and its state as JSON. One row without a chat where there is none.
type Row = (i64, Option<i64>, Option<i64>, Option<String>);

/// One page, without the chats that cannot be read, and where the next begins.
pub(crate) async fn page(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    actor: Actor,
    cursor: Option<ChatsCursor>,
    limit: u16,
) -> Result<(Vec<ChatState>, Option<ChatsCursor>), Error> {
    let who = ActorColumns::of(Some(actor));
    let place = cursor.unwrap_or_else(|| ChatsCursor::start(0));
    let (in_order, at, chat) = match place.behind {
        Behind::Change(at, chat) => (true, at, chat),
        Behind::Moved(chat) => (false, 0, chat),
    };
    let read = ReadPage {
        user_id: who.user_id,
        issued_at: who.issued_at,
        login: who.login,
        moved_since: cursor.map_or(i64::MAX, |cursor| cursor.began - LATE_BY_AT_MOST),
        in_order,
        at,
        chat_id: chat.0,
        count: i64::from(limit) + 1,
    };
    let moved_since = read.moved_since;
    let mut rows: Vec<Row> = read.load(conn).await?;
    let [(now, ..), ..] = rows.as_slice() else { return Err(Error::not_active()) };
    let began = cursor.map_or(*now, |cursor| cursor.began);
    let has_more = rows.len() > usize::from(limit);
    rows.truncate(limit.into());
    let last = rows.iter().next_back().filter(|_| has_more);
    let next = last.and_then(|(_, id, at, _)| {
        let (chat, at) = (ChatId((*id)?), (*at)?);
        let behind = if at > moved_since { Behind::Moved(chat) } else { Behind::Change(at, chat) };
        Some(ChatsCursor { began, behind })
    });
    let read = |(_, id, _, json): Row| state(bad_rows, id?, &json?);
    Ok((rows.into_iter().filter_map(read).collect(), next))
}
