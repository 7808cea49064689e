//! `/chat/session/{id}/signals`: signs of life of visitors.

use actix_web::HttpResponse;
use actix_web::web::Data;
use chat_events::gateway_api::Principal;
use chat_events::sign::{Page, PageAddress, PageTitle, Typing};
use chat_events::{Sign, text};
use serde::Deserialize;

use super::tell;
use crate::error::Error;
use crate::http::api_error::ApiError;
use crate::http::body::Body;
use crate::http::caller::InChat;
use crate::http::params::SessionPath;
use crate::http::table::{Route, route};
use crate::state::AppState;

/// Where signs are given.
pub(crate) fn routes() -> Vec<Route> {
    vec![route::<__path_give, _, _>(give)]
}

/// A sign of life: `{"type": "typing", "is_typing": …}`, or `{"type": "page", "url": …}`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"type": "page", "url": "https://shop.example/cart", "title": "Your cart"}))]
pub(crate) struct GiveSign {
    #[serde(deserialize_with = "text::name")]
    r#type: SignType,
    /// Of `typing`: false when it stopped.
    is_typing: Option<bool>,
    /// Of `page`: its address.
    #[schema(inline)]
    url: Option<PageAddress>,
    /// Of `page`: its title.
    #[schema(inline)]
    title: Option<PageTitle>,
}

/// Which sign.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignType {
    /// The visitor types, or stopped.
    Typing,
    /// The visitor looks at a page.
    Page,
}

impl GiveSign {
    fn sign(self) -> Result<Sign, Error> {
        let missing = |field: &str| Error::invalid(field, format!("{field} is missing"));
        let foreign = |field: &str| Error::invalid(field, format!("{field} is not of a sign of this type"));
        match self {
            Self { r#type: SignType::Typing, url: Some(_), .. } => Err(foreign("url")),
            Self { r#type: SignType::Typing, title: Some(_), .. } => Err(foreign("title")),
            Self { r#type: SignType::Page, is_typing: Some(_), .. } => Err(foreign("is_typing")),
            Self { r#type: SignType::Typing, is_typing, .. } => {
                let is_typing = is_typing.ok_or_else(|| missing("is_typing"))?;
                Ok(Sign::Typing(Typing { is_typing, visibility: None }))
            }
            Self { r#type: SignType::Page, url, title, .. } => {
                Ok(Sign::Page(Page { url: url.ok_or_else(|| missing("url"))?, title }))
            }
        }
    }
}

/// Tells the operators of a session that its visitor types, or which page it looks at. For visitors without a socket, which
/// would say it there. Nothing is stored, and word of it may be lost.
#[utoipa::path(post, path = "/chat/session/{id}/signals", operation_id = "give_sign", tag = "sessions",
    params(SessionPath), request_body = GiveSign, security(("session_token" = [])),
    responses((status = 204, description = "It is passed on")))]
pub(crate) async fn give(
    state: Data<AppState>,
    session: InChat,
    body: Body<GiveSign>,
) -> Result<HttpResponse, ApiError> {
    if !matches!(session.actor.principal, Principal::Client { .. }) {
        return Err(Error::forbidden("signs of life by REST are for the client of the session").into());
    }
    tell::tell(&state, session.actor, session.chat, body.0.sign()?).await?;
    Ok(HttpResponse::NoContent().finish())
}
