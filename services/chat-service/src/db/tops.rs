//! Where chats stand, for gateways that compare it with what they have told.

use std::collections::BTreeMap;

use chat_events::gateway_api::{Membership, Top, TopsRequest};
use chat_events::{ChatId, ChatKind, Seq, UserId};
use diesel::prelude::{ExpressionMethods, JoinOnDsl, QueryDsl};
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::schema::{chat_members, chats, users};
use super::statement::statement;
use super::stored::{Readable, Stored};
use crate::bad_rows::{BadRows, What};
use crate::error::Error;

statement! {
    /// The tops of chats, and of the sessions that changed in the last seconds; of sessions also the last message from
    /// before that time. Times rise with `seq`, so it lies under all that is new. `changed_at` may lag by 15 s.
    ReadTops<'a> {
        chats: &'a [i64] as Array<BigInt>,
        news_seconds: i64 as BigInt,
        changed_seconds: i64 as BigInt,
    } -> (BigInt, Text, BigInt, Nullable<BigInt>) =
        "WITH wanted AS (
            SELECT id, kind, seq, $changed_seconds AS seconds FROM chats
            WHERE kind = 'session' AND $changed_seconds > 0
              AND changed_at > now() - make_interval(secs => $changed_seconds + 15)
            UNION ALL
            SELECT id, kind, seq, CASE WHEN kind = 'session' THEN $news_seconds ELSE 0 END FROM chats
            WHERE id = ANY($chats)
         )
         SELECT w.id, w.kind, w.seq, CASE WHEN w.seconds > 0 THEN coalesce((
            SELECT m.seq FROM messages m
            WHERE m.chat_id = w.id AND m.created_at <= now() - make_interval(secs => w.seconds + 15)
            ORDER BY m.seq DESC LIMIT 1), 0) END
         FROM wanted w";
}

/// A row of [`ReadTops`].
type TopRow = (i64, Readable<Stored<ChatKind>>, i64, Option<i64>);

/// Where chats stand. A session that was asked for and changed lately comes twice.
pub(crate) async fn read(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    request: &TopsRequest,
) -> Result<Vec<Top>, Error> {
    let ids: Vec<i64> = request.chats.iter().map(|chat| chat.0).collect();
    let read = ReadTops {
        chats: &ids,
        news_seconds: request.news_within.into(),
        changed_seconds: request.sessions_changed_within.into(),
    };
    let rows: Vec<TopRow> = read.load(conn).await?;
    let top = |(id, kind, seq, since): TopRow| {
        Some(Top { chat_id: ChatId(id), kind: known(bad_rows, id, kind)?, seq: Seq(seq), since: since.map(Seq) })
    };
    Ok(rows.into_iter().filter_map(top).collect())
}

/// The kind of a chat, if this build knows it.
fn known(bad_rows: &BadRows, chat: i64, kind: Readable<Stored<ChatKind>>) -> Option<ChatKind> {
    if kind.0.is_none() {
        bad_rows.skip(What::Chat, chat, "its kind is not known");
    }
    kind.0.map(|kind| kind.0)
}

/// For each user the chats that it is a member of and may read.
pub(crate) async fn memberships(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    user_ids: &[UserId],
) -> Result<BTreeMap<UserId, Vec<Membership>>, Error> {
    let mut memberships: BTreeMap<UserId, Vec<Membership>> = user_ids.iter().map(|user| (*user, vec![])).collect();
    if memberships.is_empty() {
        return Ok(memberships);
    }
    let rows: Vec<(i64, i64, Readable<Stored<ChatKind>>, i64)> = chat_members::table
        .inner_join(users::table)
        .inner_join(chats::table.on(chats::id.eq(chat_members::chat_id)))
        .filter(chat_members::user_id.eq_any(user_ids.iter().map(|user| user.0)))
        .filter(chat_members::is_active)
        .filter(chat_members::can_read)
        .filter(users::is_active)
        .order((chat_members::user_id, chat_members::chat_id))
        .select((chat_members::user_id, chat_members::chat_id, chats::kind, chat_members::added_seq))
        .load(conn)
        .await?;
    for (user, chat, kind, since) in rows {
        let Some(kind) = known(bad_rows, chat, kind) else { continue };
        let membership = Membership { chat_id: ChatId(chat), kind, since: Seq(since) };
        memberships.entry(UserId(user)).or_default().push(membership);
    }
    Ok(memberships)
}
