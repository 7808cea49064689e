//! Delivered and read marks, for readers that listen without a socket to send them on.

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

/// How far the caller has come: everything up to the message `last_id` of the chat has reached it, or was read by it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"kind": "read", "last_id": 1}))]
pub(crate) struct RaiseMark {
    #[serde(deserialize_with = "text::name")]
    kind: MarkKind,
    // A description beside a schema that is inlined makes a second schema, which contradicts it.
    #[schema(inline)]
    last_id: Id,
}

/// Raises the caller's mark in a chat. It never falls: a mark that stands higher stays. Open connections are told of it at
/// once, those of the caller included; word of it may be lost, and then others see it at their next `subscribed`,
/// `connected` or read.
#[utoipa::path(post, path = "/chats/{id}/marks", tag = "messages", params(ChatPath), request_body = RaiseMark,
    security(("access_token" = [])), responses((status = 200, description = "The mark as it now stands", body = Mark)))]
pub(crate) async fn raise(
    state: Data<AppState>,
    InChat { actor, chat, .. }: InChat,
    Body(wanted): Body<RaiseMark>,
) -> Result<Json<Mark>, ApiError> {
    let up_to = (wanted.kind, MessageId(wanted.last_id.get()));
    let mark = super::raise(&state, actor, chat, up_to, None).await;
    // The chat is there, the message of the body is not in it: 404 would say that of the path.
    Ok(Json(mark.map_err(|error| error.told_as(ErrorCode::Conflict))?))
}
