//! `/users…`: accounts for admins, and what one may change of one's own.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use chat_events::{Role, UserId, text};
use serde::{Deserialize, Serialize};

use super::change::{self, AccountChange};
use super::list::{self, Account};
use super::logins::{self, LoginView, Whose};
use super::own;
use crate::accounts::routes::Me;
use crate::error::Error;
use crate::http::api_error::ApiError;
use crate::http::asker::Asker;
use crate::http::body::{Body, Params};
use crate::http::caller::{Caller, CameFrom};
use crate::http::params::{LoginOfUserPath, LoginPath, UserPath};
use crate::http::table::{Route, route};
use crate::input::fields::{IdParam, Name, NewPassword, PageLimit, SearchText, Secret, SiteKey, present, rows};
use crate::links::routes::MOST_SITES;
use crate::state::AppState;

/// Where people are administered, and look after themselves. One's own paths come before those with an id.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route::<__path_rename, _, _>(rename),
        route::<__path_set_password, _, _>(set_password),
        route::<__path_list_own_logins, _, _>(list_own_logins),
        route::<__path_end_own_login, _, _>(end_own_login),
        route::<__path_list, _, _>(list),
        route::<__path_change, _, _>(change),
        route::<__path_list_logins, _, _>(list_logins),
        route::<__path_end_logins, _, _>(end_logins),
        route::<__path_end_login, _, _>(end_login),
    ]
}

/// One's own account, otherwise.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"name": "Olga"}))]
pub(crate) struct ChangeMe {
    #[schema(inline)]
    name: Name,
}

/// Gives oneself another name. Messages keep the name of their time.
#[utoipa::path(patch, path = "/users/me", operation_id = "change_me", tag = "people", request_body = ChangeMe,
    security(("access_token" = [])), responses((status = 200, description = "The account", body = Me)))]
pub(crate) async fn rename(
    state: Data<AppState>,
    caller: Caller,
    Body(ChangeMe { name }): Body<ChangeMe>,
) -> Result<Json<Me>, ApiError> {
    Ok(Json(own::rename(&state, caller.account()?, &name.into_inner()).await?.into()))
}

/// Another password.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"old": "correct horse", "new": "battery staple"}))]
pub(crate) struct ChangePassword {
    #[schema(inline)]
    old: Secret,
    #[schema(inline)]
    new: NewPassword,
}

/// Gives oneself another password, and ends one's other logins. A wrong `old` counts as a wrong password at a login does.
#[utoipa::path(post, path = "/users/me/password", operation_id = "change_password", tag = "people", request_body = ChangePassword,
    security(("access_token" = [])), responses((status = 204, description = "It is the password from now on")))]
pub(crate) async fn set_password(
    state: Data<AppState>,
    caller: Caller,
    CameFrom(from): CameFrom,
    asker: Asker,
    Body(ChangePassword { old, new }): Body<ChangePassword>,
) -> Result<HttpResponse, ApiError> {
    let passwords = (old.into_inner(), new.into_inner());
    own::set_password(&state, caller.account()?, passwords, (from, asker)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Logins that can be gone on with.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Logins {
    /// Those that were used last first, at most 100.
    logins: Vec<LoginView>,
}

/// One's own logins.
#[utoipa::path(get, path = "/users/me/logins", operation_id = "list_own_logins", tag = "people", security(("access_token" = [])),
    responses((status = 200, description = "The logins", body = Logins)))]
pub(crate) async fn list_own_logins(state: Data<AppState>, caller: Caller) -> Result<Json<Logins>, ApiError> {
    logins_of(&state, caller, Whose::Own).await
}

async fn logins_of(state: &AppState, caller: Caller, whose: Whose) -> Result<Json<Logins>, ApiError> {
    let mut conn = state.connection().await?;
    Ok(Json(Logins { logins: logins::list(&mut conn, caller.account()?, whose).await? }))
}

/// Ends one of one's own logins: it is refused from now on, and its sockets are closed within seconds.
#[utoipa::path(delete, path = "/users/me/logins/{login}", operation_id = "end_own_login", tag = "people", params(LoginPath),
    security(("access_token" = [])), responses((status = 204, description = "It has ended")))]
pub(crate) async fn end_own_login(
    state: Data<AppState>,
    caller: Caller,
    path: Path<LoginPath>,
) -> Result<HttpResponse, ApiError> {
    let mut conn = state.connection().await?;
    logins::end(&mut conn, caller.account()?, Whose::Own, path.login).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Which accounts, and how many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountsQuery {
    /// A part of the name or the address, in any case.
    #[param(inline)]
    q: Option<SearchText>,
    /// How many at most.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// `next_cursor` of the page before.
    #[param(inline)]
    cursor: Option<IdParam>,
}

/// A page of accounts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Accounts {
    /// The oldest first.
    users: Vec<Account>,
    /// For the next page; null at the end.
    next_cursor: Option<String>,
}

/// The accounts that the caller administers: those whose sites are all its own, and of an admin of all sites everybody's.
#[utoipa::path(get, path = "/users", operation_id = "list_users", tag = "people", params(AccountsQuery),
    security(("access_token" = [])), responses((status = 200, description = "One page", body = Accounts)))]
pub(crate) async fn list(
    state: Data<AppState>,
    caller: Caller,
    Params(AccountsQuery { q, limit, cursor }): Params<AccountsQuery>,
) -> Result<Json<Accounts>, ApiError> {
    let mut conn = state.connection().await?;
    let page = (cursor.map(|cursor| UserId(cursor.get())), rows(limit));
    let (users, next) = list::page(&mut conn, caller.staff()?, q.as_ref().map(SearchText::as_str), page).await?;
    Ok(Json(Accounts { users, next_cursor: next.map(|next| next.to_string()) }))
}

/// An account, otherwise. What is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"role": "operator", "sites": ["shop"]}))]
pub(crate) struct ChangeAccount {
    #[schema(inline)]
    name: Option<Name>,
    #[serde(default, deserialize_with = "text::optional_name")]
    role: Option<Role>,
    /// The keys of the sites in which it works; null for all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<SiteKey>>, inline, max_items = 100)]
    sites: Option<Option<Vec<SiteKey>>>,
    /// False closes the account, which ends its logins.
    is_active: Option<bool>,
}

/// Changes an account. Nobody gives more than it has itself, and the last admin of all sites stays one.
#[utoipa::path(patch, path = "/users/{id}", operation_id = "change_user", tag = "people", params(UserPath),
    request_body = ChangeAccount, security(("access_token" = [])),
    responses((status = 200, description = "The account as it is now", body = Account)))]
pub(crate) async fn change(
    state: Data<AppState>,
    caller: Caller,
    user: Path<UserId>,
    Body(ChangeAccount { name, role, sites, is_active }): Body<ChangeAccount>,
) -> Result<Json<Account>, ApiError> {
    let keys = |keys: Vec<SiteKey>| keys.into_iter().map(SiteKey::into_inner).collect::<Vec<_>>();
    let sites = sites.map(|sites| sites.map(keys));
    if sites.iter().flatten().any(|sites| sites.len() > MOST_SITES) {
        return Err(Error::invalid("sites", "sites are more than 100").into());
    }
    let wanted = AccountChange { name: name.map(Name::into_inner), role, sites, is_active };
    let admin = caller.staff()?;
    let own = state.clone();
    let work = async move {
        let mut conn = own.connection().await?;
        change::change(&mut conn, admin, *user, &wanted).await
    };
    Ok(Json(state.writes.run(work).await?))
}

/// The logins of an account that the caller administers.
#[utoipa::path(get, path = "/users/{id}/logins", operation_id = "list_logins", tag = "people", params(UserPath),
    security(("access_token" = [])), responses((status = 200, description = "The logins", body = Logins)))]
pub(crate) async fn list_logins(
    state: Data<AppState>,
    caller: Caller,
    user: Path<UserId>,
) -> Result<Json<Logins>, ApiError> {
    logins_of(&state, caller, Whose::Of(*user)).await
}

/// Ends all logins of an account that the caller administers.
#[utoipa::path(delete, path = "/users/{id}/logins", operation_id = "end_logins", tag = "people", params(UserPath),
    security(("access_token" = [])), responses((status = 204, description = "They have ended")))]
pub(crate) async fn end_logins(
    state: Data<AppState>,
    caller: Caller,
    user: Path<UserId>,
) -> Result<HttpResponse, ApiError> {
    let mut conn = state.connection().await?;
    logins::end_all(&mut conn, caller.account()?, *user).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends a login of an account that the caller administers.
#[utoipa::path(delete, path = "/users/{id}/logins/{login}", operation_id = "end_login", tag = "people", params(LoginOfUserPath),
    security(("access_token" = [])), responses((status = 204, description = "It has ended")))]
pub(crate) async fn end_login(
    state: Data<AppState>,
    caller: Caller,
    path: Path<LoginOfUserPath>,
) -> Result<HttpResponse, ApiError> {
    let mut conn = state.connection().await?;
    logins::end(&mut conn, caller.account()?, Whose::Of(UserId(path.id)), path.login).await?;
    Ok(HttpResponse::NoContent().finish())
}
