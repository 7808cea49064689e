//! A session's visitor, when it comes back.

use chat_events::ChatId;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::schema::{chat_sessions, clients};
use crate::error::Error;

/// The hash of the secret that a session's visitor was given, and whether it is banned.
pub(super) async fn visitor(conn: &mut AsyncPgConnection, session: ChatId) -> Result<Option<(Vec<u8>, bool)>, Error> {
    let found = chat_sessions::table
        .inner_join(clients::table)
        .filter(chat_sessions::chat_id.eq(session.0))
        .select((clients::secret_hash, clients::banned_at.is_not_null()))
        .first(conn)
        .await;
    Ok(found.optional()?)
}
