//! `/users…`: accounts.

use actix_web::web::{Data, Json};
use chat_events::UserId;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::accounts;
use crate::auth::Caller;
use crate::error::Answer;
use crate::state::AppState;

/// What an account may do.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Talks in its own chats.
    User,
    /// Also sees and answers all support sessions.
    Operator,
    /// An operator that also manages accounts.
    Admin,
}

impl From<channel_auth::Role> for Role {
    fn from(role: channel_auth::Role) -> Self {
        match role {
            channel_auth::Role::User => Self::User,
            channel_auth::Role::Operator => Self::Operator,
            channel_auth::Role::Admin => Self::Admin,
        }
    }
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
pub(crate) async fn me(state: Data<AppState>, caller: Caller) -> Result<Json<Me>, Answer> {
    let (id, _) = caller.user()?;
    let user = accounts::own(&state, id).await?;
    let role = user.role.0.into();
    Ok(Json(Me { id, email: user.email, name: user.name, role, created_at: user.created_at }))
}
