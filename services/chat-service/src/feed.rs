//! The change feed: the published changes of all chats, in order in each, for readers that must miss nothing.
//!
//! The relay numbers the rows that it takes out of the outbox (`bus::outbox`); here they are read page by page, and
//! pruned. A reader keeps a cursor: the last position that it has of each lane. Positions have no holes, so a reader
//! that goes on from its cursor misses nothing, and changes that are missing above it were pruned.
//!
//! - `read`: a page · `wait`: readers that wait for one · `prune`: how long changes are kept · `routes`: over HTTP

pub(crate) mod prune;
pub(crate) mod read;
pub(crate) mod routes;
pub(crate) mod wait;

use std::time::Duration;

use chat_events::feed::{FeedPage, FeedRequest, MAX_FEED_PAGE, MAX_FEED_WAIT_MS};
use tokio::time::Instant;

use crate::error::Error;
use crate::http::asker::Asker;
use crate::state::AppState;

/// The changes after a cursor. Without any it waits, as long as the request says, without a connection to PostgreSQL; a reader
/// that hangs up is noticed at the next look, and makes room for another one.
pub(crate) async fn page(state: &AppState, request: FeedRequest, asker: &Asker) -> Result<FeedPage, Error> {
    let FeedRequest { after, limit, wait_ms } = request;
    if !(1..=MAX_FEED_PAGE).contains(&limit) {
        return Err(Error::invalid("limit", format!("limit must be from 1 to {MAX_FEED_PAGE}")));
    }
    if wait_ms > MAX_FEED_WAIT_MS {
        return Err(Error::invalid("wait_ms", format!("wait_ms must be at most {MAX_FEED_WAIT_MS}")));
    }
    let until = Instant::now() + Duration::from_millis(wait_ms.into());
    // Before the first look, so that nothing comes between it and the wait.
    let mut waiting = state.feed_readers.enter()?;
    let cursor = {
        let mut conn = state.connection().await?;
        read::start(&mut conn, after).await?
    };
    loop {
        let page = {
            let mut conn = state.connection().await?;
            read::page(&mut conn, &cursor, limit).await?
        };
        if !page.changes.is_empty() || !waiting.grown(until).await || asker.is_gone() {
            return Ok(page);
        }
    }
}
