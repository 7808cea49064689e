//! The changes in a chat after a cursor.

use chat_events::gateway_api::SyncPage;
use chat_events::{Epoch, Message, Seq};
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::page::{Page, Reading, Tagged, TaggedRow, head, tagged_messages, tagged_text};
use crate::access::ActorColumns;
use crate::access::rules::reader_cte;
use crate::activity::json::{placed_activity_json, seen_activity};
use crate::chats;
use crate::chats::json::chat_state_json;
use crate::chats::members::member_json;
use crate::db::bad_rows::BadRows;
use crate::error::Error;
use crate::sessions::json::{desk_json, session_joins};
use statement::statement;

statement! {
    /// The chat's state, the epoch, and the changes after the cursor, in their order. A place has at most two rows,
    /// the change and its activity, so that one row more than the heads and the count shows whether there is more.
    Changes<'a> {
        chat_id: i64 as BigInt,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        reader_type: &'a str as Text,
        sees_notes: bool as Bool,
        wants_activity: bool as Bool,
        after: i64 as BigInt,
        count: i64 as BigInt,
    } -> Tagged = concat!(
        "WITH ", reader_cte!(read), head!("reader", "verdict"), "FROM reader
         UNION ALL ", head!("number", "epoch::text"), "FROM installation
         UNION ALL ", head!("chat", concat!(chat_state_json!("$reader_type", "reader.self_id"), "::text")),
        "FROM reader JOIN chats c ON c.id = reader.chat_id ", session_joins!(), " WHERE reader.verdict = 'allowed'
         UNION ALL
         (", tagged_messages!("m.changed_seq"), "AND m.changed_seq > $after ORDER BY m.changed_seq LIMIT $count)
         UNION ALL
         (", tagged_text!("member", "p.changed_seq", concat!(
            "json_build_object('seq', p.changed_seq, 'added_seq', p.added_seq, 'member', ", member_json!(), ")::text")),
        "FROM chat_members p
          WHERE p.chat_id = $chat_id AND p.changed_seq > $after AND (SELECT verdict FROM reader) = 'allowed'
          ORDER BY p.changed_seq LIMIT $count)
         UNION ALL
         (", tagged_text!("desk", "s.desk_seq", concat!(desk_json!(), "::text")),
        "FROM chat_sessions s JOIN clients v ON v.id = s.client_id
          WHERE s.chat_id = $chat_id AND s.desk_seq > $after AND $sees_notes
            AND (SELECT verdict FROM reader) = 'allowed')
         UNION ALL
         (", tagged_text!("activity", "r.seq", concat!(placed_activity_json!(), "::text")), seen_activity!(),
        "AND $wants_activity AND r.seq > $after ORDER BY r.seq LIMIT $count)
         ORDER BY at NULLS FIRST LIMIT $count + 4"
    );
}

/// Reads the changes after a cursor, with the chat's state, in one snapshot.
pub(crate) async fn read(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    reading: Reading,
    after: Seq,
    limit: u16,
) -> Result<SyncPage, Error> {
    let who = ActorColumns::of(reading.actor);
    let statement = Changes {
        chat_id: reading.chat.0,
        principal: who.kind,
        user_id: who.user_id,
        issued_at: who.issued_at,
        login: who.login,
        reader_type: who.reader_type,
        sees_notes: reading.notes,
        wants_activity: reading.activity,
        after: after.0,
        count: i64::from(limit) + 1,
    };
    let rows: Vec<TaggedRow> = statement.load(conn).await?;
    let page = Page::read(bad_rows, reading, rows, limit)?;
    let Page { chat, number, messages, members, desk, activity, last, has_more } = page;
    let chat = chat.as_deref().and_then(|json| chats::state(bad_rows, reading.chat.0, json));
    let chat = chat.ok_or_else(|| Error::Internal(format!("the chat {} cannot be read", reading.chat)))?;
    let next = if has_more { last } else { chat.seq };
    let messages: Vec<Message> = messages.into_iter().filter_map(|row| row.into_message(bad_rows, chat.kind)).collect();
    let epoch = Epoch(i32::try_from(number).map_err(|_| Error::Internal("the epoch is not a number".into()))?);
    Ok(SyncPage { epoch, chat, messages, members, desk, activity, next, has_more })
}
