//! Delivered and read marks.

use chat_events::gateway_api::MarkSet;
use chat_events::{ChatId, ChatKind, ErrorCode, MarkKind, MessageId, Visibility};
use diesel::prelude::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::access::{Actor, ActorColumns, check_read, check_scope, unknown_chat};
use super::shape::{access_cte, acting_user, time_json};
use super::statement::statement;
use super::stored::Stored;
use crate::error::Error;

statement! {
    /// Raises a mark up to a message, if the reader may see it: rights, message and mark in one statement. A row for each
    /// chat that there is: its kind, whether it may be read, whether the message is there, and the mark as it now stands.
    RaiseMark<'a> {
        chat_id: i64 as BigInt,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        reader_type: &'a str as Text,
        sees_notes: bool as Bool,
        last_id: i64 as BigInt,
        is_read: bool as Bool,
    } -> (Text, Text, Bool, Nullable<Text>, Bool) = concat!(
        "WITH ", access_cte!(), ", target AS MATERIALIZED (
            SELECT a.id AS chat_id, a.self_id AS reader_id, m.seq
            FROM access a JOIN messages m ON m.id = $last_id AND m.chat_id = a.id
            WHERE a.may_read = 'allowed' AND (m.visibility = 'public' OR $sees_notes)
        ), raised AS (
            INSERT INTO chat_marks AS k (chat_id, reader_type, reader_id, delivered_seq, read_seq)
            SELECT t.chat_id, $reader_type, t.reader_id, t.seq, CASE WHEN $is_read THEN t.seq ELSE 0 END FROM target t
            ON CONFLICT (chat_id, reader_type, reader_id) DO UPDATE
            SET delivered_seq = greatest(k.delivered_seq, EXCLUDED.delivered_seq),
                read_seq = greatest(k.read_seq, EXCLUDED.read_seq), updated_at = now()
            WHERE k.delivered_seq < EXCLUDED.delivered_seq OR k.read_seq < EXCLUDED.read_seq
            RETURNING k.*
        )
        SELECT a.kind, a.may_read, EXISTS (SELECT FROM target),
            CASE WHEN k.reader_id IS NOT NULL THEN json_build_object('reader_type', k.reader_type,
                'reader_id', k.reader_id, 'delivered_seq', k.delivered_seq, 'read_seq', k.read_seq, 'updated_at', ",
        time_json!("k.updated_at"), ")::text END, coalesce(k.rose, false)
        FROM access a LEFT JOIN (
            SELECT *, true AS rose FROM raised
            UNION ALL
            SELECT o.*, false FROM chat_marks o JOIN target t ON o.chat_id = t.chat_id AND o.reader_id = t.reader_id
            WHERE o.reader_type = $reader_type AND NOT EXISTS (SELECT FROM raised)
        ) k ON true"
    );
}

/// A row of [`RaiseMark`].
type Raised = (Stored<ChatKind>, String, bool, Option<String>, bool);

/// Raises a reader's mark up to a message that it may see.
pub(crate) async fn raise(
    conn: &mut AsyncPgConnection,
    actor: Actor,
    chat: ChatId,
    kind: MarkKind,
    last: MessageId,
) -> Result<MarkSet, Error> {
    check_scope(actor.principal, chat)?;
    let who = ActorColumns::of(Some(actor));
    let raise = RaiseMark {
        chat_id: chat.0,
        principal: who.kind,
        user_id: who.user_id,
        issued_at: who.issued_at,
        login: who.login,
        reader_type: who.reader_type,
        sees_notes: actor.principal.sees(Visibility::Staff),
        last_id: last.0,
        is_read: kind == MarkKind::Read,
    };
    let Some(row) = raise.clone().get_result(conn).await.optional()? else {
        return Err(unknown_chat(conn, actor, "there is no such chat").await);
    };
    if let Some(set) = raised(row)? {
        return Ok(set);
    }
    // Another request of this reader made the very first mark meanwhile: a new snapshot sees it.
    let row = raise.get_result(conn).await.optional()?;
    let set = raised(row.ok_or_else(|| Error::not_found("there is no such chat"))?)?;
    set.ok_or_else(|| Error::Internal("a mark that was raised is not there".into()))
}

/// The mark; none if it was there already and the statement's snapshot does not show it.
fn raised((chat_kind, may_read, is_known, json, rose): Raised) -> Result<Option<MarkSet>, Error> {
    check_read(Some(&may_read))?;
    if !is_known {
        return Err(Error::field(ErrorCode::NotFound, "last_id", "there is no such message in this chat"));
    }
    let set = |json: String| Ok(MarkSet { mark: serde_json::from_str(&json)?, rose, chat_kind: chat_kind.0 });
    json.map(set).transpose()
}
