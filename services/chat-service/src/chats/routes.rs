//! `/chats`: chats that are not sessions.

use std::collections::BTreeMap;

use actix_web::web::{Data, Json, Query};
use chat_events::chat_list::ChatsCursor;
use chat_events::gateway_api::{Changes, ChatState};
use chat_events::{ChatId, ChatKind, Mark, Seq};
use serde::{Deserialize, Serialize};

use super::changed::{Question, changed};
use super::list;
use crate::error::Error;
use crate::http::api_error::ApiError;
use crate::http::body::{Body, cursors, nullable_id};
use crate::http::caller::Caller;
use crate::http::schemas;
use crate::input::check;
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
    /// How far the caller has come, if it has marked anything. Marks of others come with the chat's history.
    marks: Vec<Mark>,
}

/// Which chats, and how many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChatsQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `next_cursor` of the page before, or `more` of `connected`.
    #[param(pattern = r"^(0|[1-9][0-9]{0,17})(\.(0|[1-9][0-9]{0,17})){1,2}$")]
    cursor: Option<String>,
}

/// A page of the caller's chats, those that changed last first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Chats {
    chats: Vec<Chat>,
    /// For the next page; null at the end.
    next_cursor: Option<String>,
}

/// The chats that the caller is a member of, those that changed last first. None is passed over, whatever happens between
/// two pages. One that changed since a little before the first page may be there twice: the later one counts.
#[utoipa::path(get, path = "/chats", operation_id = "list_chats", tag = "chats", params(ChatsQuery),
    security(("access_token" = [])), responses((status = 200, description = "One page", body = Chats)))]
pub(crate) async fn list(
    state: Data<AppState>,
    caller: Caller,
    query: Query<ChatsQuery>,
) -> Result<Json<Chats>, ApiError> {
    let actor = caller.in_chat()?;
    let (limit, cursor) = query.asked()?;
    let mut conn = state.connection().await?;
    let (chats, next) = list::page(&mut conn, &state.bad_rows, actor, cursor, limit).await?;
    let chats = chats.into_iter().map(Chat::from).collect();
    Ok(Json(Chats { chats, next_cursor: next.map(|next| next.to_string()) }))
}

impl ChatsQuery {
    pub(crate) fn asked(&self) -> Result<(u16, Option<ChatsCursor>), Error> {
        let cursor = self.cursor.as_deref().map(str::parse).transpose();
        let cursor = cursor.map_err(|_| Error::invalid("cursor", "cursor is not the end of a page"))?;
        Ok((check::limit(self.limit)?, cursor))
    }
}

/// How far the caller has come in many chats.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cursors": {"1": 17, "4": 3}}))]
pub(crate) struct Cursors {
    /// For each chat the last seq that the caller has seen; at most 1,000 chats.
    #[serde(deserialize_with = "cursors")]
    #[schema(schema_with = schemas::cursors)]
    cursors: BTreeMap<ChatId, Seq>,
    /// `new_next` of the answer before: goes on from there in `new`.
    #[serde(default, deserialize_with = "nullable_id")]
    #[schema(schema_with = schemas::optional_id)]
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
) -> Result<Json<Changes>, ApiError> {
    let Cursors { cursors, new_after } = body.into_inner().0;
    let cursors: Vec<(ChatId, Seq)> = cursors.into_iter().collect();
    let new_after = new_after.map(ChatId);
    let question = Question { actor: caller.anywhere(), own_chats: true, cursors: &cursors, new_after };
    Ok(Json(changed(&state, question).await?))
}

impl From<ChatState> for Chat {
    fn from(chat: ChatState) -> Self {
        let ChatState { chat_id, kind, title, seq, state_seq, marks, .. } = chat;
        Self { chat_id, kind, title, seq, state_seq, marks }
    }
}
