//! The state of a chat, as `connected`, lists and `sync` tell it.

use chat_events::gateway_api::ChatState;
use chat_events::{Mark, Session};

use crate::db::bad_rows::{BadRows, What};

/// Reads it, without its unreadable parts. The log names it by the given id.
pub(crate) fn state(bad_rows: &BadRows, id: i64, json: &str) -> Option<ChatState> {
    bad_rows.mended(What::Chat, id, json, |parts| {
        parts.optional::<Session>("session", What::Session);
        parts.items::<Mark>("marks", What::Mark);
    })
}
