//! `/auth…` and `/users…`: logging in, the keys that access tokens are checked by, and the caller's own account.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json};
use chat_events::{Role, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super as accounts;
use super::Login;
use super::refresh_tokens::LogoutScope;
use crate::http::api_error::ApiError;
use crate::http::asker::Asker;
use crate::http::body::Body;
use crate::http::caller::{Caller, CameFrom};
use crate::input::check;
use crate::state::AppState;

/// Who logs in.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "demo@example.com", "password": "correct horse"}))]
pub(crate) struct LogIn {
    #[schema(max_length = 254, pattern = r"^[^\x00]*$")]
    email: String,
    #[schema(max_length = 200, format = Password, pattern = r"^[^\x00]*$")]
    password: String,
}

/// The refresh token of the login.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    refresh_token: String,
}

/// Which logins end.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogOut {
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    refresh_token: String,
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
    body: Body<LogIn>,
) -> Result<HttpResponse, ApiError> {
    let LogIn { email, password } = body.into_inner().0;
    let email = check::text("email", email, check::MAX_EMAIL)?;
    let password = check::text("password", password, check::MAX_PASSWORD)?;
    Ok(tokens(accounts::log_in(&state, &email, password, (from, asker)).await?))
}

/// Trades a refresh token for new tokens. A token that comes a second time ends its login; only for some seconds after its
/// first use, while its successor is unused, it is traded again, so that two tabs may do so at the same moment.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = Refresh,
    responses((status = 200, description = "Still logged in", body = Tokens),
              (status = 401, description = "The refresh token is not good", body = chat_events::ErrorEnvelope)))]
pub(crate) async fn refresh(
    state: Data<AppState>,
    CameFrom(from): CameFrom,
    body: Body<Refresh>,
) -> Result<HttpResponse, ApiError> {
    let token = check::text("refresh_token", body.into_inner().0.refresh_token, check::MAX_PASSWORD)?;
    Ok(tokens(accounts::refresh(&state, &token, from).await?))
}

/// Ends a login: its refresh tokens and its access tokens are refused from now on, and its sockets are closed within
/// seconds.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = LogOut,
    responses((status = 204, description = "Logged out; also where the login had ended before"),
              (status = 401, description = "The refresh token is not good", body = chat_events::ErrorEnvelope)))]
pub(crate) async fn log_out(state: Data<AppState>, body: Body<LogOut>) -> Result<HttpResponse, ApiError> {
    let LogOut { refresh_token, all } = body.into_inner().0;
    let token = check::text("refresh_token", refresh_token, check::MAX_PASSWORD)?;
    let scope = if all { LogoutScope::Everywhere } else { LogoutScope::Login };
    accounts::log_out(&state, &token, scope).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn tokens(login: Login) -> HttpResponse {
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
    let user = accounts::own(&state, caller.in_chat()?).await?;
    Ok(Json(Me {
        id: UserId(user.id),
        email: user.email,
        name: user.name,
        role: user.role.0,
        created_at: user.created_at,
    }))
}
