//! Members of chats that are not sessions.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use chat_events::{ChatId, Member, UserId};
use serde::Deserialize;

use super::{MemberChange, RightsChange};
use crate::error::Error;
use crate::http::api_error::ApiError;
use crate::http::body::Body;
use crate::http::caller::InChat;
use crate::http::params::{ChatPath, MemberPath};
use crate::http::table::{Route, route};
use crate::input::fields::Id;
use crate::state::AppState;

/// Where members are served.
pub(crate) fn routes() -> Vec<Route> {
    vec![route::<__path_add, _, _>(add), route::<__path_alter, _, _>(alter), route::<__path_remove, _, _>(remove)]
}

/// The user who is to come in.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"user_id": 1}))]
pub(crate) struct AddMember {
    #[schema(inline)]
    user_id: Id,
}

/// Brings a user into a chat. It may read all of its history, also what was written while it was out; on its sockets it
/// hears of what comes from now on. For admins of the chat and of the installation, and for members who may invite.
#[utoipa::path(post, path = "/chats/{id}/members", tag = "chats", params(ChatPath),
    request_body = AddMember, security(("access_token" = [])),
    responses((status = 201, description = "It is a member now", body = Member),
              (status = 200, description = "It was a member before", body = Member)))]
pub(crate) async fn add(state: Data<AppState>, chat: InChat, body: Body<AddMember>) -> Result<HttpResponse, ApiError> {
    let user = UserId(body.0.user_id.get());
    if let Some(member) = change(&state, &chat, user, MemberChange::Add { is_admin: false }).await? {
        return Ok(HttpResponse::Created().json(member));
    }
    Ok(HttpResponse::Ok().json(present(&state, chat.chat, user).await?))
}

/// Rights that a member is to have or not to have; a right that is left out stays as it is.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"can_write": false}))]
pub(crate) struct ChangeMember {
    /// May manage the chat, and write in a channel.
    is_admin: Option<bool>,
    /// May read. Without it nothing else counts, and the member hears nothing more of the chat.
    can_read: Option<bool>,
    /// May write.
    can_write: Option<bool>,
    /// May pin messages.
    can_pin: Option<bool>,
    /// May bring others in.
    can_invite: Option<bool>,
    /// May delete what others wrote.
    can_delete_others: Option<bool>,
}

/// Gives a member other rights. For admins of the chat and of the installation.
#[utoipa::path(patch, path = "/chats/{id}/members/{user_id}", tag = "chats", params(MemberPath),
    request_body = ChangeMember, security(("access_token" = [])),
    responses((status = 200, description = "The member as it is now", body = Member)))]
pub(crate) async fn alter(
    state: Data<AppState>,
    chat: InChat,
    path: Path<MemberPath>,
    Body(wanted): Body<ChangeMember>,
) -> Result<Json<Member>, ApiError> {
    let user = UserId(path.user_id);
    let ChangeMember { is_admin, can_read, can_write, can_pin, can_invite, can_delete_others } = wanted;
    let rights = RightsChange { is_admin, can_read, can_write, can_pin, can_invite, can_delete_others };
    Ok(Json(match change(&state, &chat, user, MemberChange::Change(rights)).await? {
        Some(member) => member,
        None => present(&state, chat.chat, user).await?,
    }))
}

/// A member that nothing was changed of.
async fn present(state: &AppState, chat: ChatId, user: UserId) -> Result<Member, Error> {
    let mut conn = state.connection().await?;
    let member = super::read(&mut conn, chat, user).await?;
    member.ok_or_else(|| Error::not_found("there is no such member"))
}

/// Takes a user out of a chat: it may read and write there no more, and hears nothing more of it. For admins of the chat
/// and of the installation.
#[utoipa::path(delete, path = "/chats/{id}/members/{user_id}", tag = "chats", params(MemberPath),
    security(("access_token" = [])), responses((status = 204, description = "It is no member any more")))]
pub(crate) async fn remove(
    state: Data<AppState>,
    chat: InChat,
    path: Path<MemberPath>,
) -> Result<HttpResponse, ApiError> {
    let removed = change(&state, &chat, UserId(path.user_id), MemberChange::Remove).await?;
    removed.ok_or_else(|| Error::not_found("there is no such member"))?;
    Ok(HttpResponse::NoContent().finish())
}

async fn change(state: &AppState, chat: &InChat, user: UserId, change: MemberChange) -> Result<Option<Member>, Error> {
    super::change(&state.changes, chat.actor, chat.chat, user, change).await
}
