//! Support sessions: opening one, changing its state, and how REST shows it.

use bus::outbox::{self, NewEvent};
use chat_events::{
    ChatId, ChatKind, ErrorBody, ErrorCode, EventKind, LaneCount, Mark, Message, Session, SessionStatus, UserId,
    Visibility,
};
use chrono::{DateTime, Utc};
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::{Actor, ActorColumns, check_read, unknown_chat};
use super::schema::{chat_sessions, clients};
use super::shape::{
    access_cte, acting_user, desk_json, marks_json, message_fields, message_json, session_joins, session_json,
    time_json,
};
use super::statement::statement;
use super::stored::Stored;
use super::{chats, users};
use crate::bad_rows::{BadRows, What};
use crate::error::Error;
use crate::metadata::{MAX_SHOWN_BYTES, Metadata, ShownMetadata};

/// A visitor who opens a session. Every field is checked.
#[derive(Debug, Clone)]
pub(crate) struct NewSession {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) page_url: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) secret_hash: Vec<u8>,
    pub(crate) traceparent: Option<String>,
}

statement! {
    /// A client, its chat at seq 1, its session and the event of it.
    OpenSession<'a> {
        name: Option<&'a str> as Nullable<Text>,
        email: Option<&'a str> as Nullable<Text>,
        locale: Option<&'a str> as Nullable<Text>,
        metadata: &'a str as Text,
        secret_hash: &'a [u8] as Binary,
        page_url: Option<&'a str> as Nullable<Text>,
        kind: &'a str as Text,
        lanes: i16 as SmallInt,
        traceparent: Option<&'a str> as Nullable<Text>,
    } -> (BigInt, Timestamptz) = concat!(
        "WITH v AS (
            INSERT INTO clients (name, email, locale, metadata, secret_hash)
            VALUES ($name, $email, $locale, $metadata::jsonb, $secret_hash) RETURNING *
        ), c AS (
            INSERT INTO chats (kind, seq, state_seq) VALUES ('session', 1, 1) RETURNING *
        ), s AS (
            INSERT INTO chat_sessions (chat_id, client_id, page_url) SELECT c.id, v.id, $page_url FROM c, v RETURNING *
        ), a AS (
            SELECT NULL::bigint AS id, NULL::text AS name
        ), e AS (
            INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, data, traceparent)
            SELECT (c.id % $lanes)::smallint, c.id, c.seq, $kind, c.kind, 'public', ",
            session_json!(), "::text, $traceparent
            FROM c, s, v, a
        )
        SELECT s.chat_id, s.created_at FROM s"
    );
}

/// Opens a session for a new client.
pub(crate) async fn open(
    conn: &mut AsyncPgConnection,
    new: &NewSession,
    lanes: LaneCount,
) -> Result<(ChatId, DateTime<Utc>), Error> {
    let statement = OpenSession {
        name: new.name.as_deref(),
        email: new.email.as_deref(),
        locale: new.locale.as_deref(),
        metadata: new.metadata.as_str(),
        secret_hash: &new.secret_hash,
        page_url: new.page_url.as_deref(),
        kind: EventKind::SessionCreated.as_str(),
        lanes: lanes.get(),
        traceparent: new.traceparent.as_deref(),
    };
    let (id, created_at): (i64, DateTime<Utc>) = statement.get_result(conn).await?;
    Ok((ChatId(id), created_at))
}

/// The hash of the secret that a session's visitor was given, and whether it is banned.
pub(crate) async fn visitor(conn: &mut AsyncPgConnection, session: ChatId) -> Result<Option<(Vec<u8>, bool)>, Error> {
    let found = chat_sessions::table
        .inner_join(clients::table)
        .filter(chat_sessions::chat_id.eq(session.0))
        .select((clients::secret_hash, clients::banned_at.is_not_null()))
        .first(conn)
        .await;
    Ok(found.optional()?)
}

statement! {
    /// All sessions of the client of a session, locked in the order of their ids.
    LockSessionsOfClient {
        chat_id: i64 as BigInt,
    } -> (BigInt, BigInt, Nullable<BigInt>) =
        "SELECT c.id, s.client_id, s.assigned_user_id FROM chat_sessions s JOIN chats c ON c.id = s.chat_id
         WHERE s.client_id = (SELECT client_id FROM chat_sessions WHERE chat_id = $chat_id)
         ORDER BY c.id FOR NO KEY UPDATE OF c";
}

/// Refuses or admits the client of a session, in all its sessions; operators are told in each. Returns those, none if it
/// was so before.
pub(crate) async fn set_banned(
    conn: &mut AsyncPgConnection,
    operator: Actor,
    session: ChatId,
    is_banned: bool,
    lanes: LaneCount,
    traceparent: Option<&str>,
) -> Result<Vec<ChatId>, Error> {
    conn.transaction(async |conn| {
        let locked: Vec<(i64, i64, Option<i64>)> = LockSessionsOfClient { chat_id: session.0 }.load(conn).await?;
        users::hold_acting_staff(conn, operator).await?;
        let Some((_, client, _)) = locked.as_slice().first() else {
            return Err(Error::not_found("there is no such session"));
        };
        let row = diesel::update(clients::table.find(client)).filter(clients::banned_at.is_null().eq(is_banned));
        // A second ban leaves the time of the first.
        if row.set(clients::banned_at.eq(is_banned.then(Utc::now))).execute(conn).await? == 0 {
            return Ok(vec![]);
        }
        let mut told = vec![];
        for (chat, _, assignee) in locked {
            tell_desk(conn, ChatId(chat), assignee.map(UserId), lanes, traceparent).await?;
            told.push(ChatId(chat));
        }
        Ok(told)
    })
    .await
}

statement! {
    /// `chat_events::SessionDesk` as JSON, at a seq that the locked chat has just taken.
    WriteDesk {
        chat_id: i64 as BigInt,
        seq: i64 as BigInt,
    } -> Text = concat!(
        "UPDATE chat_sessions s SET desk_seq = $seq FROM clients v WHERE s.chat_id = $chat_id AND v.id = s.client_id
         RETURNING ", desk_json!(), "::text"
    );
}

/// What operators alone see of a locked session has changed. It takes the chat's state along: a send that was checked
/// before looks again.
async fn tell_desk(
    conn: &mut AsyncPgConnection,
    session: ChatId,
    assignee: Option<UserId>,
    lanes: LaneCount,
    traceparent: Option<&str>,
) -> Result<(), Error> {
    let seq = chats::raise_state(conn, session).await?;
    let data: String = WriteDesk { chat_id: session.0, seq: seq.0 }.get_result(conn).await?;
    let event = NewEvent {
        lane: lanes.lane_of(session),
        chat_id: session,
        seq,
        kind: EventKind::SessionDesk,
        chat_kind: ChatKind::Session,
        visibility: Visibility::Staff,
        assigned_user_id: assignee,
        user_ids: &[],
        data: &data,
        traceparent,
    };
    Ok(outbox::write(conn, &event).await?)
}

/// What operators change about a session.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SessionChange {
    /// Where it stands.
    Status(SessionStatus),
    /// Who has it.
    Assignee {
        to: Option<UserId>,
        /// Who has it at present, as far as the caller knows; if it knows.
        expected: Option<Option<UserId>>,
    },
}

/// Changes a session's state. Returns whether anything changed.
pub(crate) async fn change(
    conn: &mut AsyncPgConnection,
    operator: Actor,
    session: ChatId,
    change: &SessionChange,
    lanes: LaneCount,
    traceparent: Option<&str>,
) -> Result<bool, Error> {
    conn.transaction(async |conn| {
        // Who is no operator is not told what there is.
        users::acting_staff(conn, operator).await?;
        let kind = chats::lock(conn, session).await?;
        // Asked again: the lock may have taken its time.
        users::hold_acting_staff(conn, operator).await?;
        if kind != ChatKind::Session {
            return Err(Error::not_found("there is no such session"));
        }
        change_locked(conn, session, change, lanes, traceparent).await
    })
    .await
}

/// The same, in a transaction that holds the chat's lock.
pub(crate) async fn change_locked(
    conn: &mut AsyncPgConnection,
    session: ChatId,
    change: &SessionChange,
    lanes: LaneCount,
    traceparent: Option<&str>,
) -> Result<bool, Error> {
    let (status, assignee): (Stored<SessionStatus>, Option<i64>) = chat_sessions::table
        .find(session.0)
        .select((chat_sessions::status, chat_sessions::assigned_user_id))
        .first(conn)
        .await?;
    let (kind, status, to, concerned) = match *change {
        SessionChange::Status(to) if to == status.0 => return Ok(false),
        SessionChange::Status(to) => (EventKind::SessionStatus, to, assignee, vec![]),
        SessionChange::Assignee { to, .. } if to.map(|user| user.0) == assignee => return Ok(false),
        SessionChange::Assignee { to, expected } => {
            check_expected(conn, assignee.map(UserId), expected).await?;
            if let Some(user) = to {
                users::check_staff(conn, user).await?;
            }
            let concerned = assignee.map(UserId).into_iter().chain(to).collect();
            (EventKind::SessionAssigned, status.0, to.map(|user| user.0), concerned)
        }
    };
    let seq = chats::raise_state(conn, session).await?;
    diesel::update(chat_sessions::table.find(session.0))
        .set((
            chat_sessions::status.eq(status.as_str()),
            chat_sessions::assigned_user_id.eq(to),
            chat_sessions::changed_seq.eq(seq.0),
        ))
        .execute(conn)
        .await?;
    let data: String = ReadSession { chat_id: session.0 }.get_result(conn).await?;
    let event = NewEvent {
        lane: lanes.lane_of(session),
        chat_id: session,
        seq,
        kind,
        chat_kind: ChatKind::Session,
        visibility: Visibility::Public,
        assigned_user_id: to.map(UserId),
        user_ids: &concerned,
        data: &data,
        traceparent,
    };
    outbox::write(conn, &event).await?;
    Ok(true)
}

/// Of two operators who take a session at once the second one is told who was quicker.
async fn check_expected(
    conn: &mut AsyncPgConnection,
    assignee: Option<UserId>,
    expected: Option<Option<UserId>>,
) -> Result<(), Error> {
    if expected.is_none_or(|expected| expected == assignee) {
        return Ok(());
    }
    let person = match assignee {
        Some(user) => serde_json::to_value(users::person(conn, user).await?)?,
        None => serde_json::Value::Null,
    };
    let message = "the session has another assignee by now";
    Err(Error::Refused(ErrorBody::field(ErrorCode::Conflict, "if_assignee", message).with("assignee", person)))
}

statement! {
    /// `chat_events::Session` as JSON.
    ReadSession {
        chat_id: i64 as BigInt,
    } -> Text = concat!(
        "SELECT ", session_json!(), "::text FROM chats c ", session_joins!(),
        " WHERE c.id = $chat_id AND s.chat_id IS NOT NULL"
    );
}

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
    /// What the site said about the visitor when the session was opened.
    #[schema(value_type = Object)]
    pub(crate) metadata: ShownMetadata,
    /// Whether an operator has banned the client.
    pub(crate) is_banned: bool,
    /// Messages that the caller has not read, counted up to 1,000.
    #[schema(minimum = 0, maximum = 1000)]
    pub(crate) unread_count: i64,
    /// The same for either side.
    pub(crate) unread_counts: UnreadCounts,
    /// The newest message that the caller may see.
    pub(crate) last_message: Option<Message>,
    /// How far client and operators have come.
    pub(crate) marks: Vec<Mark>,
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
                'is_banned', v.banned_at IS NOT NULL, 'marks', ",
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
        "WITH ", access_cte!(), " SELECT access.may_read, CASE WHEN s.chat_id IS NOT NULL THEN ",
        session_view_json!(), " END, ", metadata_text!(), " FROM access JOIN chats c ON c.id = access.id ", session_joins!()
    );
}

statement! {
    /// Sessions as an operator sees them, the newest first.
    ViewSessions<'a> {
        ids: &'a [i64] as Array<BigInt>,
        user_id: i64 as BigInt,
        reader_type: &'a str as Text,
        sees_notes: bool as Bool,
        most_metadata: i32 as Integer,
    } -> (BigInt, Text, Nullable<Text>) = concat!(
        "SELECT c.id, ", session_view_json!(), ", ", metadata_text!(), " FROM chats c ", session_joins!(),
        " WHERE c.id = ANY($ids) AND s.chat_id IS NOT NULL ORDER BY c.id DESC"
    );
}

/// One session, if the principal may see it. What cannot be read of it is left out.
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
    let found: Option<(String, Option<String>, Option<String>)> = statement.get_result(conn).await.optional()?;
    let Some((may_read, json, metadata)) = found else {
        return Err(unknown_chat(conn, actor, "there is no such session").await);
    };
    check_read(Some(&may_read))?;
    let json = json.ok_or_else(|| Error::not_found("there is no such session"))?;
    let stored = StoredView::read(bad_rows, session, &json);
    let stored = stored.ok_or_else(|| Error::Internal(format!("the session {session} cannot be read")))?;
    Ok(stored.with(bad_rows, metadata))
}

fn most_metadata() -> i32 {
    i32::try_from(MAX_SHOWN_BYTES).unwrap_or(i32::MAX)
}

/// A [`SessionView`] without `metadata`, as PostgreSQL tells it.
#[derive(Debug, Deserialize)]
struct StoredView {
    #[serde(flatten)]
    session: Session,
    seq: chat_events::Seq,
    is_banned: bool,
    unread_count: i64,
    unread_counts: UnreadCounts,
    last_message: Option<Message>,
    marks: Vec<Mark>,
}

impl StoredView {
    /// Without what cannot be read; none if that is the session itself.
    fn read(bad_rows: &BadRows, session: ChatId, json: &str) -> Option<Self> {
        bad_rows.mended(What::Session, session.0, json, |parts| {
            parts.optional::<Message>("last_message", What::Message);
            parts.items::<Mark>("marks", What::Mark);
            parts.time("created_at", What::Session);
        })
    }

    fn with(self, bad_rows: &BadRows, metadata: Option<String>) -> SessionView {
        let Self { session, seq, is_banned, unread_count, unread_counts, last_message, marks } = self;
        let metadata = metadata.and_then(ShownMetadata::of).unwrap_or_else(|| {
            bad_rows.skip(What::Metadata, session.session_id.0, "it is too long, or a number in it is too large");
            ShownMetadata::none()
        });
        SessionView { session, seq, metadata, is_banned, unread_count, unread_counts, last_message, marks }
    }
}

/// Whose sessions a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssigneeFilter {
    /// Nobody's.
    Nobody,
    /// One operator's.
    User(UserId),
}

/// Which sessions a list shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionFilter {
    pub(crate) status: Option<SessionStatus>,
    pub(crate) assignee: Option<AssigneeFilter>,
    /// Only those opened before this one.
    pub(crate) before: Option<ChatId>,
    pub(crate) limit: u16,
}

/// A page of sessions for an operator, the newest first, and where the next one begins. The page has a session less for
/// each that cannot be read.
pub(crate) async fn list(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    operator: Actor,
    filter: &SessionFilter,
) -> Result<(Vec<SessionView>, Option<ChatId>), Error> {
    let operator = users::acting_staff(conn, operator).await?;
    let mut ids = matching_ids(conn, filter).await?;
    let has_more = ids.len() > usize::from(filter.limit);
    ids.truncate(usize::from(filter.limit));
    let statement = ViewSessions {
        ids: &ids,
        user_id: operator.0,
        reader_type: "user",
        sees_notes: true,
        most_metadata: most_metadata(),
    };
    let rows: Vec<(i64, String, Option<String>)> = statement.load(conn).await?;
    let views = rows.into_iter().filter_map(|(id, json, metadata)| {
        Some(StoredView::read(bad_rows, ChatId(id), &json)?.with(bad_rows, metadata))
    });
    let next = ids.last().filter(|_| has_more).map(|id| ChatId(*id));
    Ok((views.collect(), next))
}

/// One more than the limit. Written per filter, so that PostgreSQL can pick the index that fits.
async fn matching_ids(conn: &mut AsyncPgConnection, filter: &SessionFilter) -> Result<Vec<i64>, Error> {
    let mut query = chat_sessions::table
        .select(chat_sessions::chat_id)
        .order(chat_sessions::chat_id.desc())
        .limit(i64::from(filter.limit) + 1)
        .into_boxed();
    if let Some(status) = filter.status {
        query = query.filter(chat_sessions::status.eq(status.as_str()));
    }
    if let Some(before) = filter.before {
        query = query.filter(chat_sessions::chat_id.lt(before.0));
    }
    match filter.assignee {
        Some(AssigneeFilter::Nobody) => query = query.filter(chat_sessions::assigned_user_id.is_null()),
        Some(AssigneeFilter::User(user)) => query = query.filter(chat_sessions::assigned_user_id.eq(user.0)),
        None => {}
    }
    Ok(query.load(conn).await?)
}
