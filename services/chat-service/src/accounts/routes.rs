//! `/auth…` and `/users…`: logging in, the keys that access tokens are checked by, and the caller's own account.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json};
use chat_events::{Role, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super as accounts;
use super::Login;
use super::browser::Browser;
use super::refresh_tokens::LogoutScope;
use super::users::User;
use crate::http::api_error::ApiError;
use crate::http::asker::Asker;
use crate::http::body::Body;
use crate::http::caller::{Caller, CameFrom};
use crate::http::table::{Route, route};
use crate::input::fields::{LoginName, Secret};
use crate::state::AppState;

/// Where accounts are served.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route::<__path_log_in, _, _>(log_in),
        route::<__path_refresh, _, _>(refresh),
        route::<__path_log_out, _, _>(log_out),
        route::<__path_me, _, _>(me),
        route::<__path_jwks, _, _>(jwks),
    ]
}

/// The credentials of a login.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"email": "demo@example.com", "password": "correct horse"}))]
pub(crate) struct LogIn {
    #[schema(inline)]
    email: LoginName,
    #[schema(inline)]
    password: Secret,
}

/// The refresh token of the login.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct Refresh {
    #[schema(inline)]
    refresh_token: Secret,
}

/// Which logins end.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct LogOut {
    #[schema(inline)]
    refresh_token: Secret,
    /// All logins of the account. Only a refresh token that could still be traded in may do that.
    #[serde(default)]
    all: bool,
}

/// A login.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Tokens {
    /// A JWT, for `Authorization: Bearer`.
    access_token: String,
    /// Trades for the next pair.
    refresh_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: i64,
}

/// Logs in with address and password.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = LogIn,
    responses((status = 200, description = "Logged in", body = Tokens),
              (status = 401, description = "The address or the password is wrong", body = chat_events::ErrorEnvelope)))]
pub(crate) async fn log_in(
    state: Data<AppState>,
    CameFrom(from): CameFrom,
    asker: Asker,
    browser: Browser,
    Body(LogIn { email, password }): Body<LogIn>,
) -> Result<HttpResponse, ApiError> {
    let (email, password) = (email.into_inner(), password.into_inner());
    Ok(tokens(accounts::log_in(&state, &email, password, (from, asker, browser)).await?))
}

/// Trades a refresh token for new tokens. A token that comes a second time ends its login; only for some seconds after its
/// first use, while its successor is unused, it is traded again, so that two tabs may do so at the same moment.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = Refresh,
    responses((status = 200, description = "Still logged in", body = Tokens),
              (status = 401, description = "The refresh token is not good", body = chat_events::ErrorEnvelope)))]
pub(crate) async fn refresh(
    state: Data<AppState>,
    CameFrom(from): CameFrom,
    browser: Browser,
    Body(Refresh { refresh_token }): Body<Refresh>,
) -> Result<HttpResponse, ApiError> {
    Ok(tokens(accounts::refresh(&state, &refresh_token.into_inner(), (from, browser)).await?))
}

/// Ends a login: its refresh tokens and its access tokens are refused from now on, and its sockets are closed within
/// seconds.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = LogOut,
    responses((status = 204, description = "Logged out; also where the login had ended before"),
              (status = 401, description = "The refresh token is not good", body = chat_events::ErrorEnvelope)))]
pub(crate) async fn log_out(
    state: Data<AppState>,
    Body(LogOut { refresh_token, all }): Body<LogOut>,
) -> Result<HttpResponse, ApiError> {
    let scope = if all { LogoutScope::Everywhere } else { LogoutScope::Login };
    accounts::log_out(&state, &refresh_token.into_inner(), scope).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The answer to a login.
pub(crate) fn tokens(login: Login) -> HttpResponse {
    HttpResponse::Ok().json(Tokens {
        access_token: login.access_token,
        refresh_token: login.refresh_token,
        token_type: "Bearer",
        expires_in: login.expires_in,
    })
}

/// The public keys of access tokens (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth",
    responses((status = 200, description = "A JWKS", body = Object)))]
pub(crate) async fn jwks(state: Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(state.tokens.jwks())
}

/// The caller's own account.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Me {
    id: UserId,
    email: String,
    name: String,
    role: Role,
    created_at: DateTime<Utc>,
}

/// The caller's own account.
#[utoipa::path(get, path = "/users/me", tag = "auth", security(("access_token" = [])),
    responses((status = 200, description = "The account", body = Me)))]
pub(crate) async fn me(state: Data<AppState>, caller: Caller) -> Result<Json<Me>, ApiError> {
    Ok(Json(accounts::own(&state, caller.in_chat()?).await?.into()))
}

impl From<User> for Me {
    fn from(User { id, email, name, role, created_at, .. }: User) -> Self {
        Self { id: UserId(id), email, name, role: role.0, created_at }
    }
}
