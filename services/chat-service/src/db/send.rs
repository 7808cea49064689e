//! The send: one round trip, in which the rights are checked, the seq is taken, and the message and its event are
//! written.
//!
//! The statement reads rights and status in its own snapshot and then updates the chat's row only if `state_seq` is
//! still what that snapshot saw. An update that had to wait for the row's lock looks at the locked row again, and
//! every change of members, session or status raises `state_seq` under the same lock: so a send that passes was
//! allowed at the moment it took its seq. [`send`] takes the lock first and then looks at leisure: it is for what a batch
//! left out.

use chat_events::gateway_api::Principal;
use chat_events::{ChatId, EventKind, LaneCount, Message, MessageBody, SessionStatus, Visibility};
use diesel::prelude::OptionalExtension;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::access::{Access, Actor, ActorColumns, check_scope, sender_type};
use super::chats;
use super::sessions::{self, SessionChange};
use super::shape::{acting_user, may_send, message_fields, message_json, time_json, touched};
use super::statement::statement;
use crate::error::Error;

/// A message to be written.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    pub(crate) actor: Actor,
    pub(crate) chat: ChatId,
    pub(crate) body: MessageBody,
    pub(crate) client_id: Uuid,
    pub(crate) visibility: Visibility,
    /// W3C trace context of the request.
    pub(crate) traceparent: Option<String>,
}

/// A message that is stored.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) message: Message,
    /// False for a repeat.
    pub(crate) is_new: bool,
}

statement! {
    /// Writes a message and its event if the sender may. No row: it may not, or something changed meanwhile.
    WriteMessage<'a> {
        chat_id: i64 as BigInt,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        sender_type: &'a str as Text,
        body: &'a str as Text,
        client_id: Uuid as SqlUuid,
        visibility: &'a str as Text,
        kind: &'a str as Text,
        lanes: i16 as SmallInt,
        traceparent: Option<&'a str> as Nullable<Text>,
    } -> Text = concat!(
        "WITH old AS MATERIALIZED (
            SELECT c.id, c.kind, c.state_seq, s.assigned_user_id,
                CASE $principal WHEN 'client' THEN v.id ELSE u.id END AS sender_id,
                CASE $principal WHEN 'client' THEN v.name ELSE u.name END AS sender_name
            FROM chats c
            LEFT JOIN chat_sessions s ON s.chat_id = c.id
            LEFT JOIN clients v ON v.id = s.client_id AND $principal = 'client'
            LEFT JOIN users u ON $principal <> 'client' AND ", acting_user!(), "
            LEFT JOIN chat_members p ON p.chat_id = c.id AND p.user_id = u.id AND $principal = 'user'
            WHERE c.id = $chat_id AND ", may_send!("$principal", "$visibility"), "
        ), taken AS (
            UPDATE chats c SET seq = c.seq + 1, changed_at = ", touched!(), "
            FROM old WHERE c.id = old.id AND c.state_seq = old.state_seq
            RETURNING c.id, c.seq, clock_timestamp() AS at
        ), m AS (
            INSERT INTO messages (chat_id, seq, changed_seq, sender_type, sender_id, sender_name, body, client_id,
                                  visibility, created_at)
            SELECT taken.id, taken.seq, taken.seq, $sender_type, old.sender_id, old.sender_name, $body, $client_id,
                   $visibility, taken.at
            FROM taken, old
            RETURNING *
        )
        INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, assigned_user_id, data, traceparent,
                            committed_at)
        SELECT (m.chat_id % $lanes)::smallint, m.chat_id, m.seq, $kind, old.kind, m.visibility,
               old.assigned_user_id, row_to_json(j)::text, $traceparent, m.created_at
        FROM m, old, LATERAL (", message_fields!("old.kind"), ") j
        RETURNING data"
    );
}

/// The statement of one send, with `$name` for its parameters: what a send costs PostgreSQL can be measured with it.
pub const SEND_STATEMENT: &str = WriteMessage::TEXT;

statement! {
    /// The message that a repeated send wrote the first time, in its present state.
    FirstResult<'a> {
        chat_id: i64 as BigInt,
        sender_type: &'a str as Text,
        sender_id: i64 as BigInt,
        client_id: Uuid as SqlUuid,
    } -> Text = concat!(
        "SELECT ", message_json!("c.kind"), "::text FROM messages m JOIN chats c ON c.id = m.chat_id
         WHERE m.chat_id = $chat_id AND m.sender_type = $sender_type AND m.sender_id = $sender_id
           AND m.client_id = $client_id"
    );
}

/// Writes a message, once for each `client_id`.
pub(crate) async fn send(conn: &mut AsyncPgConnection, new: &NewMessage, lanes: LaneCount) -> Result<Sent, Error> {
    check_scope(new.actor.principal, new.chat)?;
    // What comes alone was left out of a batch, often since the chat is locked. It waits for the lock before it looks at
    // its rights: they may be taken meanwhile.
    match conn.transaction(async |conn| write_under_lock(conn, new, lanes).await).await {
        Ok(message) => Ok(Sent { message, is_new: true }),
        Err(error) if error.is_violation_of("messages_client_id_unique") => {
            Ok(Sent { message: first_result(conn, new).await?, is_new: false })
        }
        Err(error) => Err(error),
    }
}

async fn write(conn: &mut AsyncPgConnection, new: &NewMessage, lanes: LaneCount) -> Result<Option<Message>, Error> {
    let who = ActorColumns::of(Some(new.actor));
    let statement = WriteMessage {
        chat_id: new.chat.0,
        principal: who.kind,
        user_id: who.user_id,
        issued_at: who.issued_at,
        login: who.login,
        sender_type: sender_type(new.actor.principal).as_str(),
        body: new.body.as_str(),
        client_id: new.client_id,
        visibility: new.visibility.as_str(),
        kind: EventKind::MessageSent.as_str(),
        lanes: lanes.get(),
        traceparent: new.traceparent.as_deref(),
    };
    let json: Option<String> = statement.get_result(conn).await.optional()?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
}

/// With the chat's row locked nothing changes any more: either the sender is told why not, or a closed session is
/// opened again and the message is written behind that change.
async fn write_under_lock(conn: &mut AsyncPgConnection, new: &NewMessage, lanes: LaneCount) -> Result<Message, Error> {
    match chats::lock(conn, new.chat).await {
        // A chat that there is not is told of by the next read, which looks at the sender first.
        Ok(_) | Err(Error::Refused(_)) => {}
        Err(error) => return Err(error),
    }
    let access = Access::read(conn, new.actor, new.chat).await?;
    access.check_write()?;
    if new.visibility == Visibility::Staff && !matches!(new.actor.principal, Principal::Staff { .. }) {
        return Err(Error::forbidden("notes are for operators in support sessions"));
    }
    let is_closed = access.status.is_some_and(|status| status.0 == SessionStatus::Closed);
    if is_closed && matches!(new.actor.principal, Principal::Client { .. }) {
        let reopened = SessionChange::Status(SessionStatus::Open);
        sessions::change_locked(conn, new.chat, &reopened, lanes, new.traceparent.as_deref()).await?;
    }
    let written = write(conn, new, lanes).await?;
    written.ok_or_else(|| Error::Internal("a send that was allowed wrote nothing".into()))
}

async fn first_result(conn: &mut AsyncPgConnection, new: &NewMessage) -> Result<Message, Error> {
    let access = Access::read(conn, new.actor, new.chat).await?;
    access.check_read()?;
    let statement = FirstResult {
        chat_id: new.chat.0,
        sender_type: sender_type(new.actor.principal).as_str(),
        sender_id: access.self_id.unwrap_or_default(),
        client_id: new.client_id,
    };
    let json: String = statement.get_result(conn).await?;
    Ok(serde_json::from_str(&json)?)
}
