//! What gateways ask, the same over HTTP and within one process.

use chat_events::gateway_api::{Connect, MarkSet, Send, SetMark, SyncPage, SyncRequest, Tops, TopsRequest, Welcome};
use chat_events::{ErrorBody, Message, MessageBody, Visibility};

use crate::db::send::NewMessage;
use crate::db::{chats, installation, marks, messages};
use crate::error::Error;
use crate::state::AppState;
use crate::writing;

/// The largest page of `sync`.
const MAX_PAGE: u16 = 1000;

/// A new connection: who it is, and its chats.
pub async fn connect(state: &AppState, request: Connect) -> Result<Welcome, ErrorBody> {
    async {
        let mut conn = state.connection().await?;
        chats::welcome(&mut conn, request.principal).await
    }
    .await
    .map_err(Error::into_body)
}

/// What changed in a chat after a cursor, notes included.
pub async fn sync(state: &AppState, request: SyncRequest) -> Result<SyncPage, ErrorBody> {
    async {
        if !(1..=MAX_PAGE).contains(&request.limit) {
            return Err(Error::invalid("limit", "limit must be from 1 to 1000"));
        }
        if let Some(principal) = request.principal {
            crate::db::access::check_scope(principal, request.chat_id)?;
        }
        let reading = messages::Reading { principal: request.principal, chat: request.chat_id, notes: true };
        let mut conn = state.connection().await?;
        messages::changes(&mut conn, reading, request.after, request.limit).await
    }
    .await
    .map_err(Error::into_body)
}

/// Writes a message.
pub async fn send(state: &AppState, request: Send) -> Result<Message, ErrorBody> {
    async {
        let body = MessageBody::parse(request.body).map_err(|why| Error::invalid("body", why.to_string()))?;
        let new = NewMessage {
            principal: request.principal,
            chat: request.chat_id,
            body,
            client_id: request.client_id,
            visibility: request.visibility.unwrap_or(Visibility::Public),
            traceparent: telemetry::trace::current_traceparent(),
        };
        Ok(writing::send(state, new).await?.message)
    }
    .await
    .map_err(Error::into_body)
}

/// Raises a mark.
pub async fn mark(state: &AppState, request: SetMark) -> Result<MarkSet, ErrorBody> {
    let own = state.clone();
    let work = async move {
        let mut conn = own.connection().await?;
        marks::raise(&mut conn, request.principal, request.chat_id, request.kind, request.last_id).await
    };
    state.write(work).await.map_err(Error::into_body)
}

/// Where chats stand.
pub async fn tops(state: &AppState, request: TopsRequest) -> Result<Tops, ErrorBody> {
    async {
        let mut conn = state.connection().await?;
        let epoch = installation::epoch(&mut conn).await?;
        let tops = chats::tops(&mut conn, &request.chats, request.sessions_changed_within).await?;
        Ok(Tops { epoch, tops })
    }
    .await
    .map_err(Error::into_body)
}
