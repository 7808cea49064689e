//! `/operators…`: whether operators take sessions.

use actix_web::web::{Data, Json};
use chat_events::operator::Availability;
use chat_events::text;
use diesel_async::AsyncConnection;
use serde::{Deserialize, Serialize};

use super::list::{self, Operator};
use super::state;
use crate::access::{acting_staff, hold};
use crate::error::Error;
use crate::http::api_error::ApiError;
use crate::http::body::Body;
use crate::http::caller::Caller;
use crate::http::table::{Route, route};
use crate::state::AppState;

/// Where it is asked and said.
pub(crate) fn routes() -> Vec<Route> {
    vec![route::<__path_list, _, _>(list), route::<__path_set_availability, _, _>(set_availability)]
}

/// Operators.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Operators {
    /// In the order of their names, at most 1,000.
    operators: Vec<Operator>,
}

/// The operators that the caller shares a site with, itself among them. Read it once after `connected`: the frame
/// `operator.state` tells what changes.
#[utoipa::path(get, path = "/operators", operation_id = "list_operators", tag = "people", security(("access_token" = [])),
    responses((status = 200, description = "The operators", body = Operators)))]
pub(crate) async fn list(state: Data<AppState>, caller: Caller) -> Result<Json<Operators>, ApiError> {
    let mut conn = state.connection().await?;
    let (_, scope) = acting_staff(&mut conn, caller.staff()?).await?;
    Ok(Json(Operators { operators: list::list(&mut conn, &scope).await? }))
}

/// Whether one takes sessions.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"availability": "away", "by_hand": true}))]
pub(crate) struct SetAvailability {
    #[serde(deserialize_with = "text::name")]
    availability: OwnAvailability,
    /// Whether the operator said so itself. What it said outlasts its connections, and its console does not call it back from
    /// being away.
    by_hand: bool,
}

/// What an operator may say of itself: it is `off` by going.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OwnAvailability {
    /// It takes sessions.
    Online,
    /// It does not.
    Away,
}

/// Says whether one takes sessions. Others are told at once.
#[utoipa::path(put, path = "/operators/me/availability", operation_id = "set_availability", tag = "people",
    request_body = SetAvailability, security(("access_token" = [])),
    responses((status = 200, description = "As it is shown now", body = Operator)))]
pub(crate) async fn set_availability(
    state: Data<AppState>,
    caller: Caller,
    Body(SetAvailability { availability, by_hand }): Body<SetAvailability>,
) -> Result<Json<Operator>, ApiError> {
    let availability = match availability {
        OwnAvailability::Online => Availability::Online,
        OwnAvailability::Away => Availability::Away,
    };
    let caller = caller.staff()?;
    let own = state.clone();
    let work = async move {
        let mut conn = own.connection().await?;
        let changed = conn.transaction(async |conn| {
            let (user, _) = acting_staff(conn, caller).await?;
            hold(conn, user).await?;
            state::set(conn, user, availability, by_hand).await?;
            let news = state::take_news(conn, Some(user), 1).await?;
            Ok::<_, Error>((news, list::one(conn, user).await?))
        });
        let (news, operator) = changed.await?;
        news.into_iter().for_each(|signal| own.signals.send(signal));
        Ok(operator)
    };
    Ok(Json(state.writes.run(work).await?))
}
