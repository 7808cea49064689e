//! The states that connections start from.

use std::collections::HashMap;

use chat_events::gateway_api::{Chats, ClientState, Clients, ConnectSnapshot, FirstPage, ListedChat, MAX_LISTED};
use chat_events::{ChatId, Epoch, Scope, WorkspaceVersion};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::access::rules::{acting_user, is_staff, is_unproved, member_reads, scope_sites};
use crate::access::{Actor, ActorColumns, Verb, check_verdict};
use crate::chats;
use crate::chats::json::{changed_at_number, chat_state_json, chats_of_members, member_chat_json};
use crate::db::bad_rows::BadRows;
use crate::error::Error;
use crate::sessions::json::session_joins;
use crate::workspace::workspace_version;
use statement::statement;

statement! {
    /// The accounts of new connections, and for a user the chats that changed last.
    ReadAccounts<'a> {
        principals: &'a [&'a str] as Array<Text>,
        user_ids: &'a [i64] as Array<BigInt>,
        issued_at: &'a [i64] as Array<BigInt>,
        logins: &'a [Option<Uuid>] as Array<Nullable<SqlUuid>>,
        count: i64 as BigInt,
    } -> (BigInt, Integer, Text, BigInt, Nullable<Text>, Nullable<Array<BigInt>>, BigInt, BigInt, Nullable<Text>) = concat!(
        "SELECT q.place, i.epoch, CASE
                WHEN NOT (", acting_user!("q.user_id", "q.issued_at", "q.login"), ") THEN 'inactive'
                WHEN q.principal = 'staff' AND NOT (", is_staff!(), ") THEN 'not_staff'
                ELSE 'allowed' END,
            u.id, u.name, CASE q.principal WHEN 'staff' THEN ", scope_sites!("u.id"), " END, ", workspace_version!(), ", (extract(epoch FROM now()) * 1000000)::bigint,
            CASE WHEN q.principal = 'user' THEN (
                SELECT coalesce(json_agg(json_build_object('at', c.at, 'chat', ", member_chat_json!("u.id"), ")
                    ORDER BY c.at DESC, c.id DESC), '[]')::text
                FROM (SELECT c.*, ", changed_at_number!(), " AS at FROM ", chats_of_members!(), "
                      WHERE p.user_id = u.id AND ", member_reads!(), " AND c.kind <> 'session'
                      ORDER BY at DESC, c.id DESC LIMIT $count) c) END
         FROM installation i
         CROSS JOIN unnest($principals, $user_ids, $issued_at, $logins)
             WITH ORDINALITY AS q(principal, user_id, issued_at, login, place)
         JOIN users u ON u.id = q.user_id"
    );
}

/// The place in the question, from 1; the epoch, whether it may connect, its id and name, the sites of an operator, the
/// version of the workspace, the time, and a user's chats as JSON.
type AccountRow = (i64, i32, String, i64, Option<String>, Option<Vec<i64>>, i64, i64, Option<String>);

/// The start states of these new connections, in one snapshot and in their order. A refusal concerns one of them.
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
    let (_, epoch, verdict, self_id, name, sites, workspace, began, chats) = row;
    check_verdict(Verb::Read, &verdict)?;
    let (chats, scope) = match chats {
        Some(chats) => (Chats::Page(first_page(bad_rows, self_id, began, &chats)), None),
        None => (Chats::Unlisted, Some(Scope::of_sites(sites))),
    };
    let workspace = Some(WorkspaceVersion(workspace));
    Ok(ConnectSnapshot { epoch: Epoch(epoch), self_id, name, chats, scope, workspace })
}

/// A chat in the list, not yet read.
#[derive(Deserialize)]
struct ListedRow<'a> {
    at: i64,
    #[serde(borrow)]
    chat: &'a RawValue,
}

/// The first page of a user's chats, without unreadable ones. One more was asked for than belongs to it.
fn first_page(bad_rows: &BadRows, user: i64, began: i64, json: &str) -> FirstPage {
    let mut rows: Vec<ListedRow<'_>> = serde_json::from_str(json).unwrap_or_default();
    let has_more = rows.len() > MAX_LISTED;
    rows.truncate(MAX_LISTED);
    let listed =
        |row: ListedRow<'_>| Some(ListedChat { at: row.at, chat: chats::state(bad_rows, user, row.chat.get())? });
    FirstPage { began, chats: rows.into_iter().filter_map(listed).collect(), has_more }
}

statement! {
    /// The clients of sessions, and the states of their chats.
    ReadClients<'a> {
        session_ids: &'a [i64] as Array<BigInt>,
    } -> (Integer, BigInt, Nullable<Text>, Bool, Text) = concat!(
        "SELECT i.epoch, v.id, v.name, v.banned_at IS NOT NULL OR ", is_unproved!(), ", ", chat_state_json!("'client'", "v.id"), "::text
         FROM installation i CROSS JOIN chats c ", session_joins!(), "
         WHERE c.id = ANY($session_ids) AND s.chat_id IS NOT NULL"
    );
}

/// The epoch; the client's id and name, whether it is banned or its site wants it proved, and its chat as JSON.
type ClientRow = (i32, i64, Option<String>, bool, String);

/// The start states of the clients of these sessions, in one snapshot.
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
        let chat = chats::state(bad_rows, id, &chat);
        clients.clients.extend(chat.map(|chat| ClientState { id, name, is_banned, chat }));
    }
    Ok(clients)
}
