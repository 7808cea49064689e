//! The last statement of a change: where its chats stand now, its events and its activity.

use chat_events::UserId;
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::event::{Author, Raises, Told};
use crate::activity::json::activity_json;
use crate::error::Error;
use statement::statement;

statement! {
    /// Events with their audience, activity, and the new tops of the chats, which are locked.
    Finish<'a> {
        chat_ids: &'a [i64] as Array<BigInt>,
        seqs: &'a [i64] as Array<BigInt>,
        state_seqs: &'a [i64] as Array<BigInt>,
        lanes: &'a [i16] as Array<SmallInt>,
        kinds: &'a [&'static str] as Array<Text>,
        chat_kinds: &'a [&'static str] as Array<Text>,
        visibilities: &'a [&'static str] as Array<Text>,
        user_ids: &'a [String] as Array<Text>,
        data: &'a [&'a str] as Array<Text>,
        activities: &'a [Option<&'static str>] as Array<Nullable<Text>>,
        from_values: &'a [Option<String>] as Array<Nullable<Text>>,
        to_values: &'a [Option<String>] as Array<Nullable<Text>>,
        traceparent: Option<&'a str> as Nullable<Text>,
        author_type: &'a str as Text,
        author_id: i64 as BigInt,
        author_name: Option<&'a str> as Nullable<Text>,
    } -> BigInt = concat!(
        "WITH step AS MATERIALIZED (
            SELECT * FROM unnest($chat_ids, $seqs, $state_seqs, $lanes, $kinds, $chat_kinds, $visibilities, $user_ids,
                $data, $activities, $from_values, $to_values)
                AS t (chat_id, seq, state_seq, lane, kind, chat_kind, visibility, user_ids, data, activity,
                      from_value, to_value)
        ), raised AS (
            UPDATE chats c SET seq = top.seq, state_seq = greatest(c.state_seq, top.state_seq), changed_at = now()
            FROM (SELECT chat_id, max(seq) AS seq, max(state_seq) AS state_seq FROM step GROUP BY chat_id) top
            WHERE c.id = top.chat_id
        ), remembered AS (
            INSERT INTO chat_activity AS r (chat_id, seq, kind, actor_type, actor_id, actor_name, from_value, to_value,
                                       visibility)
            SELECT t.chat_id, t.seq, t.activity, $author_type, $author_id, $author_name, t.from_value::jsonb,
                   t.to_value::jsonb, t.visibility
            FROM step t WHERE t.activity IS NOT NULL
            RETURNING r.chat_id, r.seq, ", activity_json!(), "::text AS activity
        ), told AS (
            INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, site_id, assigned_user_id, user_ids,
                                data, traceparent, activity)
            SELECT t.lane, t.chat_id, t.seq, t.kind, t.chat_kind, t.visibility, s.site_id, s.assigned_user_id,
                   t.user_ids::bigint[], t.data, $traceparent, r.activity
            FROM step t LEFT JOIN chat_sessions s ON s.chat_id = t.chat_id
                LEFT JOIN remembered r ON r.chat_id = t.chat_id AND r.seq = t.seq
        )
        SELECT count(*) FROM step"
    );
}

/// Writes the events and activities of the steps of a change.
pub(super) async fn write(
    conn: &mut AsyncPgConnection,
    told: &[Told],
    author: &Author,
    traceparent: Option<&str>,
) -> Result<(), Error> {
    let statement = Finish {
        chat_ids: &column(told, |told| told.chat.0),
        seqs: &column(told, |told| told.seq.0),
        state_seqs: &column(told, |told| if told.raises == Raises::State { told.seq.0 } else { 0 }),
        lanes: &column(told, |told| told.lane.0),
        kinds: &column(told, |told| told.event.kind.as_str()),
        chat_kinds: &column(told, |told| told.chat_kind.as_str()),
        visibilities: &column(told, |told| told.event.visibility.as_str()),
        user_ids: &column(told, |told| array(&told.event.user_ids)),
        data: &column(told, |told| told.event.data.as_str()),
        activities: &column(told, |told| Some(told.event.activity.as_ref()?.kind)),
        from_values: &column(told, |told| Some(told.event.activity.as_ref()?.from.as_ref()?.to_string())),
        to_values: &column(told, |told| Some(told.event.activity.as_ref()?.to.as_ref()?.to_string())),
        traceparent,
        author_type: author.kind.as_str(),
        author_id: author.id,
        author_name: author.name.as_deref(),
    };
    let _count: i64 = statement.get_result(conn).await?;
    Ok(())
}

fn column<'a, T>(told: &'a [Told], value: impl Fn(&'a Told) -> T) -> Vec<T> {
    told.iter().map(value).collect()
}

/// As text: PostgreSQL has no arrays of rows of different lengths.
fn array(users: &[UserId]) -> String {
    let ids: Vec<String> = users.iter().map(ToString::to_string).collect();
    format!("{{{}}}", ids.join(","))
}
