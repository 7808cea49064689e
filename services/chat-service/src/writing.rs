//! Durable changes: written to their end whoever hangs up, then told to the relay.

use chat_events::{ChatId, UserId};
use chrono::{DateTime, Utc};

use crate::db::send::{self, NewMessage, Sent};
use crate::db::sessions::{self, NewSession, SessionChange};
use crate::db::users;
use crate::error::Error;
use crate::state::AppState;

/// Writes a message, once for each `client_id`.
pub(crate) async fn send(state: &AppState, new: NewMessage) -> Result<Sent, Error> {
    let own = state.clone();
    let work = async move {
        let mut conn = own.connection().await?;
        let sent = send::send(&mut conn, &new, own.lanes).await?;
        if sent.is_new {
            own.committed(new.chat);
            own.metrics.messages_sent.inc();
        }
        Ok(sent)
    };
    state.write(work).await
}

/// Opens a session.
pub(crate) async fn open_session(state: &AppState, new: NewSession) -> Result<(ChatId, DateTime<Utc>), Error> {
    let own = state.clone();
    let work = async move {
        let mut conn = own.connection().await?;
        let (session, created_at) = sessions::open(&mut conn, &new, own.lanes).await?;
        own.committed(session);
        own.metrics.sessions_opened.inc();
        Ok((session, created_at))
    };
    state.write(work).await
}

/// Changes a session's status or assignee.
pub(crate) async fn change_session(
    state: &AppState,
    operator: UserId,
    session: ChatId,
    change: SessionChange,
) -> Result<(), Error> {
    let own = state.clone();
    let traceparent = telemetry::trace::current_traceparent();
    let work = async move {
        let mut conn = own.connection().await?;
        users::check_caller_is_staff(&mut conn, operator).await?;
        let changed = sessions::change(&mut conn, session, &change, own.lanes, traceparent.as_deref()).await?;
        if changed {
            own.committed(session);
        }
        Ok(())
    };
    state.write(work).await
}
