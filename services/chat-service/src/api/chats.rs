//! `/chats`: chats that are not sessions.

use std::collections::BTreeMap;

use actix_web::web::{Data, Json};
use chat_events::gateway_api::{Changes, ChatState};
use chat_events::{ChatId, ChatKind, Mark, Seq};
use serde::{Deserialize, Serialize};

use super::body::{Body, cursors, nullable_id};
use crate::auth::Caller;
use crate::db::changes::Question;
use crate::db::chats;
use crate::error::Answer;
use crate::reading;
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
#[utoipa::path(get, path = "/chats", operation_id = "list_chats", tag = "chats", security(("access_token" = [])),
    responses((status = 200, description = "All of them", body = Chats)))]
pub(crate) async fn list(state: Data<AppState>, caller: Caller) -> Result<Json<Chats>, Answer> {
    let actor = caller.in_chat()?;
    let mut conn = state.connection().await?;
    let welcome = chats::welcome(&mut conn, &state.bad_rows, actor).await?;
    Ok(Json(Chats { chats: welcome.chats.into_iter().map(Chat::from).collect() }))
}

/// How far the caller has come in many chats.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cursors": {"1": 17, "4": 3}}))]
pub(crate) struct Cursors {
    /// For each chat the last seq that the caller has seen; at most 1,000 chats.
    #[serde(deserialize_with = "cursors")]
    #[schema(schema_with = super::schemas::cursors)]
    cursors: BTreeMap<ChatId, Seq>,
    /// `new_next` of the answer before: goes on from there in `new`.
    #[serde(default, deserialize_with = "nullable_id")]
    #[schema(schema_with = super::schemas::optional_id)]
    new_after: Option<i64>,
}

/// Which chats changed since the caller was last there. Clients ask for their session, operators for sessions and for
/// their own chats, users for their own. What is not in the answer has nothing new; what is, is read by `after_seq`.
#[utoipa::path(post, path = "/chats/changes", tag = "chats", request_body = Cursors,
    security(("session_token" = []), ("access_token" = [])),
    responses((status = 200, description = "What is not as the cursors say", body = Changes)))]
pub(crate) async fn changes(
    state: Data<AppState>,
    caller: Caller,
    body: Body<Cursors>,
) -> Result<Json<Changes>, Answer> {
    let Cursors { cursors, new_after } = body.into_inner().0;
    let cursors: Vec<(ChatId, Seq)> = cursors.into_iter().collect();
    let new_after = new_after.map(ChatId);
    let question = Question { actor: caller.anywhere(), own_chats: true, cursors: &cursors, new_after };
    Ok(Json(reading::changes(&state, question).await?))
}

impl From<ChatState> for Chat {
    fn from(chat: ChatState) -> Self {
        let ChatState { chat_id, kind, title, seq, state_seq, marks, .. } = chat;
        Self { chat_id, kind, title, seq, state_seq, marks }
    }
}
