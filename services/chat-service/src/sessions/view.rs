//! How REST shows a session.

use chat_events::metadata::{MAX_SHOWN_BYTES, ShownMetadata};
use chat_events::{ChatId, Mark, Message, Reader, SenderType, Session, UserId, Visibility, time};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::json::{session_joins, session_json};
use crate::access::rules::reader_cte;
use crate::access::{Actor, ActorColumns, Verb, check_verdict};
use crate::contacts::card::{ContactCard, contact_json};
use crate::db::bad_rows::{BadRows, What};
use crate::db::json::time_json;
use crate::error::Error;
use crate::marks::json::marks_json;
use crate::messages::row::message_json;
use statement::statement;

/// How many messages wait to be read, counted up to 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct UnreadCounts {
    /// Written to the client, not read by it.
    #[schema(minimum = 0, maximum = 1000)]
    pub(crate) client: i64,
    /// Written by the client, not read by any operator.
    #[schema(minimum = 0, maximum = 1000)]
    pub(crate) operator: i64,
}

/// A session as one caller sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SessionView {
    /// Its state.
    #[serde(flatten)]
    pub(crate) session: Session,
    /// The last seq that was given out in its chat.
    pub(crate) seq: chat_events::Seq,
    /// The facts that the site gave about the visitor, as it gave them last.
    #[schema(value_type = Object)]
    pub(crate) metadata: ShownMetadata,
    /// Whether an operator has banned the client.
    pub(crate) is_banned: bool,
    /// The contact that the client has proved to be; for operators alone.
    pub(crate) contact: Option<ContactCard>,
    /// The key of its web site; for operators alone.
    pub(crate) site: Option<String>,
    /// The time of the oldest message of the visitor that no public message of an operator follows, and no closing; null if
    /// the visitor does not wait. For operators alone.
    #[serde(serialize_with = "time::micros_or_null")]
    pub(crate) waiting_since: Option<DateTime<Utc>>,
    /// The last change, to within 15 s; for operators alone.
    #[serde(serialize_with = "time::micros_or_null")]
    pub(crate) changed_at: Option<DateTime<Utc>>,
    /// Messages that the caller has not read, counted up to 1,000.
    #[schema(minimum = 0, maximum = 1000)]
    pub(crate) unread_count: i64,
    /// The same for either side.
    pub(crate) unread_counts: UnreadCounts,
    /// The newest message that the caller may see.
    pub(crate) last_message: Option<Message>,
    /// How far client and operators have come.
    pub(crate) marks: Vec<Mark>,
    /// The last sign of the client: it opened the session, a message reached it or was read by it, or it wrote the newest.
    #[serde(serialize_with = "time::micros")]
    pub(crate) client_last_seen_at: DateTime<Utc>,
}

/// Unread messages up to 1,000: those of one side after a position.
macro_rules! unread {
    ($side:literal, $after:literal) => {
        concat!(
            "(SELECT count(*) FROM (SELECT FROM messages m WHERE m.chat_id = c.id AND m.visibility = 'public'
                AND NOT m.is_deleted AND ",
            $side,
            " AND m.seq > ",
            $after,
            " LIMIT 1000) waiting)"
        )
    };
}

/// [`StoredView`] from `c` and `session_joins!`, for the reader (`$reader_type`, `$user_id`).
macro_rules! session_view_json {
    () => {
        concat!(
            "(SELECT (",
            session_json!(),
            "::jsonb || jsonb_build_object('seq', c.seq,
                'is_banned', v.banned_at IS NOT NULL, 'contact', CASE WHEN $sees_notes THEN ",
            contact_json!(),
            " END, 'site', CASE WHEN $sees_notes THEN (SELECT w.key FROM sites w WHERE w.id = s.site_id) END,
                'waiting_since', CASE WHEN $sees_notes THEN ",
            time_json!("c.waiting_since"),
            " END, 'changed_at', CASE WHEN $sees_notes THEN ",
            time_json!("c.changed_at"),
            " END, 'marks', ",
            marks_json!("$reader_type", "CASE $reader_type WHEN 'client' THEN v.id ELSE $user_id END"),
            ", 'last_message', (SELECT ",
            message_json!("c.kind"),
            " FROM messages m WHERE m.chat_id = c.id AND (m.visibility = 'public' OR $sees_notes)
                ORDER BY m.seq DESC LIMIT 1),
              'unread_counts', json_build_object('client', unread.by_client, 'operator', unread.by_operators),
              'unread_count', CASE $reader_type WHEN 'client' THEN unread.by_client ELSE unread.by_me END))::text
            FROM (SELECT
                    coalesce(max(k.read_seq) FILTER (WHERE k.reader_type = 'client'), 0) AS client,
                    coalesce(max(k.read_seq) FILTER (WHERE k.reader_type = 'user'), 0) AS operators,
                    coalesce(max(k.read_seq) FILTER (WHERE k.reader_type = 'user' AND k.reader_id = $user_id), 0) AS me
                  FROM chat_marks k WHERE k.chat_id = c.id) mark
            CROSS JOIN LATERAL (SELECT ",
            unread!("m.sender_type <> 'client'", "mark.client"),
            " AS by_client, ",
            unread!("m.sender_type = 'client'", "mark.operators"),
            " AS by_operators, ",
            unread!("m.sender_type = 'client'", "mark.me"),
            " AS by_me) unread)"
        )
    };
}

/// `metadata` as text, or null where it is longer than is shown.
macro_rules! metadata_text {
    () => {
        "(SELECT CASE WHEN octet_length(x.text) <= $most_metadata THEN x.text END
          FROM (SELECT v.metadata::text AS text OFFSET 0) x)"
    };
}

statement! {
    /// One session as a caller sees it.
    ViewSession<'a> {
        chat_id: i64 as BigInt,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        reader_type: &'a str as Text,
        sees_notes: bool as Bool,
        most_metadata: i32 as Integer,
    } -> (Text, Nullable<Text>, Nullable<Text>) = concat!(
        "WITH ", reader_cte!(see_session), " SELECT reader.verdict, CASE WHEN reader.verdict = 'allowed' THEN ",
        session_view_json!(), " END, ", metadata_text!(),
        " FROM reader LEFT JOIN chats c ON c.id = reader.chat_id ", session_joins!()
    );
}

statement! {
    /// Sessions as an operator sees them, in the order of their ids in the question.
    ViewSessions<'a> {
        ids: &'a [i64] as Array<BigInt>,
        user_id: i64 as BigInt,
        reader_type: &'a str as Text,
        sees_notes: bool as Bool,
        most_metadata: i32 as Integer,
    } -> (BigInt, Text, Nullable<Text>) = concat!(
        "SELECT c.id, ", session_view_json!(), ", ", metadata_text!(), " FROM chats c ", session_joins!(),
        " WHERE c.id = ANY($ids) AND s.chat_id IS NOT NULL ORDER BY array_position($ids, c.id)"
    );
}

/// One session, if the principal may see it. A part of it that cannot be read is left out.
pub(crate) async fn view(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    actor: Actor,
    session: ChatId,
) -> Result<SessionView, Error> {
    let who = ActorColumns::of(Some(actor));
    let statement = ViewSession {
        chat_id: session.0,
        principal: who.kind,
        user_id: who.user_id,
        issued_at: who.issued_at,
        login: who.login,
        reader_type: who.reader_type,
        sees_notes: actor.principal.sees(Visibility::Staff),
        most_metadata: most_metadata(),
    };
    let (verdict, json, metadata): (String, Option<String>, Option<String>) = statement.get_result(conn).await?;
    check_verdict(Verb::SeeSession, &verdict)?;
    let json = json.ok_or_else(|| Error::not_found("there is no such session"))?;
    let stored = StoredView::read(bad_rows, session, &json);
    let stored = stored.ok_or_else(|| Error::Internal(format!("the session {session} cannot be read")))?;
    Ok(stored.with(bad_rows, metadata))
}

fn most_metadata() -> i32 {
    i32::try_from(MAX_SHOWN_BYTES).unwrap_or(i32::MAX)
}

/// Sessions as an operator sees them, in this order. Unreadable ones are left out.
pub(super) async fn many(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    operator: UserId,
    ids: &[i64],
) -> Result<Vec<SessionView>, Error> {
    let (user_id, most_metadata) = (operator.0, most_metadata());
    read_many(conn, bad_rows, ViewSessions { ids, user_id, reader_type: "user", sees_notes: true, most_metadata }).await
}

/// The same as their visitor sees them.
pub(super) async fn of_visitor(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    ids: &[i64],
) -> Result<Vec<SessionView>, Error> {
    let most_metadata = most_metadata();
    let views = ViewSessions { ids, user_id: 0, reader_type: "client", sees_notes: false, most_metadata };
    read_many(conn, bad_rows, views).await
}

async fn read_many(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    statement: ViewSessions<'_>,
) -> Result<Vec<SessionView>, Error> {
    let rows: Vec<(i64, String, Option<String>)> = statement.load(conn).await?;
    let view = |(id, json, metadata): (i64, String, Option<String>)| {
        Some(StoredView::read(bad_rows, ChatId(id), &json)?.with(bad_rows, metadata))
    };
    Ok(rows.into_iter().filter_map(view).collect())
}

/// A [`SessionView`] without `metadata`, as PostgreSQL tells it.
#[derive(Debug, Deserialize)]
struct StoredView {
    #[serde(flatten)]
    session: Session,
    seq: chat_events::Seq,
    is_banned: bool,
    contact: Option<ContactCard>,
    site: Option<String>,
    waiting_since: Option<DateTime<Utc>>,
    changed_at: Option<DateTime<Utc>>,
    unread_count: i64,
    unread_counts: UnreadCounts,
    last_message: Option<Message>,
    marks: Vec<Mark>,
}

impl StoredView {
    /// Without unreadable parts; none if the session itself is unreadable.
    fn read(bad_rows: &BadRows, session: ChatId, json: &str) -> Option<Self> {
        bad_rows.mended(What::Session, session.0, json, |parts| {
            parts.optional::<Message>("last_message", What::Message);
            parts.items::<Mark>("marks", What::Mark);
            parts.time("created_at", What::Session);
            parts.optional::<DateTime<Utc>>("waiting_since", What::Session);
            parts.optional::<DateTime<Utc>>("changed_at", What::Session);
        })
    }

    fn with(self, bad_rows: &BadRows, metadata: Option<String>) -> SessionView {
        let Self { session, seq, is_banned, contact, site, waiting_since, changed_at, .. } = self;
        let (unread_count, unread_counts) = (self.unread_count, self.unread_counts);
        let (last_message, marks) = (self.last_message, self.marks);
        let metadata = metadata.and_then(ShownMetadata::of).unwrap_or_else(|| {
            bad_rows.skip(What::Metadata, session.session_id.0, "it is too long, or a number in it is too large");
            ShownMetadata::none()
        });
        let of_client = marks.iter().filter(|mark| matches!(mark.reader, Reader::Client(_)));
        let own_message = last_message.iter().filter(|message| message.sender_type == SenderType::Client);
        let seen = of_client.map(|mark| mark.updated_at).chain(own_message.map(|message| message.created_at));
        let client_last_seen_at = seen.fold(session.created_at, DateTime::max);
        SessionView {
            session,
            seq,
            metadata,
            is_banned,
            contact,
            site,
            waiting_since,
            changed_at,
            unread_count,
            unread_counts,
            last_message,
            marks,
            client_last_seen_at,
        }
    }
}
