//! Activity of sessions and of other chats.

use actix_web::web::{Data, Json};
use chat_events::{PlacedActivity, Seq};
use serde::{Deserialize, Serialize};

use super::list;
use crate::http::api_error::ApiError;
use crate::http::body::Params;
use crate::http::caller::InChat;
use crate::http::params::ChatPath;
use crate::http::table::{Route, in_chats};
use crate::input::fields::{PageLimit, SeqParam, rows};
use crate::state::AppState;

/// Where activity is served: in sessions and in other chats.
pub(crate) fn routes() -> Vec<Route> {
    in_chats::<__path_list_activity, _, _>(list_activity).into()
}

/// Which part of the activity.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActivityQuery {
    /// How many at most.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// Only activity after this position; without it from the beginning.
    #[param(inline)]
    after_seq: Option<SeqParam>,
}

impl ActivityQuery {
    /// How many, and after which position.
    pub(crate) fn asked(&self) -> (u16, Option<Seq>) {
        (rows(self.limit), self.after_seq.map(|seq| Seq(seq.get())))
    }
}

/// A page of activity.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ActivityPage {
    /// In rising `seq`.
    activity: Vec<PlacedActivity>,
    /// Whether there is more behind it.
    has_more: bool,
    /// The cursor to go on from.
    seq: Seq,
}

/// The activity of a chat: each action with its actor, the oldest first. Activity of visibility `staff` is for operators alone.
#[utoipa::path(get, path = "/chats/{id}/activity", operation_id = "list_activity", tag = "chats",
    params(ChatPath, ActivityQuery), security(("access_token" = [])),
    responses((status = 200, description = "One page", body = ActivityPage)))]
pub(crate) async fn list_activity(
    state: Data<AppState>,
    InChat { actor, chat, .. }: InChat,
    Params(query): Params<ActivityQuery>,
) -> Result<Json<ActivityPage>, ApiError> {
    let (limit, after) = query.asked();
    let mut conn = state.connection().await?;
    let page = list::read(&mut conn, &state.bad_rows, (actor, chat), after.unwrap_or(Seq::ZERO), limit).await?;
    Ok(Json(ActivityPage { activity: page.activity, has_more: page.has_more, seq: page.last }))
}
