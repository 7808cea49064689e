//! Delivered and read marks.

use chat_events::gateway_api::{MarkSet, Principal};
use chat_events::{ChatId, Mark, MarkKind, MessageId, Visibility};
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::access::{Access, Actor, ActorColumns, check_scope};
use super::schema::messages;
use super::shape::time_json;
use super::statement::statement;
use super::stored::Stored;
use crate::error::Error;

statement! {
    /// Raises a mark and stamps the other side's messages that it newly covers, in one statement.
    ///
    /// What is newly covered starts at the reader's own old mark; in a session, at the furthest mark of its side,
    /// since one operator's reading counts for all. Messages are locked in the order of `seq`, so that two readers
    /// cannot block each other. The upper CTE reads the old mark from the statement's snapshot; where two requests of
    /// one reader race, both cover the difference, and a stamp is written only once.
    RaiseMark<'a> {
        chat_id: i64 as BigInt,
        reader_type: &'a str as Text,
        reader_id: i64 as BigInt,
        in_session: bool as Bool,
        delivered: i64 as BigInt,
        read: i64 as BigInt,
    } -> (Text, Bool) = concat!(
        "WITH raised AS (
            INSERT INTO chat_marks AS k (chat_id, reader_type, reader_id, delivered_seq, read_seq)
            VALUES ($chat_id, $reader_type, $reader_id, $delivered, $read)
            ON CONFLICT (chat_id, reader_type, reader_id) DO UPDATE
            SET delivered_seq = greatest(k.delivered_seq, EXCLUDED.delivered_seq),
                read_seq = greatest(k.read_seq, EXCLUDED.read_seq), updated_at = now()
            WHERE k.delivered_seq < EXCLUDED.delivered_seq OR k.read_seq < EXCLUDED.read_seq
            RETURNING k.*
        ), before AS (
            SELECT coalesce(max(delivered_seq), 0) AS delivered, coalesce(max(read_seq), 0) AS read
            FROM chat_marks
            WHERE chat_id = $chat_id AND reader_type = $reader_type AND ($in_session OR reader_id = $reader_id)
        ), covered AS MATERIALIZED (
            SELECT m.id, m.seq FROM messages m, before
            WHERE m.chat_id = $chat_id AND m.visibility = 'public'
                AND m.seq > CASE WHEN $read > 0 THEN before.read ELSE before.delivered END
                AND m.seq <= $delivered AND EXISTS (SELECT FROM raised)
                AND CASE
                    WHEN NOT $in_session THEN m.sender_type <> 'user' OR m.sender_id <> $reader_id
                    WHEN $reader_type = 'client' THEN m.sender_type <> 'client'
                    ELSE m.sender_type = 'client' END
                AND (m.delivered_at IS NULL OR ($read > 0 AND m.read_at IS NULL))
            ORDER BY m.seq FOR NO KEY UPDATE OF m
        ), stamped AS (
            UPDATE messages m SET delivered_at = coalesce(m.delivered_at, now()),
                read_at = CASE WHEN $read > 0 THEN coalesce(m.read_at, now()) ELSE m.read_at END
            FROM covered WHERE m.id = covered.id
        )
        SELECT json_build_object('reader_type', k.reader_type, 'reader_id', k.reader_id,
            'delivered_seq', k.delivered_seq, 'read_seq', k.read_seq, 'updated_at', ",
        time_json!("k.updated_at"), ")::text, k.rose
        FROM (
            SELECT *, true AS rose FROM raised
            UNION ALL
            SELECT *, false FROM chat_marks WHERE chat_id = $chat_id AND reader_type = $reader_type
                AND reader_id = $reader_id AND NOT EXISTS (SELECT FROM raised)
        ) k"
    );
}

/// Raises a reader's mark up to a message that it may see.
pub(crate) async fn raise(
    conn: &mut AsyncPgConnection,
    actor: Actor,
    chat: ChatId,
    kind: MarkKind,
    last: MessageId,
) -> Result<MarkSet, Error> {
    check_scope(actor.principal, chat)?;
    let access = Access::read(conn, actor, chat).await?;
    access.check_read()?;
    let seq = seq_of(conn, actor.principal, chat, last).await?.min(access.seq);
    let read = if kind == MarkKind::Read { seq } else { 0 };
    let who = ActorColumns::of(Some(actor));
    let in_session = access.kind.0 == chat_events::ChatKind::Session;
    let reader = access.self_id.unwrap_or_default();
    let raise = RaiseMark {
        chat_id: chat.0,
        reader_type: who.reader_type,
        reader_id: reader,
        in_session,
        delivered: seq,
        read,
    };
    let (json, rose): (String, bool) = match raise.clone().get_result(conn).await.optional()? {
        Some(row) => row,
        // Another request of this reader made the very first mark meanwhile: a new snapshot sees it.
        None => raise.get_result(conn).await?,
    };
    let mark: Mark = serde_json::from_str(&json)?;
    Ok(MarkSet { mark, rose, chat_kind: access.kind.0 })
}

/// The position of a message that the reader may see in this chat.
async fn seq_of(conn: &mut AsyncPgConnection, principal: Principal, chat: ChatId, id: MessageId) -> Result<i64, Error> {
    let found: Option<(i64, Stored<Visibility>)> = messages::table
        .find(id.0)
        .filter(messages::chat_id.eq(chat.0))
        .select((messages::seq, messages::visibility))
        .first(conn)
        .await
        .optional()?;
    match found {
        Some((seq, visibility)) if principal.sees(visibility.0) => Ok(seq),
        _ => Err(Error::field(chat_events::ErrorCode::NotFound, "last_id", "there is no such message in this chat")),
    }
}
