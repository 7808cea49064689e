//! Delivered and read marks, for who listens without a socket to send them on.

use actix_web::web::{Data, Json, Path};
use chat_events::{ChatId, ErrorCode, Mark, MarkKind, MessageId};
use serde::Deserialize;

use crate::access::Actor;
use crate::http::api_error::ApiError;
use crate::http::body::{Body, name, positive_id};
use crate::http::caller::Caller;
use crate::http::params::{ChatPath, SessionPath};
use crate::state::AppState;

/// How far the caller has come.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "read", "last_id": 1}))]
pub(crate) struct RaiseMark {
    #[serde(deserialize_with = "name")]
    kind: MarkKind,
    /// A message of the chat: everything up to it has reached the caller, or was read by it.
    #[serde(deserialize_with = "positive_id")]
    #[schema(minimum = 1, maximum = 9223372036854775807_i64)]
    last_id: i64,
}

/// Raises the caller's mark in a session. It never falls: a mark that stands higher stays. Others see it at their next
/// `sync`, `connected` or read; only a mark that is sent on a socket is told to them at once.
#[utoipa::path(post, path = "/chat/session/{id}/marks", tag = "messages", params(SessionPath),
    request_body = RaiseMark, security(("session_token" = []), ("access_token" = [])),
    responses((status = 200, description = "The mark as it now stands", body = Mark)))]
pub(crate) async fn raise_in_session(
    state: Data<AppState>,
    id: Path<ChatId>,
    caller: Caller,
    body: Body<RaiseMark>,
) -> Result<Json<Mark>, ApiError> {
    raise(&state, caller.in_session(*id)?, *id, &body.0.0).await
}

/// Raises the caller's mark in a chat that is not a session. It never falls: a mark that stands higher stays. Others see
/// it at their next `sync`, `connected` or read; only a mark that is sent on a socket is told to them at once.
#[utoipa::path(post, path = "/chats/{id}/marks", tag = "messages", params(ChatPath),
    request_body = RaiseMark, security(("access_token" = [])),
    responses((status = 200, description = "The mark as it now stands", body = Mark)))]
pub(crate) async fn raise_in_chat(
    state: Data<AppState>,
    id: Path<ChatId>,
    caller: Caller,
    body: Body<RaiseMark>,
) -> Result<Json<Mark>, ApiError> {
    raise(&state, caller.in_chat()?, *id, &body.0.0).await
}

async fn raise(state: &AppState, actor: Actor, chat: ChatId, wanted: &RaiseMark) -> Result<Json<Mark>, ApiError> {
    let set = super::raise(state, actor, chat, wanted.kind, MessageId(wanted.last_id)).await;
    // The chat is there, the message of the body is not in it: 404 would say that of the path.
    Ok(Json(set.map_err(|error| error.told_as(ErrorCode::Conflict))?.mark))
}
