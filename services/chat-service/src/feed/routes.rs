//! `/internal/feed`: for services that read the change feed, with the internal secret.

use actix_web::web::{Data, Json};
use chat_events::feed::{FeedPage, FeedRequest};

use crate::feed;
use crate::http::api_error::ApiError;
use crate::http::asker::Asker;
use crate::http::caller::Gateway;
use crate::http::table::{Route, internal};
use crate::state::AppState;

/// Where the feed is read.
pub(crate) fn routes() -> Vec<Route> {
    vec![internal("/internal/feed", read)]
}

async fn read(
    _: Gateway,
    state: Data<AppState>,
    asker: Asker,
    body: Json<FeedRequest>,
) -> Result<Json<FeedPage>, ApiError> {
    Ok(Json(feed::page(&state, body.into_inner(), &asker).await?))
}
