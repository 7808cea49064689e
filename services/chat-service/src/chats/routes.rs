//! `/chats`: chats that are not sessions.

use std::collections::BTreeMap;

use actix_web::web::{Data, Json};
use chat_events::chat_list::ChatsCursor;
use chat_events::gateway_api::{Changes, ChatState};
use chat_events::{ChatId, ChatKind, Fault, Mark, Seq};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use super::changed::{Question, changed};
use super::list;
use crate::http::api_error::ApiError;
use crate::http::body::{Body, Params};
use crate::http::caller::Caller;
use crate::http::schemas;
use crate::http::table::{Route, route};
use crate::input::fields::{Id, PageLimit, rows, whole};
use crate::state::AppState;

/// Where chats are served.
pub(crate) fn routes() -> Vec<Route> {
    vec![route::<__path_list, _, _>(list), route::<__path_changes, _, _>(changes)]
}

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
#[into_params(parameter_in = Query)]
pub(crate) struct ChatsQuery {
    /// How many at most.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// `next_cursor` of the page before, or `more` of `connected`.
    #[param(inline)]
    cursor: Option<CursorParam>,
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
    Params(query): Params<ChatsQuery>,
) -> Result<Json<Chats>, ApiError> {
    let actor = caller.in_chat()?;
    let (limit, cursor) = query.asked();
    let mut conn = state.connection().await?;
    let (chats, next) = list::page(&mut conn, &state.bad_rows, actor, cursor, limit).await?;
    let chats = chats.into_iter().map(Chat::from).collect();
    Ok(Json(Chats { chats, next_cursor: next.map(|next| next.to_string()) }))
}

impl ChatsQuery {
    pub(crate) fn asked(&self) -> (u16, Option<ChatsCursor>) {
        (rows(self.limit), self.cursor.map(|CursorParam(cursor)| cursor))
    }
}

/// The end of a page.
#[derive(Debug, Clone, Copy)]
struct CursorParam(ChatsCursor);

impl<'de> Deserialize<'de> for CursorParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let cursor = String::deserialize(deserializer)?.parse();
        cursor.map(Self).map_err(|_| Fault::new("is not the end of a page").into_serde())
    }
}

impl utoipa::PartialSchema for CursorParam {
    fn schema() -> RefOr<Schema> {
        let pattern = r"^(0|[1-9][0-9]{0,17})(\.(0|[1-9][0-9]{0,17})){1,2}$";
        RefOr::T(ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build().into())
    }
}

impl utoipa::ToSchema for CursorParam {}

/// How far the caller has come in many chats.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"cursors": {"1": 17, "4": 3}}))]
pub(crate) struct Cursors {
    /// For each chat the last seq that the caller has seen; at most 1,000 chats.
    #[serde(deserialize_with = "positions")]
    #[schema(schema_with = schemas::cursors)]
    cursors: BTreeMap<ChatId, Seq>,
    /// `new_next` of the answer before: goes on from there in `new`.
    #[schema(inline)]
    new_after: Option<Id>,
}

/// Which chats changed since the caller was last there. Clients ask for their session, operators for sessions and for
/// their own chats, users for their own. A chat that is not in the answer has nothing new; one that is there is read by
/// `after_seq`.
#[utoipa::path(post, path = "/chats/changes", tag = "chats", request_body = Cursors,
    security(("session_token" = []), ("access_token" = [])),
    responses((status = 200, description = "What is not as the cursors say", body = Changes)))]
pub(crate) async fn changes(
    state: Data<AppState>,
    caller: Caller,
    Body(Cursors { cursors, new_after }): Body<Cursors>,
) -> Result<Json<Changes>, ApiError> {
    let cursors: Vec<(ChatId, Seq)> = cursors.into_iter().collect();
    let new_after = new_after.map(|id| ChatId(id.get()));
    let question = Question { actor: caller.anywhere(), own_chats: true, cursors: &cursors, new_after };
    Ok(Json(changed(&state, question).await?))
}

/// Positions in chats, by the id of the chat.
fn positions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<ChatId, Seq>, D::Error> {
    let numbers = BTreeMap::<String, Number>::deserialize(deserializer)?;
    let position = |(chat, seq): (String, Number)| {
        let chat =
            Id::parse(&chat).ok_or_else(|| Fault::new("holds a name that is not the id of a chat").into_serde())?;
        let seq = whole(&seq).filter(|seq| *seq >= 0);
        let seq =
            seq.ok_or_else(|| Fault::new("holds a position that is not a 64-bit integer of at least 0").into_serde())?;
        Ok((ChatId(chat.get()), Seq(seq)))
    };
    numbers.into_iter().map(position).collect()
}

impl From<ChatState> for Chat {
    fn from(chat: ChatState) -> Self {
        let ChatState { chat_id, kind, title, seq, state_seq, marks, .. } = chat;
        Self { chat_id, kind, title, seq, state_seq, marks }
    }
}
