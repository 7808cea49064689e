//! `/sites…`: administration of web sites.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use chat_events::{Scope, SiteId};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde::{Deserialize, Serialize};

use super::refused::{self, RefusedOrigin};
use super::rows::{self, Site, SiteView};
use super::secrets::{self, KeyView, NewKey};
use super::settings::SiteChange;
use super::{pages, set_archived};
use crate::access::acting_admin;
use crate::error::Error;
use crate::http::api_error::ApiError;
use crate::http::body::Body;
use crate::http::caller::Caller;
use crate::http::params::{SiteKeyOfPath, SitePath};
use crate::http::table::{Route, route};
use crate::input::fields::{Name, SiteKey};
use crate::state::AppState;

/// Where sites are administered.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route::<__path_list, _, _>(list),
        route::<__path_add, _, _>(add),
        route::<__path_show, _, _>(show),
        route::<__path_change, _, _>(change),
        route::<__path_list_keys, _, _>(list_keys),
        route::<__path_add_key, _, _>(add_key),
        route::<__path_remove_key, _, _>(remove_key),
        route::<__path_list_refused, _, _>(list_refused),
    ]
}

/// All sites that the caller administers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SiteList {
    /// In the order in which they were made.
    sites: Vec<SiteView>,
}

/// Sites.
#[utoipa::path(get, path = "/sites", operation_id = "list_sites", tag = "sites", security(("access_token" = [])),
    responses((status = 200, description = "The sites that the caller administers", body = SiteList)))]
pub(crate) async fn list(state: Data<AppState>, caller: Caller) -> Result<Json<SiteList>, ApiError> {
    let mut conn = state.connection().await?;
    let (_, scope) = acting_admin(&mut conn, caller.staff()?).await?;
    let sites = rows::list(&mut conn).await?.into_iter().filter(|site| scope.covers(Some(site.id())));
    Ok(Json(SiteList { sites: sites.map(Site::view).collect() }))
}

/// A new site.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"key": "shop", "name": "Shop"}))]
pub(crate) struct AddSite {
    #[schema(inline)]
    key: SiteKey,
    #[schema(inline)]
    name: Name,
}

/// Makes a site, with the usual settings. For admins of all sites.
#[utoipa::path(post, path = "/sites", operation_id = "add_site", tag = "sites", request_body = AddSite, security(("access_token" = [])),
    responses((status = 201, description = "The site", body = SiteView)))]
pub(crate) async fn add(state: Data<AppState>, caller: Caller, body: Body<AddSite>) -> Result<HttpResponse, ApiError> {
    let mut conn = state.connection().await?;
    let (_, scope) = acting_admin(&mut conn, caller.staff()?).await?;
    if scope != Scope::All {
        return Err(Error::forbidden("this is for admins of all sites").into());
    }
    let site = rows::add(&mut conn, body.0.key, body.0.name).await?;
    pages::refresh(&state, &mut conn).await?;
    Ok(HttpResponse::Created().json(read(&mut conn, site).await?))
}

/// A site.
#[utoipa::path(get, path = "/sites/{id}", operation_id = "read_site", tag = "sites", params(SitePath), security(("access_token" = [])),
    responses((status = 200, description = "The site", body = SiteView)))]
pub(crate) async fn show(
    state: Data<AppState>,
    caller: Caller,
    site: Path<SiteId>,
) -> Result<Json<SiteView>, ApiError> {
    let mut conn = state.connection().await?;
    Ok(Json(administered(&mut conn, caller, *site).await?.view()))
}

/// Gives a site other settings; those that are left out stay. Pages and widgets go by them within seconds.
#[utoipa::path(patch, path = "/sites/{id}", operation_id = "change_site", tag = "sites", params(SitePath), request_body = SiteChange,
    security(("access_token" = [])),
    responses((status = 200, description = "The site as it is now", body = SiteView)))]
pub(crate) async fn change(
    state: Data<AppState>,
    caller: Caller,
    site: Path<SiteId>,
    body: Body<SiteChange>,
) -> Result<Json<SiteView>, ApiError> {
    let mut conn = state.connection().await?;
    let site = administered(&mut conn, caller, *site).await?.id();
    let is_archived = body.0.is_archived;
    let columns = body.0.columns()?;
    let changed: Result<SiteView, Error> = conn
        .transaction(async |conn| {
            rows::change(conn, site, &columns).await?;
            if let Some(is_archived) = is_archived {
                set_archived(conn, site, is_archived).await?;
            }
            read(conn, site).await
        })
        .await;
    let changed = changed?;
    pages::refresh(&state, &mut conn).await?;
    refused::forget_allowed(&mut conn, site, &changed.origins).await?;
    Ok(Json(changed))
}

/// The keys of a site, and no secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct KeyList {
    /// The oldest first.
    keys: Vec<KeyView>,
}

/// The keys with which a site signs its visitors' identities.
#[utoipa::path(get, path = "/sites/{id}/identity-keys", operation_id = "list_identity_keys", tag = "sites", params(SitePath),
    security(("access_token" = [])),
    responses((status = 200, description = "The names of the keys", body = KeyList)))]
pub(crate) async fn list_keys(
    state: Data<AppState>,
    caller: Caller,
    site: Path<SiteId>,
) -> Result<Json<KeyList>, ApiError> {
    let mut conn = state.connection().await?;
    let site = administered(&mut conn, caller, *site).await?.id();
    Ok(Json(KeyList { keys: secrets::list(&mut conn, site).await? }))
}

/// Makes a key, at most five for a site. Its secret is shown this once.
#[utoipa::path(post, path = "/sites/{id}/identity-keys", operation_id = "add_identity_key", tag = "sites", params(SitePath),
    security(("access_token" = [])),
    responses((status = 201, description = "The key", body = NewKey), (status = 409, description = "There are five keys", body = chat_events::ErrorEnvelope)))]
pub(crate) async fn add_key(
    state: Data<AppState>,
    caller: Caller,
    site: Path<SiteId>,
) -> Result<HttpResponse, ApiError> {
    let mut conn = state.connection().await?;
    let site = administered(&mut conn, caller, *site).await?.id();
    Ok(HttpResponse::Created().json(secrets::add(&mut conn, site).await?))
}

/// Removes a key: an identity that it has signed is refused from now on. Visitors that were let in by it stay.
#[utoipa::path(delete, path = "/sites/{id}/identity-keys/{kid}", operation_id = "remove_identity_key", tag = "sites",
    params(SiteKeyOfPath), security(("access_token" = [])),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn remove_key(
    state: Data<AppState>,
    caller: Caller,
    path: Path<SiteKeyOfPath>,
) -> Result<HttpResponse, ApiError> {
    let mut conn = state.connection().await?;
    let site = administered(&mut conn, caller, SiteId(path.id)).await?.id();
    if !secrets::remove(&mut conn, site, &path.kid).await? {
        return Err(Error::not_found("there is no such key").into());
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Refused origins.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RefusedOrigins {
    /// At most 100, the last first.
    refused: Vec<RefusedOrigin>,
}

/// Pages that wanted to show the site's widget and were not allowed to.
#[utoipa::path(get, path = "/sites/{id}/refused-origins", operation_id = "list_refused_origins", tag = "sites", params(SitePath),
    security(("access_token" = [])),
    responses((status = 200, description = "Their origins", body = RefusedOrigins)))]
pub(crate) async fn list_refused(
    state: Data<AppState>,
    caller: Caller,
    site: Path<SiteId>,
) -> Result<Json<RefusedOrigins>, ApiError> {
    let mut conn = state.connection().await?;
    let site = administered(&mut conn, caller, *site).await?.id();
    state.refusals.write(&mut conn).await?;
    Ok(Json(RefusedOrigins { refused: refused::list(&mut conn, site).await? }))
}

/// The site, if the caller administers it; one that it may not know of is as one that is not there.
async fn administered(conn: &mut AsyncPgConnection, caller: Caller, site: SiteId) -> Result<Site, Error> {
    let (_, scope) = acting_admin(conn, caller.staff()?).await?;
    let found = if scope.covers(Some(site)) { rows::find(conn, site).await? } else { None };
    found.ok_or_else(no_site)
}

async fn read(conn: &mut AsyncPgConnection, site: SiteId) -> Result<SiteView, Error> {
    Ok(rows::find(conn, site).await?.ok_or_else(no_site)?.view())
}

fn no_site() -> Error {
    Error::not_found("there is no such site")
}
