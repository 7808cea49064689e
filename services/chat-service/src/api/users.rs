//! `/users…`: accounts.

use actix_web::web::{Data, Json};
use chat_events::{Role, UserId};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::accounts;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::state::AppState;

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
