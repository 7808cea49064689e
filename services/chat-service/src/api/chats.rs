//! `/chats`: chats that are not sessions.

use actix_web::web::{Data, Json};
use chat_events::gateway_api::ChatState;
use chat_events::{ChatId, ChatKind, Mark, Seq};
use serde::Serialize;

use crate::auth::Caller;
use crate::db::chats;
use crate::error::Answer;
use crate::state::AppState;

/// A chat of the caller.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Chat {
    chat_id: ChatId,
    kind: ChatKind,
    title: Option<String>,
    /// The last seq that was given out.
    seq: Seq,
    /// The seq of the last change to the chat itself or its members.
    state_seq: Seq,
    /// How far its readers have come: the caller's own, and at most 200 of others.
    marks: Vec<Mark>,
}

/// The caller's chats.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Chats {
    chats: Vec<Chat>,
}

/// The chats that the caller is a member of.
#[utoipa::path(get, path = "/chats", tag = "chats", security(("access_token" = [])),
    responses((status = 200, description = "All of them", body = Chats)))]
pub(crate) async fn list(state: Data<AppState>, caller: Caller) -> Result<Json<Chats>, Answer> {
    let principal = caller.in_chat()?;
    let mut conn = state.connection().await?;
    let welcome = chats::welcome(&mut conn, principal).await?;
    Ok(Json(Chats { chats: welcome.chats.into_iter().map(Chat::from).collect() }))
}

impl From<ChatState> for Chat {
    fn from(chat: ChatState) -> Self {
        let ChatState { chat_id, kind, title, seq, state_seq, marks, .. } = chat;
        Self { chat_id, kind, title, seq, state_seq, marks }
    }
}
