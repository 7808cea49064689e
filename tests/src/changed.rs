//! Messages that are edited and deleted. No route does that yet, so it is committed here as every change is: the next
//! seq, the row and the event in one statement.

use crate::System;

/// The message as events have it; `row_to_json` of this is the event's `data`.
const MESSAGE: &str =
    "SELECT m.id, m.chat_id, m.chat_id AS session_id, m.seq, m.changed_seq, m.sender_type, m.sender_id,
    m.sender_name, m.body, m.client_id, m.visibility,
    to_char(m.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS created_at,
    to_char(m.edited_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS edited_at, m.is_deleted";

/// Gives a message of a session another text.
pub async fn edit(system: &System, message: i64, body: &str) {
    let body = body.replace('\'', "''");
    change(system, message, "chat.message.edited", &format!("body = '{body}', edited_at = now()")).await;
}

/// Takes a message of a session away, with its text.
pub async fn delete(system: &System, message: i64) {
    change(system, message, "chat.message.deleted", "body = '', is_deleted = true").await;
}

async fn change(system: &System, message: i64, kind: &str, set: &str) {
    let statement = format!(
        "WITH next AS (
             UPDATE chats SET seq = seq + 1, changed_at = now()
             WHERE id = (SELECT chat_id FROM messages WHERE id = {message}) RETURNING id, seq
         ), m AS (
             UPDATE messages SET changed_seq = next.seq, {set} FROM next WHERE messages.id = {message}
             RETURNING messages.*
         )
         INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, data)
         SELECT m.chat_id % (SELECT lanes FROM installation), m.chat_id, m.changed_seq, '{kind}', 'session', m.visibility,
                row_to_json(j)::text
         FROM m, LATERAL ({MESSAGE}) j"
    );
    system.database.run_sql(&statement).await;
}
