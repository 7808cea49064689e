//! `/chat/session/{id}/signals`: signs of life.

use actix_web::HttpResponse;
use actix_web::web::Data;
use chat_events::sign::{Page, PageAddress, PageTitle, Typing, Viewing};
use chat_events::{Sign, Visibility, text};
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

/// A sign of life: `{"type": "typing", "is_typing": …}`, `{"type": "page", "url": …}` of a visitor, or
/// `{"type": "viewing", "is_viewing": …}` of an operator.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"type": "page", "url": "https://shop.example/cart", "title": "Your cart"}))]
pub(crate) struct GiveSign {
    #[serde(deserialize_with = "text::name")]
    r#type: SignType,
    /// Of `typing`: false when it stopped.
    is_typing: Option<bool>,
    /// Of `typing` by an operator: `staff` while it types a note; public, if it is left out.
    #[serde(default, deserialize_with = "text::optional_name")]
    visibility: Option<Visibility>,
    /// Of `page`: its address.
    #[schema(inline)]
    url: Option<PageAddress>,
    /// Of `page`: its title.
    #[schema(inline)]
    title: Option<PageTitle>,
    /// Of `viewing`: false when the operator left.
    is_viewing: Option<bool>,
}

/// Which sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignType {
    /// Somebody types, or stopped.
    Typing,
    /// The visitor looks at a page.
    Page,
    /// An operator looks at the session, or has left it.
    Viewing,
}

impl GiveSign {
    fn sign(self) -> Result<Sign, Error> {
        let missing = |field: &str| Error::invalid(field, format!("{field} is missing"));
        let foreign = |field: &str| Error::invalid(field, format!("{field} is not of a sign of this type"));
        let Self { r#type, is_typing, visibility, url, title, is_viewing } = self;
        let given = [
            ("is_typing", is_typing.is_some(), SignType::Typing),
            ("visibility", visibility.is_some(), SignType::Typing),
            ("url", url.is_some(), SignType::Page),
            ("title", title.is_some(), SignType::Page),
            ("is_viewing", is_viewing.is_some(), SignType::Viewing),
        ];
        if let Some((field, ..)) = given.into_iter().find(|(_, is_given, of)| *is_given && *of != r#type) {
            return Err(foreign(field));
        }
        Ok(match r#type {
            SignType::Typing => {
                Sign::Typing(Typing { is_typing: is_typing.ok_or_else(|| missing("is_typing"))?, visibility })
            }
            SignType::Page => Sign::Page(Page { url: url.ok_or_else(|| missing("url"))?, title }),
            SignType::Viewing => {
                Sign::Viewing(Viewing { is_viewing: is_viewing.ok_or_else(|| missing("is_viewing"))? })
            }
        })
    }
}

/// Tells that somebody types, which page the visitor looks at, or that an operator looks at the session. For those without a socket,
/// which would say it there. Nothing is stored, and word of it may be lost.
#[utoipa::path(post, path = "/chat/session/{id}/signals", operation_id = "give_sign", tag = "sessions",
    params(SessionPath), request_body = GiveSign, security(("session_token" = []), ("access_token" = [])),
    responses((status = 204, description = "It is passed on")))]
pub(crate) async fn give(
    state: Data<AppState>,
    session: InChat,
    body: Body<GiveSign>,
) -> Result<HttpResponse, ApiError> {
    tell::tell(&state, session.actor, session.chat, body.0.sign()?).await?;
    Ok(HttpResponse::NoContent().finish())
}
