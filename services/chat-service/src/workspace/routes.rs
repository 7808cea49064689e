//! `/workspace`: data that is not of a chat.

use actix_web::web::{Data, Json};
use chat_events::WorkspaceVersion;
use serde::Deserialize;

use super::read::{self, Workspace};
use crate::http::api_error::ApiError;
use crate::http::body::Params;
use crate::http::caller::Caller;
use crate::http::table::{Route, route};
use crate::input::fields::{PageLimit, SeqParam, rows};
use crate::state::AppState;

/// Where it is served.
pub(crate) fn routes() -> Vec<Route> {
    vec![route::<__path_workspace, _, _>(workspace)]
}

/// Which part of it.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WorkspaceQuery {
    /// Only what changed after this version. Without it, all there is.
    #[param(inline)]
    since: Option<SeqParam>,
    /// How many accounts and sites at most.
    #[param(inline)]
    limit: Option<PageLimit>,
}

/// The names of accounts and, for operators, of the sites in which they work. Read it once, then what changed: `connected`
/// tells the version, and the frame `workspace.changed` that it rose. After close code 4007 read all of it again, since
/// the operator works in other sites.
#[utoipa::path(get, path = "/workspace", tag = "workspace", params(WorkspaceQuery),
    security(("access_token" = [])), responses((status = 200, description = "One page", body = Workspace)))]
pub(crate) async fn workspace(
    state: Data<AppState>,
    caller: Caller,
    Params(query): Params<WorkspaceQuery>,
) -> Result<Json<Workspace>, ApiError> {
    let actor = caller.account()?;
    let since = query.since.map(|since| WorkspaceVersion(since.get()));
    let mut conn = state.connection().await?;
    Ok(Json(read::read(&mut conn, actor, since, rows(query.limit)).await?))
}
