//! Reads that REST and gateways share.

use chat_events::gateway_api::{Changes, MAX_CURSORS};

use crate::db::changes::{self, Question};
use crate::error::Error;
use crate::state::AppState;

/// Which of many chats changed since their reader was last there.
pub(crate) async fn changes(state: &AppState, question: Question<'_>) -> Result<Changes, Error> {
    if question.cursors.len() > MAX_CURSORS {
        return Err(Error::invalid("cursors", format!("there are more than {MAX_CURSORS} cursors")));
    }
    if question.cursors.iter().any(|(chat, seq)| chat.0 < 1 || seq.0 < 0) {
        return Err(Error::invalid("cursors", "a cursor is the id of a chat and a seq of at least 0"));
    }
    let mut conn = state.connection().await?;
    changes::read(&mut conn, question).await
}
