//! Durable changes: written to their end whoever hangs up, then told to the relay.

use chat_events::gateway_api::{MarkSet, SentFrom};
use chat_events::{ChatId, MarkKind, Member, MessageId};
use chrono::{DateTime, Utc};

use crate::db::access::Actor;
use crate::db::marks;
use crate::db::members::{self, Change};
use crate::db::refresh_tokens::{self, LogoutScope};
use crate::db::send::{NewMessage, Sent};
use crate::db::sessions::{self, NewSession, SessionChange};
use crate::error::Error;
use crate::sending;
use crate::state::AppState;

/// Writes a message, once for each `client_id`, if the sender is not too fast.
pub(crate) async fn send(state: &AppState, new: NewMessage, from: Option<SentFrom>) -> Result<Sent, Error> {
    state.limits.send(new.actor.principal, from)?;
    sending::send(state, new).await
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
    operator: Actor,
    session: ChatId,
    change: SessionChange,
) -> Result<(), Error> {
    let own = state.clone();
    let traceparent = telemetry::trace::current_traceparent();
    let work = async move {
        let mut conn = own.connection().await?;
        let traceparent = traceparent.as_deref();
        let changed = sessions::change(&mut conn, operator, session, &change, own.lanes, traceparent).await?;
        if changed {
            own.committed(session);
        }
        Ok(())
    };
    state.write(work).await
}

/// Raises a mark of who acts, up to a message.
pub(crate) async fn raise_mark(
    state: &AppState,
    actor: Actor,
    chat: ChatId,
    kind: MarkKind,
    last: MessageId,
) -> Result<MarkSet, Error> {
    let own = state.clone();
    let work = async move {
        let mut conn = own.connection().await?;
        marks::raise(&mut conn, actor, chat, kind, last).await
    };
    state.write(work).await
}

/// Refuses or admits the client of a session.
pub(crate) async fn set_banned(
    state: &AppState,
    operator: Actor,
    session: ChatId,
    is_banned: bool,
) -> Result<(), Error> {
    let own = state.clone();
    let traceparent = telemetry::trace::current_traceparent();
    let work = async move {
        let mut conn = own.connection().await?;
        let traceparent = traceparent.as_deref();
        let told = sessions::set_banned(&mut conn, operator, session, is_banned, own.lanes, traceparent).await?;
        told.into_iter().for_each(|session| own.committed(session));
        Ok(())
    };
    state.write(work).await
}

/// Brings somebody into a chat or takes somebody out. Returns the member, if anything changed.
pub(crate) async fn change_member(state: &AppState, wanted: Change) -> Result<Option<Member>, Error> {
    let own = state.clone();
    let work = async move {
        let mut conn = own.connection().await?;
        let changed = members::change(&mut conn, &wanted, own.lanes).await?;
        if changed.is_some() {
            own.committed(wanted.chat);
        }
        Ok(changed)
    };
    state.write(work).await
}

/// Ends the login of a refresh token, or all logins of its account.
pub(crate) async fn log_out(state: &AppState, hash: Vec<u8>, scope: LogoutScope) -> Result<bool, Error> {
    let own = state.clone();
    let work = async move {
        let mut conn = own.connection().await?;
        refresh_tokens::log_out(&mut conn, &hash, scope).await
    };
    state.write(work).await
}
