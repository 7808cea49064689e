//! Delivered and read marks, for those who listen without a socket to send them on.

use actix_web::web::{Data, Json};
use chat_events::{ErrorCode, Mark, MarkKind, MessageId, text};
use serde::Deserialize;

use crate::http::api_error::ApiError;
use crate::http::body::Body;
use crate::http::caller::InChat;
use crate::http::params::ChatPath;
use crate::http::table::{Route, in_chats};
use crate::input::fields::Id;
use crate::state::AppState;

/// Where marks are served: in sessions and in other chats.
pub(crate) fn routes() -> Vec<Route> {
    in_chats::<__path_raise, _, _>(raise).into()
}

/// How far the caller has come.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"kind": "read", "last_id": 1}))]
pub(crate) struct RaiseMark {
    #[serde(deserialize_with = "text::name")]
    kind: MarkKind,
    /// A message of the chat: everything up to it has reached the caller, or was read by it.
    #[schema(inline)]
    last_id: Id,
}

/// Raises the caller's mark in a chat. It never falls: a mark that stands higher stays. Others see it at their next
/// `sync`, `connected` or read; only a mark that is sent on a socket is told to them at once.
#[utoipa::path(post, path = "/chats/{id}/marks", tag = "messages", params(ChatPath), request_body = RaiseMark,
    security(("access_token" = [])), responses((status = 200, description = "The mark as it now stands", body = Mark)))]
pub(crate) async fn raise(
    state: Data<AppState>,
    InChat { actor, chat, .. }: InChat,
    Body(wanted): Body<RaiseMark>,
) -> Result<Json<Mark>, ApiError> {
    let set = super::raise(&state, actor, chat, wanted.kind, MessageId(wanted.last_id.get())).await;
    // The chat is there, the message of the body is not in it: 404 would say that of the path.
    Ok(Json(set.map_err(|error| error.told_as(ErrorCode::Conflict))?.mark))
}
