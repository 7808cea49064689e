//! Messages of sessions and of other chats.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use chat_events::gateway_api::SentFrom;
use chat_events::{ChatId, Mark, Message, MessageBody, MessageId, Seq, Visibility};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::history::{self, PageAnchor};
use super::send::NewMessage;
use super::{Reading, sync};
use crate::access::Actor;
use crate::error::Error;
use crate::http::api_error::ApiError;
use crate::http::body::{Body, optional_name};
use crate::http::caller::{Caller, CameFrom};
use crate::http::params::{ChatPath, SessionPath};
use crate::input::check;
use crate::state::AppState;

/// A message to write.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"body": "Hello", "client_id": "0190f5a2-7c1e-7c3a-9d55-2f1f3c5d7e90"}))]
pub(crate) struct SendMessage {
    /// The text: 1 to 10,000 characters of which one at least shows something, no NUL. It is kept as it is, but for directions
    /// that it leaves open: those are closed.
    #[schema(
        min_length = 1,
        max_length = 10000,
        pattern = r"^[^\x00]*[^\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff][^\x00]*$"
    )]
    pub(crate) body: String,
    /// A UUID of the sender's making. Sent again with the same, the message is not written again.
    client_id: Uuid,
    /// `staff` from an operator in a session makes a note that its client never sees; left out, it is public.
    #[serde(default, deserialize_with = "optional_name")]
    visibility: Option<Visibility>,
}

/// Which part of the history. Of several places `after_seq` counts before `after_id`, and that before `before_id`.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// The last messages before this one.
    #[param(minimum = 1, maximum = 9223372036854775807_i64)]
    before_id: Option<i64>,
    /// The first messages after this one.
    #[param(minimum = 1, maximum = 9223372036854775807_i64)]
    after_id: Option<i64>,
    /// Messages written or changed after this cursor, in the order of their last change.
    #[param(minimum = 0, maximum = 9223372036854775807_i64)]
    after_seq: Option<i64>,
}

/// A page of messages.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Messages {
    /// In rising `seq`; with `after_seq` in rising `changed_seq`.
    messages: Vec<Message>,
    /// How far the chat's readers have come: the caller's own mark, and at most 200 of others. A message has reached, or was
    /// read by, everybody whose mark is at its `seq` or above.
    marks: Vec<Mark>,
    /// Whether there is more in the same direction.
    has_more: bool,
    /// With `after_seq` the cursor to go on from; else the chat's top when the page was read.
    seq: Seq,
}

/// Messages of a session. Without a place: the newest.
#[utoipa::path(get, path = "/chat/session/{id}/messages", tag = "messages",
    params(SessionPath, MessagesQuery),
    security(("session_token" = []), ("access_token" = [])),
    responses((status = 200, description = "One page", body = Messages)))]
pub(crate) async fn list_in_session(
    state: Data<AppState>,
    id: Path<ChatId>,
    (caller, from): (Caller, CameFrom),
    query: Query<MessagesQuery>,
) -> Result<Json<Messages>, ApiError> {
    list(&state, (caller.in_session(*id)?, from), *id, &query).await
}

/// Messages of a chat that is not a session. Without a place: the newest.
#[utoipa::path(get, path = "/chats/{id}/messages", tag = "messages",
    params(ChatPath, MessagesQuery), security(("access_token" = [])),
    responses((status = 200, description = "One page", body = Messages)))]
pub(crate) async fn list_in_chat(
    state: Data<AppState>,
    id: Path<ChatId>,
    (caller, from): (Caller, CameFrom),
    query: Query<MessagesQuery>,
) -> Result<Json<Messages>, ApiError> {
    list(&state, (caller.in_chat()?, from), *id, &query).await
}

async fn list(
    state: &AppState,
    (actor, CameFrom(from)): (Actor, CameFrom),
    chat: ChatId,
    query: &MessagesQuery,
) -> Result<Json<Messages>, ApiError> {
    let (limit, anchor) = query.asked()?;
    let _turn = state.pages.turn(actor.principal, from).await?;
    // Pages that were read while this one waited may have been long.
    state.limits.owes_nothing(actor.principal)?;
    let reading = Reading::of(actor, chat);
    let mut conn = state.connection().await?;
    let page = match anchor {
        Wanted::Changes(after) => {
            let page = sync::read(&mut conn, &state.bad_rows, reading, after, limit).await?;
            Messages { messages: page.messages, marks: page.chat.marks, has_more: page.has_more, seq: page.next }
        }
        Wanted::History(anchor) => {
            let page = history::read(&mut conn, &state.bad_rows, reading, anchor, limit).await?;
            Messages { messages: page.messages, marks: page.marks, has_more: page.has_more, seq: page.top }
        }
    };
    state.limits.was_read(actor.principal, page.messages.iter().map(|message| message.body.as_str().len()).sum());
    Ok(Json(page))
}

/// Which of the two ways to read.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    Changes(Seq),
    History(PageAnchor),
}

impl MessagesQuery {
    /// How many, and from where.
    pub(crate) fn asked(&self) -> Result<(u16, Wanted), Error> {
        Ok((check::limit(self.limit)?, self.anchor()?))
    }

    fn anchor(&self) -> Result<Wanted, Error> {
        let after_seq = check::seq("after_seq", self.after_seq)?;
        let after_id = check::cursor("after_id", self.after_id)?;
        let before_id = check::cursor("before_id", self.before_id)?;
        Ok(match (after_seq, after_id, before_id) {
            (Some(seq), _, _) => Wanted::Changes(Seq(seq)),
            (None, Some(id), _) => Wanted::History(PageAnchor::After(MessageId(id))),
            (None, None, Some(id)) => Wanted::History(PageAnchor::Before(MessageId(id))),
            (None, None, None) => Wanted::History(PageAnchor::Newest),
        })
    }
}

/// Writes a message in a session.
#[utoipa::path(post, path = "/chat/session/{id}/messages", tag = "messages", params(SessionPath),
    request_body = SendMessage, security(("session_token" = []), ("access_token" = [])),
    responses((status = 201, description = "It is stored", body = Message),
              (status = 200, description = "It was stored before; as it is now", body = Message)))]
pub(crate) async fn send_in_session(
    state: Data<AppState>,
    id: Path<ChatId>,
    caller: Caller,
    from: CameFrom,
    body: Body<SendMessage>,
) -> Result<HttpResponse, ApiError> {
    send(&state, caller.in_session(*id)?, *id, (body.into_inner().0, caller.sends_from(from))).await
}

/// Writes a message in a chat that is not a session.
#[utoipa::path(post, path = "/chats/{id}/messages", tag = "messages", params(ChatPath),
    request_body = SendMessage, security(("access_token" = [])),
    responses((status = 201, description = "It is stored", body = Message),
              (status = 200, description = "It was stored before; as it is now", body = Message)))]
pub(crate) async fn send_in_chat(
    state: Data<AppState>,
    id: Path<ChatId>,
    caller: Caller,
    body: Body<SendMessage>,
) -> Result<HttpResponse, ApiError> {
    send(&state, caller.in_chat()?, *id, (body.into_inner().0, None)).await
}

async fn send(
    state: &AppState,
    actor: Actor,
    chat: ChatId,
    (message, from): (SendMessage, Option<SentFrom>),
) -> Result<HttpResponse, ApiError> {
    let body = MessageBody::parse(message.body).map_err(|why| Error::invalid("body", why.to_string()))?;
    let new = NewMessage {
        actor,
        chat,
        body,
        client_id: message.client_id,
        visibility: message.visibility.unwrap_or(Visibility::Public),
        traceparent: telemetry::trace::current_traceparent(),
    };
    let sent = super::write(state, new, from).await?;
    let mut response = if sent.is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.json(sent.message))
}
