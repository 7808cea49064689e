//! Messages: writing them, reading them.
//!
//! - `routes`: over REST
//! - [`row`]: the columns of a message, and how readers see it: the one place that lists them
//! - [`page`]: the common part of reads; [`history`]: by position; [`sync`]: changes after a cursor
//! - [`send`]: new messages, many as one statement

pub(crate) mod history;
mod page;
pub(crate) mod routes;
pub(crate) mod row;
pub(crate) mod send;
pub(crate) mod sync;

use chat_events::gateway_api::SentFrom;

use crate::error::Error;
use crate::state::AppState;

pub(crate) use page::Reading;

/// Writes a message, once for each `client_id`, if the sender is not too fast.
pub(crate) async fn write(
    state: &AppState,
    new: send::NewMessage,
    from: Option<SentFrom>,
) -> Result<send::Sent, Error> {
    new.fits_in_a_frame()?;
    state.limits.send(new.actor.principal, from)?;
    state.sends.send(new).await
}
