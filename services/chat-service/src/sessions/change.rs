//! A session's status and assignee.

use chat_events::{ChatId, ErrorBody, ErrorCode, EventKind, Person, SessionStatus, UserId};
use chrono::{DateTime, Utc};
use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use serde_json::Value;

use super::json::{session_joins, session_json};
use crate::access::{Actor, Verb, check_assignable};
use crate::accounts::users;
use crate::changes::{Activity, By, Change, Event, Raises};
use crate::db::schema::{chat_sessions, chats};
use crate::db::stored::Stored;
use crate::error::Error;
use crate::state::AppState;
use statement::statement;

/// A change of a session by an operator.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SessionChange {
    /// Where it stands.
    Status(SessionStatus),
    /// The operator who has it.
    Assignee {
        to: Option<UserId>,
        /// The operator who has it at present, as far as the caller knows; if it knows.
        expected: Option<Option<UserId>>,
    },
}

/// Changes a session for an operator.
pub(super) async fn change(
    state: &AppState,
    operator: Actor,
    session: ChatId,
    wanted: SessionChange,
) -> Result<(), Error> {
    let by = By::Actor(operator, Verb::Desk);
    state.changes.change(session, by, move |change| apply(change, session, wanted).boxed()).await
}

/// The same as part of another change.
pub(crate) async fn apply(change: &mut Change<'_>, session: ChatId, wanted: SessionChange) -> Result<(), Error> {
    let (status, assignee): (Stored<SessionStatus>, Option<i64>) = chat_sessions::table
        .find(session.0)
        .select((chat_sessions::status, chat_sessions::assigned_user_id))
        .first(change.conn())
        .await?;
    let (status, assignee) = (status.0, assignee.map(UserId));
    match wanted {
        SessionChange::Status(to) if to == status => Ok(()),
        SessionChange::Status(to) => set_status(change, session, status, to).await,
        SessionChange::Assignee { to, .. } if to == assignee => Ok(()),
        SessionChange::Assignee { to, expected } => {
            check_expected(change.conn(), assignee, expected).await?;
            if let Some(user) = to {
                check_assignable(change.conn(), user, session).await?;
            }
            assign(change, session, assignee, to).await
        }
    }
}

async fn set_status(
    change: &mut Change<'_>,
    session: ChatId,
    from: SessionStatus,
    to: SessionStatus,
) -> Result<(), Error> {
    let activity = Activity::between("session.status", &from, &to)?;
    let write = async |conn: &mut AsyncPgConnection, seq: chat_events::Seq| {
        diesel::update(chat_sessions::table.find(session.0))
            .set((chat_sessions::status.eq(to.as_str()), chat_sessions::changed_seq.eq(seq.0)))
            .execute(conn)
            .await?;
        if to == SessionStatus::Closed {
            // Its visitor waits for nothing any more, whatever it wrote last.
            diesel::update(chats::table.find(session.0))
                .filter(chats::waiting_since.is_not_null())
                .set(chats::waiting_since.eq(None::<DateTime<Utc>>))
                .execute(conn)
                .await?;
        }
        Ok(Event::public(EventKind::SessionStatus, session_json(conn, session).await?).with(activity))
    };
    change.step(session, Raises::State, write).await
}

async fn assign(
    change: &mut Change<'_>,
    session: ChatId,
    from: Option<UserId>,
    to: Option<UserId>,
) -> Result<(), Error> {
    let activity =
        Activity::between("session.assigned", &person(change.conn(), from).await?, &person(change.conn(), to).await?)?;
    let write = async |conn: &mut AsyncPgConnection, seq: chat_events::Seq| {
        diesel::update(chat_sessions::table.find(session.0))
            .set((chat_sessions::assigned_user_id.eq(to.map(|user| user.0)), chat_sessions::changed_seq.eq(seq.0)))
            .execute(conn)
            .await?;
        let event = Event::public(EventKind::SessionAssigned, session_json(conn, session).await?);
        Ok(event.concerning(from.into_iter().chain(to)).with(activity))
    };
    change.step(session, Raises::State, write).await
}

async fn person(conn: &mut AsyncPgConnection, user: Option<UserId>) -> Result<Option<Person>, Error> {
    match user {
        Some(user) => users::person(conn, user).await.map(Some),
        None => Ok(None),
    }
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
    let assignee: Value = serde_json::to_value(person(conn, assignee).await?)?;
    let message = "the session has another assignee by now";
    Err(Error::Refused(ErrorBody::field(ErrorCode::Conflict, "if_assignee", message).with("assignee", assignee)))
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

pub(super) async fn session_json(conn: &mut AsyncPgConnection, session: ChatId) -> Result<String, Error> {
    Ok(ReadSession { chat_id: session.0 }.get_result(conn).await?)
}
