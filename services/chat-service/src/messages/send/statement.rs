//! Many sends as one statement. It writes the ordinary ones and leaves the others alone.
//!
//! Rights are read in the statement's snapshot and chats are locked in the same go: a chat whose `state_seq` is not
//! that of the snapshot any more is left out. Every change of members, session or status raises `state_seq` under the
//! same lock, so a send that passes was allowed at the moment it took its seq. A chat that another transaction has
//! locked is left out too ([`WriteMessages`]), so this never waits for one lock while it holds another, and cannot
//! deadlock, whatever the others do. A message that the snapshot shows to be a repeat is left out; a repeat that it
//! does not show ends the whole statement, since its place in a unique index is taken.
//!
//! A visitor waits from its first message on that no public one of an operator follows (`chats.waiting_since`). Beginning
//! and ending the wait is a change in the sense of `chats.changed_at`: lists go by both.
//!
//! The plan is the same for any number of messages: one row of the arrays at a time, through indexes. [`SETTINGS`]
//! sees to it, because PostgreSQL cannot know how long the arrays will be.

use chat_events::{ChatId, EventKind, LaneCount, Message, Metadata};
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use super::NewMessage;
use crate::access::rules::{acting_user, verdict};
use crate::access::{ActorColumns, sender_type};
use crate::changes::lock;
use crate::error::Error;
use crate::messages::row::{insert_messages, message_fields};
use statement::statement;

/// For the connections that batches are written on, and for transactions on others.
pub(crate) const SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
    SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off";

statement! {
    /// Messages and their events, of senders who may, in chats that nobody else has locked. A row for each that was
    /// written: its place among the given ones, from 1, and its JSON.
    WriteMessages<'a> {
        chat_ids: &'a [i64] as Array<BigInt>,
        principals: &'a [&'static str] as Array<Text>,
        user_ids: &'a [i64] as Array<BigInt>,
        issued_ats: &'a [i64] as Array<BigInt>,
        logins: &'a [Option<Uuid>] as Array<Nullable<SqlUuid>>,
        sender_types: &'a [&'static str] as Array<Text>,
        bodies: &'a [&'a str] as Array<Text>,
        client_ids: &'a [Uuid] as Array<SqlUuid>,
        visibilities: &'a [&'static str] as Array<Text>,
        metadata: &'a [Option<&'a str>] as Array<Nullable<Text>>,
        traceparents: &'a [Option<&'a str>] as Array<Nullable<Text>>,
        kind: &'a str as Text,
        lanes: i16 as SmallInt,
    } -> (BigInt, Text) = concat!(
        "WITH old AS MATERIALIZED (
            SELECT n.*, c.kind, l.seq, s.site_id, s.assigned_user_id,
                CASE n.principal WHEN 'client' THEN v.id ELSE u.id END AS sender_id,
                CASE n.principal WHEN 'client' THEN v.name ELSE u.name END AS sender_name
            FROM unnest($chat_ids, $principals, $user_ids, $issued_ats, $logins, $sender_types, $bodies, $client_ids,
                        $visibilities, $metadata, $traceparents) WITH ORDINALITY
                AS n (chat_id, principal, user_id, issued_at, login, sender_type, body, client_id,
                      visibility, metadata, traceparent, place)
            JOIN chats c ON c.id = n.chat_id
            JOIN chats l ON l.id = c.id AND l.state_seq = c.state_seq
            LEFT JOIN chat_sessions s ON s.chat_id = c.id
            LEFT JOIN clients v ON v.id = s.client_id AND n.principal = 'client'
            LEFT JOIN LATERAL (
                SELECT u.id, u.name, u.role FROM users u
                WHERE n.principal <> 'client' AND ",
        acting_user!("n.user_id", "n.issued_at", "n.login"),
        "       OFFSET 0
            ) u ON true
            LEFT JOIN LATERAL (
                SELECT p.* FROM chat_members p
                WHERE p.chat_id = n.chat_id AND p.user_id = u.id AND n.principal = 'user' OFFSET 0
            ) p ON true
            WHERE ",
        verdict!(write, "n.principal", "n.visibility"),
        "   = 'allowed' FOR NO KEY UPDATE OF l SKIP LOCKED
        ), m AS MATERIALIZED (
            SELECT w.*, w.seq AS changed_seq, nextval('messages_id_seq') AS id, clock_timestamp() AS created_at,
                NULL::timestamptz AS edited_at, false AS is_deleted
            FROM (
                SELECT o.chat_id, o.kind, o.site_id, o.assigned_user_id, o.sender_type, o.sender_id, o.sender_name, o.body,
                    o.client_id, o.visibility, o.metadata::jsonb AS metadata, o.traceparent, o.place,
                    o.seq + row_number() OVER (PARTITION BY o.chat_id ORDER BY o.place) AS seq
                FROM old o
                WHERE NOT EXISTS (
                    SELECT FROM messages r WHERE r.chat_id = o.chat_id AND r.sender_type = o.sender_type
                        AND r.sender_id = o.sender_id AND r.client_id = o.client_id)
            ) w
        ), taken AS (
            UPDATE chats c SET seq = top.seq, waiting_since =
                CASE WHEN top.answered IS NULL THEN coalesce(c.waiting_since, top.since)
                    WHEN top.asked > top.answered THEN top.since END,
                changed_at = CASE WHEN c.changed_at < now() - interval '15 seconds'
                        OR CASE WHEN c.waiting_since IS NULL THEN top.asked ELSE top.answered END IS NOT NULL
                    THEN now() ELSE c.changed_at END
            FROM (SELECT m.chat_id, max(m.seq) AS seq, min(m.created_at) FILTER (WHERE m.sender_type = 'client') AS since,
                    max(m.seq) FILTER (WHERE m.sender_type = 'client') AS asked,
                    max(m.seq) FILTER (WHERE m.sender_type IN ('operator', 'bot') AND m.visibility = 'public') AS answered
                  FROM m GROUP BY m.chat_id) top WHERE c.id = top.chat_id
        ), written AS ( ",
        insert_messages!(),
        "FROM m
        ), e AS MATERIALIZED (
            SELECT m.chat_id, m.seq, m.kind, m.visibility, m.site_id, m.assigned_user_id, m.traceparent, m.created_at,
                   m.place, row_to_json(j)::text AS data
            FROM m, LATERAL (",
        message_fields!("m.kind"),
        "   OFFSET 0) j
        ), told AS (
            INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, site_id, assigned_user_id, data,
                                traceparent, committed_at)
            SELECT (e.chat_id % $lanes)::smallint, e.chat_id, e.seq, $kind, e.kind, e.visibility,
                   e.site_id, e.assigned_user_id, e.data, e.traceparent, e.created_at
            FROM e
        )
        SELECT e.place, e.data FROM e"
        );
}

/// Writes the messages that can be written now. For each of the messages, in their order: as it is stored, or nothing
/// if it has to be looked at alone. No two may be of the same sender with the same `client_id`.
pub(crate) async fn write(
    conn: &mut AsyncPgConnection,
    batch: &[&NewMessage],
    lanes: LaneCount,
) -> Result<Vec<Option<Message>>, Error> {
    let columns = Columns::of(batch);
    let rows: Vec<(i64, String)> = columns.statement(lanes).load(conn).await?;
    let mut written = vec![None; batch.len()];
    for (place, json) in rows {
        let slot = usize::try_from(place - 1).ok().and_then(|index| written.get_mut(index));
        let slot = slot.ok_or_else(|| Error::Internal("a batch wrote what was not in it".into()))?;
        *slot = Some(serde_json::from_str(&json)?);
    }
    Ok(written)
}

/// The same for messages of one chat that another transaction has locked: waits for its turn.
pub(crate) async fn write_in_turn(
    conn: &mut AsyncPgConnection,
    chat: ChatId,
    batch: &[&NewMessage],
    lanes: LaneCount,
) -> Result<Vec<Option<Message>>, Error> {
    conn.transaction(async |conn| {
        lock(conn, &[chat]).await?;
        write_here(conn, batch, lanes).await
    })
    .await
}

/// The same as the last statement of a transaction, on a connection that has not [`SETTINGS`].
pub(super) async fn write_here(
    conn: &mut AsyncPgConnection,
    batch: &[&NewMessage],
    lanes: LaneCount,
) -> Result<Vec<Option<Message>>, Error> {
    conn.batch_execute(&SETTINGS.replace("SET ", "SET LOCAL ")).await?;
    write(conn, batch, lanes).await
}

/// The messages as the statement takes them.
struct Columns<'a> {
    chat_ids: Vec<i64>,
    principals: Vec<&'static str>,
    user_ids: Vec<i64>,
    issued_ats: Vec<i64>,
    logins: Vec<Option<Uuid>>,
    sender_types: Vec<&'static str>,
    bodies: Vec<&'a str>,
    client_ids: Vec<Uuid>,
    visibilities: Vec<&'static str>,
    metadata: Vec<Option<&'a str>>,
    traceparents: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(batch: &[&'a NewMessage]) -> Self {
        let actors: Vec<ActorColumns> = batch.iter().map(|new| ActorColumns::of(Some(new.actor))).collect();
        Self {
            chat_ids: batch.iter().map(|new| new.chat.0).collect(),
            principals: actors.iter().map(|who| who.kind).collect(),
            user_ids: actors.iter().map(|who| who.user_id).collect(),
            issued_ats: actors.iter().map(|who| who.issued_at).collect(),
            logins: actors.iter().map(|who| who.login).collect(),
            sender_types: batch.iter().map(|new| sender_type(new.actor.principal).as_str()).collect(),
            bodies: batch.iter().map(|new| new.body.as_str()).collect(),
            client_ids: batch.iter().map(|new| new.client_id).collect(),
            visibilities: batch.iter().map(|new| new.visibility.as_str()).collect(),
            metadata: batch.iter().map(|new| new.metadata.as_ref().map(Metadata::as_str)).collect(),
            traceparents: batch.iter().map(|new| new.traceparent.as_deref()).collect(),
        }
    }

    fn statement(&self, lanes: LaneCount) -> WriteMessages<'_> {
        WriteMessages {
            chat_ids: &self.chat_ids,
            principals: &self.principals,
            user_ids: &self.user_ids,
            issued_ats: &self.issued_ats,
            logins: &self.logins,
            sender_types: &self.sender_types,
            bodies: &self.bodies,
            client_ids: &self.client_ids,
            visibilities: &self.visibilities,
            metadata: &self.metadata,
            traceparents: &self.traceparents,
            kind: EventKind::MessageSent.as_str(),
            lanes: lanes.get(),
        }
    }
}
