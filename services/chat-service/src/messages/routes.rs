//! Messages of sessions and of other chats.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use chat_events::{Mark, Message, MessageDraft, MessageId, Seq};
use serde::{Deserialize, Serialize};

use super::history::{self, PageAnchor};
use super::send::NewMessage;
use super::{Reading, sync};
use crate::http::api_error::ApiError;
use crate::http::body::{Body, Params};
use crate::http::caller::{CameFrom, InChat};
use crate::http::params::ChatPath;
use crate::http::table::{Route, in_chats};
use crate::input::fields::{IdParam, PageLimit, SeqParam, rows};
use crate::state::AppState;

/// Where messages are served: in sessions and in other chats.
pub(crate) fn routes() -> Vec<Route> {
    [in_chats::<__path_list, _, _>(list), in_chats::<__path_send, _, _>(send)].into_iter().flatten().collect()
}

/// Which part of the history. Of several places `after_seq` counts before `after_id`, and that before `before_id`.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// How many at most.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// The last messages before this one.
    #[param(inline)]
    before_id: Option<IdParam>,
    /// The first messages after this one.
    #[param(inline)]
    after_id: Option<IdParam>,
    /// Messages written or changed after this cursor, in the order of their last change.
    #[param(inline)]
    after_seq: Option<SeqParam>,
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

/// Messages of a chat. Without a place: the newest.
#[utoipa::path(get, path = "/chats/{id}/messages", tag = "messages", params(ChatPath, MessagesQuery),
    security(("access_token" = [])), responses((status = 200, description = "One page", body = Messages)))]
pub(crate) async fn list(
    state: Data<AppState>,
    InChat { actor, chat, .. }: InChat,
    CameFrom(from): CameFrom,
    Params(query): Params<MessagesQuery>,
) -> Result<Json<Messages>, ApiError> {
    let (limit, place) = query.asked();
    let _turn = state.pages.turn(actor.principal, from).await?;
    // Pages that were read while this one waited may have been long.
    state.limits.owes_nothing(actor.principal)?;
    let reading = Reading::of(actor, chat);
    let mut conn = state.connection().await?;
    let page = match place {
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
    pub(crate) fn asked(&self) -> (u16, Wanted) {
        let message = |id: IdParam| MessageId(id.get());
        let wanted = match (self.after_seq, self.after_id, self.before_id) {
            (Some(seq), _, _) => Wanted::Changes(Seq(seq.get())),
            (None, Some(id), _) => Wanted::History(PageAnchor::After(message(id))),
            (None, None, Some(id)) => Wanted::History(PageAnchor::Before(message(id))),
            (None, None, None) => Wanted::History(PageAnchor::Newest),
        };
        (rows(self.limit), wanted)
    }
}

/// Writes a message in a chat.
#[utoipa::path(post, path = "/chats/{id}/messages", tag = "messages", params(ChatPath), request_body = MessageDraft,
    security(("access_token" = [])),
    responses((status = 201, description = "It is stored", body = Message),
              (status = 200, description = "It was stored before; as it is now", body = Message)))]
pub(crate) async fn send(
    state: Data<AppState>,
    InChat { actor, chat, caller }: InChat,
    from: CameFrom,
    Body(draft): Body<MessageDraft>,
) -> Result<HttpResponse, ApiError> {
    let new = NewMessage::of(actor, chat, draft);
    let sent = super::write(&state, new, caller.sends_from(from)).await?;
    let mut response = if sent.is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.json(sent.message))
}
