//! Which of many chats changed since their reader was last there.

use chat_events::gateway_api::{ChangedChat, Changes, MAX_CURSORS};
use chat_events::{ChatId, ChatKind, Epoch, Seq};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::access::rules::{acting_user, is_staff, is_unproved, may_see, member_reads};
use crate::access::{Actor, ActorColumns, Verb, check_verdict};
use crate::db::stored::{Readable, Stored};
use crate::error::Error;
use crate::state::AppState;
use statement::statement;

/// The question of a reader.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) actor: Actor,
    /// Whether an operator means its own chats as well as sessions.
    pub(crate) own_chats: bool,
    /// How far the reader has come.
    pub(crate) cursors: &'a [(ChatId, Seq)],
    /// New chats are told from behind this one.
    pub(crate) new_after: Option<ChatId>,
}

statement! {
    /// The epoch and whether the reader may ask at all, in each row; and the chats that are not as the cursors say.
    ReadChanges<'a> {
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        session_id: i64 as BigInt,
        own_chats: bool as Bool,
        ids: &'a [i64] as Array<BigInt>,
        seqs: &'a [i64] as Array<BigInt>,
        new_after: i64 as BigInt,
        count: i64 as BigInt,
    } -> (Integer, Text, Nullable<Text>, Nullable<BigInt>, Nullable<Text>, Nullable<BigInt>, Nullable<BigInt>) =
        concat!(
        "WITH self AS MATERIALIZED (
            SELECT CASE WHEN v.banned_at IS NOT NULL THEN 'banned' WHEN ", is_unproved!(), " THEN 'unproved' ELSE 'allowed' END AS verdict
            FROM chat_sessions s JOIN clients v ON v.id = s.client_id
            WHERE s.chat_id = $session_id AND $principal = 'client'
            UNION ALL
            SELECT CASE WHEN $principal = 'staff' AND NOT (", is_staff!(), ") THEN 'not_staff' ELSE 'allowed' END
            FROM users u WHERE $principal <> 'client' AND ", acting_user!(), "
        ), mine AS (
            SELECT $session_id AS chat_id WHERE $principal = 'client' AND $session_id > $new_after
            UNION ALL
            SELECT p.chat_id FROM chat_members p
            WHERE p.user_id = $user_id AND ", member_reads!(), " AND $own_chats AND p.chat_id > $new_after
        ), asked AS (
            SELECT x.id, x.seq AS position, c.kind, c.seq, c.state_seq, (", may_see!("$own_chats"), ") IS TRUE AS may_read
            FROM unnest($ids, $seqs) AS x (id, seq)
            LEFT JOIN chats c ON c.id = x.id
            LEFT JOIN chat_sessions s ON s.chat_id = c.id
            LEFT JOIN chat_members p ON p.chat_id = c.id AND p.user_id = $user_id
        ), told AS (
            SELECT id, kind, seq, state_seq, CASE
                WHEN NOT may_read THEN 'gone' WHEN seq < position THEN 'ahead' ELSE 'changed' END AS what
            FROM asked WHERE NOT may_read OR seq <> position
            UNION ALL
            (SELECT c.id, c.kind, c.seq, c.state_seq, 'new' FROM mine JOIN chats c ON c.id = mine.chat_id
             WHERE mine.chat_id <> ALL($ids) ORDER BY c.id LIMIT $count)
        )
        SELECT i.epoch, self.verdict, told.what, told.id, told.kind, told.seq, told.state_seq
        FROM installation i CROSS JOIN self LEFT JOIN told ON self.verdict = 'allowed'
        ORDER BY told.id"
    );
}

/// A row of [`ReadChanges`].
type Row = (i32, String, Option<String>, Option<i64>, Option<Readable<Stored<ChatKind>>>, Option<i64>, Option<i64>);

/// The chats that are not as the cursors say.
pub(crate) async fn changed(state: &AppState, question: Question<'_>) -> Result<Changes, Error> {
    if question.cursors.len() > MAX_CURSORS {
        return Err(Error::invalid("cursors", format!("there are more than {MAX_CURSORS} cursors")));
    }
    if question.cursors.iter().any(|(chat, seq)| chat.0 < 1 || seq.0 < 0) {
        return Err(Error::invalid("cursors", "a cursor is the id of a chat and a seq of at least 0"));
    }
    let mut conn = state.connection().await?;
    read(&mut conn, question).await
}

/// In one snapshot.
async fn read(conn: &mut AsyncPgConnection, question: Question<'_>) -> Result<Changes, Error> {
    let who = ActorColumns::of(Some(question.actor));
    let (ids, seqs): (Vec<i64>, Vec<i64>) = question.cursors.iter().map(|(chat, seq)| (chat.0, seq.0)).unzip();
    let statement = ReadChanges {
        principal: who.kind,
        user_id: who.user_id,
        issued_at: who.issued_at,
        login: who.login,
        session_id: who.session_id,
        own_chats: question.own_chats,
        ids: &ids,
        seqs: &seqs,
        new_after: question.new_after.map_or(0, |chat| chat.0),
        count: i64::try_from(MAX_CURSORS).unwrap_or(i64::MAX) + 1,
    };
    let rows: Vec<Row> = statement.load(conn).await?;
    let [(epoch, verdict, ..), ..] = rows.as_slice() else { return Err(nobody(who.kind)) };
    check_verdict(Verb::Read, verdict)?;
    let epoch = Epoch(*epoch);
    let mut changes = Changes { epoch, chats: vec![], new: vec![], new_next: None, gone: vec![], ahead: vec![] };
    rows.into_iter().for_each(|row| tell(&mut changes, row));
    if changes.new.len() > MAX_CURSORS {
        changes.new.truncate(MAX_CURSORS);
        changes.new_next = changes.new.last().map(|chat| chat.chat_id);
    }
    Ok(changes)
}

fn nobody(principal: &str) -> Error {
    if principal == "client" { Error::not_found("there is no such session") } else { Error::not_active() }
}

fn tell(changes: &mut Changes, (_, _, what, id, kind, seq, state_seq): Row) {
    let Some(chat_id) = id.map(ChatId) else { return };
    let chat = || Some(ChangedChat { chat_id, kind: kind.as_ref()?.0?.0, seq: Seq(seq?), state_seq: Seq(state_seq?) });
    match what.as_deref() {
        Some("changed") => changes.chats.extend(chat()),
        Some("new") => changes.new.extend(chat()),
        Some("ahead") => changes.ahead.push(chat_id),
        _ => changes.gone.push(chat_id),
    }
}
