//! Chats of every kind: the row lock, and the states that a connection starts from.

use chat_events::gateway_api::{ChatState, ClientState, Clients, Principal, Welcome};
use chat_events::{ChatId, ChatKind, Epoch, Seq};
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::access::{Actor, ActorColumns, check_read};
use super::schema::chats;
use super::shape::{acting_user, chat_state_json, marks_json, session_joins, session_json, time_json};
use super::statement::statement;
use super::stored::Stored;
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
    /// Who a new connection belongs to, and the states of its chats.
    ReadWelcome<'a> {
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        session_id: i64 as BigInt,
        reader_type: &'a str as Text,
    } -> (Integer, Text, Nullable<BigInt>, Nullable<Text>, Text) = concat!(
        "WITH self AS MATERIALIZED (
            SELECT v.id, v.name, CASE WHEN v.banned_at IS NOT NULL THEN 'banned' ELSE 'allowed' END AS may_read
            FROM chat_sessions s JOIN clients v ON v.id = s.client_id
            WHERE s.chat_id = $session_id AND $principal = 'client'
            UNION ALL
            SELECT u.id, u.name, CASE
                WHEN NOT (", acting_user!(), ") THEN 'inactive'
                WHEN $principal = 'staff' AND u.role NOT IN ('operator', 'admin') THEN 'forbidden'
                ELSE 'allowed' END
            FROM users u WHERE u.id = $user_id AND $principal <> 'client'
        ), mine AS (
            SELECT $session_id AS chat_id WHERE $principal = 'client'
            UNION ALL
            SELECT p.chat_id FROM chat_members p
            WHERE p.user_id = $user_id AND p.is_active AND p.can_read AND $principal = 'user'
        )
        SELECT i.epoch, self.may_read, self.id, self.name,
            (SELECT coalesce(json_agg(", chat_state_json!("$reader_type", "self.id"), " ORDER BY c.id), '[]')::text
             FROM mine JOIN chats c ON c.id = mine.chat_id ", session_joins!(), ")
        FROM installation i, self"
    );
}

/// The epoch, whether it may connect, its id and name, and the chats as JSON.
type WelcomeRow = (i32, String, Option<i64>, Option<String>, String);

/// What a new connection is told, in one snapshot.
pub(crate) async fn welcome(conn: &mut AsyncPgConnection, actor: Actor) -> Result<Welcome, Error> {
    let who = ActorColumns::of(Some(actor));
    let statement = ReadWelcome {
        principal: who.kind,
        user_id: who.user_id,
        issued_at: who.issued_at,
        login: who.login,
        session_id: who.session_id,
        reader_type: who.reader_type,
    };
    let found: Option<WelcomeRow> = statement.get_result(conn).await.optional()?;
    let Some((epoch, may_read, self_id, name, chats)) = found else {
        return Err(match actor.principal {
            Principal::Client { .. } => Error::not_found("there is no such session"),
            _ => Error::unauthorized("there is no such account"),
        });
    };
    check_read(Some(&may_read))?;
    let chats: Vec<ChatState> = serde_json::from_str(&chats)?;
    Ok(Welcome { epoch: Epoch(epoch), self_id: self_id.unwrap_or_default(), name, chats })
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
pub(crate) async fn clients(conn: &mut AsyncPgConnection, sessions: &[ChatId]) -> Result<Clients, Error> {
    let session_ids: Vec<i64> = sessions.iter().map(|session| session.0).collect();
    let rows: Vec<ClientRow> = ReadClients { session_ids: &session_ids }.load(conn).await?;
    let mut clients = Clients { epoch: Epoch(0), clients: Vec::with_capacity(rows.len()) };
    for (epoch, id, name, is_banned, chat) in rows {
        clients.epoch = Epoch(epoch);
        clients.clients.push(ClientState { id, name, is_banned, chat: serde_json::from_str(&chat)? });
    }
    Ok(clients)
}
