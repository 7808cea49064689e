//! `/invitations…`, `/users/{id}/password-link`, `/auth/first`, `/auth/links…`: links by which people come to an account.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use chat_events::{Person, Role, UserId, text, time};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::invite::{self, Invitation, Waiting};
use super::redeem::{self, Seen, Use};
use super::rows::{LinkKind, MadeLink};
use super::{address, password};
use crate::access::has_no_admin;
use crate::accounts::browser::Browser;
use crate::accounts::routes::{Tokens, tokens};
use crate::error::Error;
use crate::http::api_error::ApiError;
use crate::http::asker::Asker;
use crate::http::body::Body;
use crate::http::caller::{Caller, CameFrom};
use crate::http::params::{InvitationPath, UserPath};
use crate::http::table::{Route, route};
use crate::input::fields::{EmailAddress, Name, NewPassword, Secret, SiteKey};
use crate::sites;
use crate::state::AppState;

/// Where links are made and used.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route::<__path_invite, _, _>(invite),
        route::<__path_list, _, _>(list),
        route::<__path_withdraw, _, _>(withdraw),
        route::<__path_make_password_link, _, _>(make_password_link),
        route::<__path_first, _, _>(first),
        route::<__path_look, _, _>(look),
        route::<__path_redeem, _, _>(redeem),
    ]
}

/// Somebody who is to have an account.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"email": "oscar@example.com", "name": "Oscar", "role": "operator", "sites": ["shop"]}))]
pub(crate) struct Invite {
    #[schema(inline)]
    email: EmailAddress,
    /// The name to begin with; it may choose another.
    #[schema(inline)]
    name: Option<Name>,
    #[serde(deserialize_with = "text::name")]
    role: Role,
    /// The keys of the sites in which an operator or an admin works; null, or left out, for all. A user has none.
    #[schema(inline, min_items = 1, max_items = 100)]
    sites: Option<Vec<SiteKey>>,
}

/// An invitation, and its link, which is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InvitationLink {
    id: i64,
    email: String,
    role: Role,
    /// The keys of its sites; null for all.
    sites: Option<Vec<String>>,
    #[serde(serialize_with = "time::micros")]
    expires_at: DateTime<Utc>,
    /// Where the account is made. Without `PUBLIC_URL` it begins with a slash.
    link: String,
}

/// How many sites a request may name.
pub(crate) const MOST_SITES: usize = 100;

/// Invites somebody. The link is good for seven days, once, and as long as its maker may make it. An admin of sites invites
/// operators and admins of these alone.
#[utoipa::path(post, path = "/invitations", operation_id = "invite", tag = "people", request_body = Invite,
    security(("access_token" = [])),
    responses((status = 201, description = "The invitation", body = InvitationLink)))]
pub(crate) async fn invite(
    state: Data<AppState>,
    caller: Caller,
    Body(Invite { email, name, role, sites: keys }): Body<Invite>,
) -> Result<HttpResponse, ApiError> {
    let admin = caller.staff()?;
    if keys.as_ref().is_some_and(|keys| keys.len() > MOST_SITES) {
        return Err(Error::invalid("sites", "sites are more than 100").into());
    }
    let keys: Option<Vec<String>> = keys.map(|keys| keys.into_iter().map(SiteKey::into_inner).collect());
    let mut conn = state.connection().await?;
    let (_, scope) = crate::access::acting_admin(&mut conn, admin).await?;
    let sites = sites::named(&mut conn, &scope, role, keys.as_deref()).await?;
    let (email, name) = (email.into_inner(), name.map(Name::into_inner));
    let invitation = Invitation { email, name, role, sites };
    let MadeLink { id, token, expires_at } = invite::invite(&mut conn, admin, &invitation).await?;
    let link = address(state.tokens.public_url().unwrap_or_default(), LinkKind::Join, &token);
    let sites = if role.is_staff() { keys } else { Some(Vec::new()) };
    let Invitation { email, .. } = invitation;
    Ok(HttpResponse::Created().json(InvitationLink { id, email, role, sites, expires_at, link }))
}

/// An invitation that waits.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InvitationView {
    id: i64,
    email: String,
    name: Option<String>,
    role: Role,
    /// The keys of its sites; null for all.
    sites: Option<Vec<String>>,
    /// Its maker.
    made_by: Option<Person>,
    #[serde(serialize_with = "time::micros")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "time::micros")]
    expires_at: DateTime<Utc>,
}

/// Invitations that wait.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Invitations {
    /// The newest first, at most 1,000.
    invitations: Vec<InvitationView>,
}

/// The invitations that wait, of those that the caller could have made.
#[utoipa::path(get, path = "/invitations", operation_id = "list_invitations", tag = "people", security(("access_token" = [])),
    responses((status = 200, description = "Without their links", body = Invitations)))]
pub(crate) async fn list(state: Data<AppState>, caller: Caller) -> Result<Json<Invitations>, ApiError> {
    let mut conn = state.connection().await?;
    let waiting = invite::list(&mut conn, caller.staff()?).await?;
    Ok(Json(Invitations { invitations: waiting.into_iter().map(view).collect() }))
}

fn view((id, email, name, role, sites, maker, maker_name, created_at, expires_at): Waiting) -> InvitationView {
    let made_by = maker.zip(maker_name).map(|(id, name)| Person { id: UserId(id), name });
    InvitationView { id, email, name, role: role.0, sites, made_by, created_at, expires_at }
}

/// Withdraws an invitation: its link is good no more.
#[utoipa::path(delete, path = "/invitations/{id}", operation_id = "withdraw_invitation", tag = "people", params(InvitationPath),
    security(("access_token" = [])), responses((status = 204, description = "It is gone")))]
pub(crate) async fn withdraw(
    state: Data<AppState>,
    caller: Caller,
    path: Path<InvitationPath>,
) -> Result<HttpResponse, ApiError> {
    let mut conn = state.connection().await?;
    invite::withdraw(&mut conn, caller.staff()?, path.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A link to another password, which is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PasswordLink {
    /// Where the password is chosen. Without `PUBLIC_URL` it begins with a slash.
    link: String,
    #[serde(serialize_with = "time::micros")]
    expires_at: DateTime<Utc>,
}

/// Makes a link by which somebody chooses another password, which ends its logins. It is good for 24 hours, once, and as long as
/// its maker may make it; a new one ends the one before.
#[utoipa::path(post, path = "/users/{id}/password-link", operation_id = "make_password_link", tag = "people", params(UserPath),
    security(("access_token" = [])),
    responses((status = 201, description = "The link", body = PasswordLink),
              (status = 409, description = "The account is closed", body = chat_events::ErrorEnvelope)))]
pub(crate) async fn make_password_link(
    state: Data<AppState>,
    caller: Caller,
    user: Path<UserId>,
) -> Result<HttpResponse, ApiError> {
    let mut conn = state.connection().await?;
    let MadeLink { token, expires_at, .. } = password::make(&mut conn, caller.staff()?, *user).await?;
    let link = address(state.tokens.public_url().unwrap_or_default(), LinkKind::Password, &token);
    Ok(HttpResponse::Created().json(PasswordLink { link, expires_at }))
}

/// Whether the first admin is still to be made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FirstAdmin {
    /// There is no admin: the service prints a link at its start.
    is_open: bool,
}

/// Whether the first admin is still to be made.
#[utoipa::path(get, path = "/auth/first", operation_id = "first_admin", tag = "auth",
    responses((status = 200, description = "Whether it is", body = FirstAdmin)))]
pub(crate) async fn first(state: Data<AppState>) -> Result<Json<FirstAdmin>, ApiError> {
    let mut conn = state.connection().await?;
    Ok(Json(FirstAdmin { is_open: has_no_admin(&mut conn).await? }))
}

/// The token of a link.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct LookAtLink {
    #[schema(inline)]
    token: Secret,
}

/// What a link is for.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LinkView {
    kind: LinkKind,
    /// The address of the account; null for the first admin, who says it.
    email: Option<String>,
    /// The name of the account, if it has one.
    name: Option<String>,
}

/// Looks at a link. A wrong, a used and an old token get the same answer, and count as wrong passwords do.
#[utoipa::path(post, path = "/auth/links/look", operation_id = "look_at_link", tag = "auth", request_body = LookAtLink,
    responses((status = 200, description = "What it is for", body = LinkView),
              (status = 404, description = "It is not good, or not any more", body = chat_events::ErrorEnvelope)))]
pub(crate) async fn look(
    state: Data<AppState>,
    CameFrom(from): CameFrom,
    asker: Asker,
    Body(LookAtLink { token }): Body<LookAtLink>,
) -> Result<Json<LinkView>, ApiError> {
    let Seen { kind, email, name } = redeem::look(&state, &token.into_inner(), (from, asker)).await?;
    Ok(Json(LinkView { kind, email, name }))
}

/// The use of a link.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"token": "wv4…", "name": "Oscar", "password": "correct horse"}))]
pub(crate) struct UseLink {
    #[schema(inline)]
    token: Secret,
    /// The name that others see; needed where the link has none.
    #[schema(inline)]
    name: Option<Name>,
    /// The address to log in with, of the first admin alone.
    #[schema(inline)]
    email: Option<EmailAddress>,
    #[schema(inline)]
    password: NewPassword,
}

/// Uses a link: makes its account, or gives it another password, and logs it in. Once.
#[utoipa::path(post, path = "/auth/links/use", operation_id = "use_link", tag = "auth", request_body = UseLink,
    responses((status = 200, description = "Logged in", body = Tokens),
              (status = 404, description = "It is not good, or not any more", body = chat_events::ErrorEnvelope)))]
pub(crate) async fn redeem(
    state: Data<AppState>,
    CameFrom(from): CameFrom,
    asker: Asker,
    browser: Browser,
    Body(UseLink { token, name, email, password }): Body<UseLink>,
) -> Result<HttpResponse, ApiError> {
    let wanted = Use {
        token: token.into_inner(),
        name: name.map(Name::into_inner),
        email: email.map(EmailAddress::into_inner),
        password: password.into_inner(),
    };
    Ok(tokens(redeem::redeem(&state, wanted, (from, asker, browser)).await?))
}
