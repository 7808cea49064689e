//! `/chat/sites/{key}`: a site as a widget sees it, before its visitor has a session.

use std::collections::BTreeMap;

use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chat_events::site_pages::Welcome;
use chat_events::{ErrorBody, ErrorCode, SiteId};
use serde::Serialize;

use super::rows::{self, Site};
use super::settings::{Prechat, Side, SiteTexts};
use crate::error::Error;
use crate::http::api_error::{ApiError, answer};
use crate::http::caller::page_and_host;
use crate::http::params::SiteKeyPath;
use crate::http::table::{Route, route};
use crate::input::fields::SiteKey;
use crate::state::AppState;

/// Where a widget asks.
pub(crate) fn routes() -> Vec<Route> {
    vec![route::<__path_show, _, _>(show)]
}

/// An operator who is there.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ShownOperator {
    /// The name to show.
    name: String,
}

/// Whether a visitor has to be signed by its site.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum IdentityRule {
    /// It may be.
    Optional,
    /// It has to be.
    Required,
}

/// A site as a widget sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ShownSite {
    /// Its key.
    key: String,
    /// The name to show.
    name: String,
    /// The widget's colour, or null for the usual one.
    color: Option<String>,
    /// Where the launcher stands.
    position: Side,
    /// The languages of the widget; none for all that it has.
    languages: Vec<String>,
    /// Texts by language.
    #[schema(value_type = std::collections::HashMap<String, SiteTexts>)]
    texts: BTreeMap<String, SiteTexts>,
    /// What it asks for before the first message.
    prechat: Prechat,
    /// Whether a visitor has to be signed by the site.
    identity: IdentityRule,
    /// Whether an operator is there to answer.
    is_online: bool,
    /// Operators who are there, if the site shows them.
    operators: Vec<ShownOperator>,
}

/// A site, as its widget asks for it. Every page may read the answer; a page that the site does not allow is told so
/// (`forbidden`, with `details.origin`).
#[utoipa::path(get, path = "/chat/sites/{key}", operation_id = "show_site", tag = "sites", params(SiteKeyPath),
    responses((status = 200, description = "What the widget is to look like, and whether anybody is there", body = ShownSite),
              (status = 403, description = "The site does not allow pages of this origin")))]
pub(crate) async fn show(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    let key = request.match_info().get("key").unwrap_or_default().to_owned();
    let mut response = match look(&state, &request, &key).await {
        Ok(shown) => HttpResponse::Ok().json(shown),
        Err(error) => answer(ApiError::from(error).0),
    };
    // Nothing here is secret, and a page that is refused has to be able to say why.
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

async fn look(state: &AppState, request: &HttpRequest, key: &str) -> Result<ShownSite, Error> {
    let none = || Error::not_found("there is no site of this key");
    let key = SiteKey::parse(key.to_owned()).map_err(|_| none())?.into_inner();
    let mut conn = state.connection().await?;
    let site = rows::find_by_key(&mut conn, &key).await?.filter(Site::is_open).ok_or_else(none)?;
    check_page(state, request, site.id())?;
    let operators = crate::operators::of_site(&mut conn, site.id()).await?;
    Ok(shown(site, operators))
}

fn shown(site: Site, operators: Vec<String>) -> ShownSite {
    let is_online = !operators.is_empty();
    let names = if site.shows_operators { operators } else { Vec::new() };
    ShownSite {
        texts: site.texts(),
        prechat: site.prechat(),
        position: site.side(),
        identity: if site.identity_required { IdentityRule::Required } else { IdentityRule::Optional },
        key: site.key,
        name: site.name,
        color: site.color,
        languages: site.languages,
        is_online,
        operators: names.into_iter().map(|name| ShownOperator { name }).collect(),
    }
}

/// Whether the page that a request comes from may use this site; a refusal is noted for its admin.
pub(crate) fn check_page(state: &AppState, request: &HttpRequest, site: SiteId) -> Result<(), Error> {
    match page_of(state, request)? {
        Some(origin) if !state.site_pages.allow_in(site, &origin) => {
            state.refusals.note(site, &origin);
            Err(refused(&origin))
        }
        _ => Ok(()),
    }
}

/// The page that a request comes from, if it may come in only where its site allows it.
fn page_of(state: &AppState, request: &HttpRequest) -> Result<Option<String>, Error> {
    let (origin, host) = page_and_host(request);
    match state.site_pages.welcome(origin, &host) {
        Welcome::Everywhere => Ok(None),
        Welcome::InItsSites(origin) => Ok(Some(origin)),
        Welcome::Nowhere => Ok(origin.map(str::to_owned)),
        Welcome::NotKnown => Err(Error::Unavailable("the sites have not been read yet".into())),
    }
}

fn refused(origin: &str) -> Error {
    let body = ErrorBody::new(ErrorCode::Forbidden, "the site does not allow pages of this origin");
    Error::Refused(body.with("origin", origin))
}
