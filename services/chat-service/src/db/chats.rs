//! Chats of every kind: the row lock, and the states that a connection starts from. The list of a user's chats goes on in
//! [`super::chat_list`].

use std::collections::HashMap;

use chat_events::chat_list::{FirstPage, ListedChat};
use chat_events::gateway_api::{ChatState, Chats, ClientState, Clients, ConnectSnapshot, MAX_LISTED};
use chat_events::{ChatId, ChatKind, Epoch, Mark, Seq, Session};
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::access::{Actor, ActorColumns, check_read};
use super::schema::chats;
use super::shape::{
    acting_user, changed_at_number, chat_state_json, chats_of_members, marks_json, member_chat_json, session_joins,
    session_json, time_json,
};
use super::statement::statement;
use super::stored::Stored;
use crate::bad_rows::{BadRows, What};
use crate::error::Error;

/// Locks a chat's row: until the transaction ends, nothing durable changes in it.
pub(crate) async fn lock(conn: &mut AsyncPgConnection, chat: ChatId) -> Result<ChatKind, Error> {
    let kind: Option<Stored<ChatKind>> =
        chats::table.find(chat.0).select(chats::kind).for_update().first(conn).await.optional()?;
    kind.map(|kind| kind.0).ok_or_else(|| Error::not_found("there is no such chat"))
}

statement! {
    /// Takes the next seq of a locked chat for a change of its state.
    RaiseState {
        chat_id: i64 as BigInt,
    } -> BigInt =
        "UPDATE chats SET seq = seq + 1, state_seq = seq + 1, changed_at = now() WHERE id = $chat_id RETURNING seq";
}

/// Takes the next seq of a locked chat for a change of the chat itself, its session or its members.
pub(crate) async fn raise_state(conn: &mut AsyncPgConnection, chat: ChatId) -> Result<Seq, Error> {
    Ok(Seq(RaiseState { chat_id: chat.0 }.get_result(conn).await?))
}

/// Makes a chat that is not a session.
pub(crate) async fn create(conn: &mut AsyncPgConnection, kind: ChatKind, title: Option<&str>) -> Result<ChatId, Error> {
    let id: i64 = diesel::insert_into(chats::table)
        .values((chats::kind.eq(kind.as_str()), chats::title.eq(title)))
        .returning(chats::id)
        .get_result(conn)
        .await?;
    Ok(ChatId(id))
}

statement! {
    /// Who new connections of accounts belong to, and of a user's chats those that changed last.
    ReadAccounts<'a> {
        principals: &'a [&'a str] as Array<Text>,
        user_ids: &'a [i64] as Array<BigInt>,
        issued_at: &'a [i64] as Array<BigInt>,
        logins: &'a [Option<Uuid>] as Array<Nullable<SqlUuid>>,
        count: i64 as BigInt,
    } -> (BigInt, Integer, Text, BigInt, Nullable<Text>, BigInt, Nullable<Text>) = concat!(
        "SELECT q.place, i.epoch, CASE
                WHEN NOT (", acting_user!("q.user_id", "q.issued_at", "q.login"), ") THEN 'inactive'
                WHEN q.principal = 'staff' AND u.role NOT IN ('operator', 'admin') THEN 'forbidden'
                ELSE 'allowed' END,
            u.id, u.name, (extract(epoch FROM now()) * 1000000)::bigint,
            CASE WHEN q.principal = 'user' THEN (
                SELECT coalesce(json_agg(json_build_object('at', c.at, 'chat', ", member_chat_json!("u.id"), ")
                    ORDER BY c.at DESC, c.id DESC), '[]')::text
                FROM (SELECT c.*, ", changed_at_number!(), " AS at FROM ", chats_of_members!(), "
                      WHERE p.user_id = u.id AND p.is_active AND p.can_read AND c.kind <> 'session'
                      ORDER BY at DESC, c.id DESC LIMIT $count) c) END
         FROM installation i
         CROSS JOIN unnest($principals, $user_ids, $issued_at, $logins)
             WITH ORDINALITY AS q(principal, user_id, issued_at, login, place)
         JOIN users u ON u.id = q.user_id"
    );
}

/// Which of those asked for, from 1; the epoch, whether it may connect, its id and name, the time, and a user's chats as
/// JSON.
type AccountRow = (i64, i32, String, i64, Option<String>, i64, Option<String>);

/// What these new connections are told, in one snapshot and in their order. A refusal concerns one of them.
pub(crate) async fn accounts(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    actors: &[Actor],
) -> Result<Vec<Result<ConnectSnapshot, Error>>, Error> {
    let columns: Vec<ActorColumns> = actors.iter().map(|actor| ActorColumns::of(Some(*actor))).collect();
    let statement = ReadAccounts {
        principals: &columns.iter().map(|who| who.kind).collect::<Vec<_>>(),
        user_ids: &columns.iter().map(|who| who.user_id).collect::<Vec<_>>(),
        issued_at: &columns.iter().map(|who| who.issued_at).collect::<Vec<_>>(),
        logins: &columns.iter().map(|who| who.login).collect::<Vec<_>>(),
        count: i64::try_from(MAX_LISTED).unwrap_or(i64::MAX) + 1,
    };
    let rows: Vec<AccountRow> = statement.load(conn).await?;
    let mut found: HashMap<i64, AccountRow> = rows.into_iter().map(|row| (row.0, row)).collect();
    Ok((1..)
        .zip(actors)
        .map(|(place, _)| found.remove(&place).map_or_else(|| Err(unknown()), |row| admission(bad_rows, row)))
        .collect())
}

fn unknown() -> Error {
    Error::unauthorized("there is no such account")
}

fn admission(bad_rows: &BadRows, row: AccountRow) -> Result<ConnectSnapshot, Error> {
    let (_, epoch, may_read, self_id, name, began, chats) = row;
    check_read(Some(&may_read))?;
    let chats = match chats {
        Some(chats) => Chats::Page(first_page(bad_rows, self_id, began, &chats)),
        None => Chats::Unlisted,
    };
    Ok(ConnectSnapshot { epoch: Epoch(epoch), self_id, name, chats })
}

/// A chat in the list, not yet read.
#[derive(Deserialize)]
struct ListedRow<'a> {
    at: i64,
    #[serde(borrow)]
    chat: &'a RawValue,
}

/// Of a user's chats, without those that cannot be read. One more was asked for than belongs to it.
fn first_page(bad_rows: &BadRows, user: i64, began: i64, json: &str) -> FirstPage {
    let mut rows: Vec<ListedRow<'_>> = serde_json::from_str(json).unwrap_or_default();
    let has_more = rows.len() > MAX_LISTED;
    rows.truncate(MAX_LISTED);
    let listed = |row: ListedRow<'_>| Some(ListedChat { at: row.at, chat: state(bad_rows, user, row.chat.get())? });
    FirstPage { began, chats: rows.into_iter().filter_map(listed).collect(), has_more }
}

/// The state of a chat, without what cannot be read of it. The log names it by the given id.
pub(crate) fn state(bad_rows: &BadRows, id: i64, json: &str) -> Option<ChatState> {
    bad_rows.mended(What::Chat, id, json, |parts| {
        parts.optional::<Session>("session", What::Session);
        parts.items::<Mark>("marks", What::Mark);
    })
}

statement! {
    /// The clients of sessions, and the states of their chats.
    ReadClients<'a> {
        session_ids: &'a [i64] as Array<BigInt>,
    } -> (Integer, BigInt, Nullable<Text>, Bool, Text) = concat!(
        "SELECT i.epoch, v.id, v.name, v.banned_at IS NOT NULL, ", chat_state_json!("'client'", "v.id"), "::text
         FROM installation i CROSS JOIN chats c ", session_joins!(), "
         WHERE c.id = ANY($session_ids) AND s.chat_id IS NOT NULL"
    );
}

/// The epoch; the client's id and name, whether it is banned, and its chat as JSON.
type ClientRow = (i32, i64, Option<String>, bool, String);

/// What the clients of these sessions are told, in one snapshot.
pub(crate) async fn clients(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    sessions: &[ChatId],
) -> Result<Clients, Error> {
    let session_ids: Vec<i64> = sessions.iter().map(|session| session.0).collect();
    let rows: Vec<ClientRow> = ReadClients { session_ids: &session_ids }.load(conn).await?;
    let mut clients = Clients { epoch: Epoch(0), clients: Vec::with_capacity(rows.len()) };
    for (epoch, id, name, is_banned, chat) in rows {
        clients.epoch = Epoch(epoch);
        let chat = state(bad_rows, id, &chat);
        clients.clients.extend(chat.map(|chat| ClientState { id, name, is_banned, chat }));
    }
    Ok(clients)
}
