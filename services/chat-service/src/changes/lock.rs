//! The lock of chats. It is always taken in the order of their ids, so that two changes of several chats never wait for each
//! other.

use chat_events::{ChatId, ChatKind, Seq};
use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::schema::chats;
use crate::db::stored::Stored;
use crate::error::Error;

/// A chat that nobody else changes until the transaction is over.
#[derive(Debug)]
pub(crate) struct LockedChat {
    pub(super) id: ChatId,
    pub(super) kind: ChatKind,
    /// The last seq that was given out.
    pub(super) seq: Seq,
}

/// Locks the chats that exist. A later read of another row sees changes that were committed before.
pub(crate) async fn lock(conn: &mut AsyncPgConnection, ids: &[ChatId]) -> Result<Vec<LockedChat>, Error> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<(i64, Stored<ChatKind>, i64)> = chats::table
        .filter(chats::id.eq_any(ids))
        .select((chats::id, chats::kind, chats::seq))
        .order(chats::id)
        .for_no_key_update()
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(id, kind, seq)| LockedChat { id: ChatId(id), kind: kind.0, seq: Seq(seq) }).collect())
}
