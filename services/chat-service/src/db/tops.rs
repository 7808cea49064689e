//! Where chats stand, for gateways that compare it with what they have told.

use std::collections::BTreeMap;

use chat_events::gateway_api::{Membership, Top};
use chat_events::{ChatId, ChatKind, Seq, UserId};
use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::schema::{chat_members, users};
use super::statement::statement;
use super::stored::Stored;
use crate::error::Error;

statement! {
    /// The tops of chats, and of the sessions that changed in the last seconds. `changed_at` may lag by 15 s. Times rise
    /// with `seq`, so the last message from before that time lies under all that is new.
    ReadTops<'a> {
        chats: &'a [i64] as Array<BigInt>,
        seconds: i64 as BigInt,
    } -> (BigInt, Text, BigInt, Nullable<BigInt>) =
        "WITH lately AS (
            SELECT c.id, c.kind, c.seq, coalesce((
                SELECT m.seq FROM messages m
                WHERE m.chat_id = c.id AND m.created_at <= now() - make_interval(secs => $seconds + 15)
                ORDER BY m.seq DESC LIMIT 1), 0) AS since
            FROM chats c
            WHERE c.kind = 'session' AND $seconds > 0 AND c.changed_at > now() - make_interval(secs => $seconds + 15)
         )
         SELECT id, kind, seq, since FROM lately
         UNION ALL
         SELECT id, kind, seq, NULL FROM chats WHERE id = ANY($chats) AND id NOT IN (SELECT id FROM lately)";
}

/// Where chats stand.
pub(crate) async fn read(
    conn: &mut AsyncPgConnection,
    chats: &[ChatId],
    changed_within: u32,
) -> Result<Vec<Top>, Error> {
    let ids: Vec<i64> = chats.iter().map(|chat| chat.0).collect();
    let rows: Vec<(i64, Stored<ChatKind>, i64, Option<i64>)> =
        ReadTops { chats: &ids, seconds: changed_within.into() }.load(conn).await?;
    let top = |(id, kind, seq, since): (i64, Stored<ChatKind>, i64, Option<i64>)| Top {
        chat_id: ChatId(id),
        kind: kind.0,
        seq: Seq(seq),
        since: since.map(Seq),
    };
    Ok(rows.into_iter().map(top).collect())
}

/// For each user the chats that it is a member of and may read.
pub(crate) async fn memberships(
    conn: &mut AsyncPgConnection,
    user_ids: &[UserId],
) -> Result<BTreeMap<UserId, Vec<Membership>>, Error> {
    let mut memberships: BTreeMap<UserId, Vec<Membership>> = user_ids.iter().map(|user| (*user, vec![])).collect();
    if memberships.is_empty() {
        return Ok(memberships);
    }
    let rows: Vec<(i64, i64, i64)> = chat_members::table
        .inner_join(users::table)
        .filter(chat_members::user_id.eq_any(user_ids.iter().map(|user| user.0)))
        .filter(chat_members::is_active)
        .filter(chat_members::can_read)
        .filter(users::is_active)
        .order((chat_members::user_id, chat_members::chat_id))
        .select((chat_members::user_id, chat_members::chat_id, chat_members::changed_seq))
        .load(conn)
        .await?;
    for (user, chat, since) in rows {
        let membership = Membership { chat_id: ChatId(chat), since: Seq(since) };
        memberships.entry(UserId(user)).or_default().push(membership);
    }
    Ok(memberships)
}
