//! Where chats stand, for gateways that compare this with the positions that they have told.

use std::collections::BTreeMap;

use chat_events::gateway_api::{MAX_MEMBERSHIPS, Membership, MembershipPlace, Top, TopsRequest};
use chat_events::{ChatId, ChatKind, Seq, SiteId, UserId};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::access::rules::member_reads;
use crate::chats::json::chats_of_members;
use crate::db::bad_rows::{BadRows, What};
use crate::db::stored::{Readable, Stored};
use crate::error::Error;
use statement::statement;

statement! {
    /// The tops of chats, and of the sessions that changed in the last seconds; of sessions also the last message from
    /// before that time. Times rise with `seq`, so it lies under all that is new. `changed_at` may lag by 15 s.
    ReadTops<'a> {
        chats: &'a [i64] as Array<BigInt>,
        news_seconds: i64 as BigInt,
        changed_seconds: i64 as BigInt,
        sites: Option<&'a [i64]> as Nullable<Array<BigInt>>,
    } -> (BigInt, Text, Nullable<BigInt>, BigInt, Nullable<BigInt>) =
        "WITH wanted AS (
            SELECT c.id, c.kind, s.site_id, c.seq, $changed_seconds AS seconds
            FROM chats c JOIN chat_sessions s ON s.chat_id = c.id
            WHERE c.kind = 'session' AND $changed_seconds > 0
              AND c.changed_at > now() - make_interval(secs => $changed_seconds + 15)
              AND ($sites IS NULL OR s.site_id = ANY($sites))
            UNION ALL
            SELECT c.id, c.kind, s.site_id, c.seq, CASE WHEN c.kind = 'session' THEN $news_seconds ELSE 0 END
            FROM chats c LEFT JOIN chat_sessions s ON s.chat_id = c.id
            WHERE c.id = ANY($chats)
         )
         SELECT w.id, w.kind, w.site_id, w.seq, CASE WHEN w.seconds > 0 THEN coalesce((
            SELECT m.seq FROM messages m
            WHERE m.chat_id = w.id AND m.created_at <= now() - make_interval(secs => w.seconds + 15)
            ORDER BY m.seq DESC LIMIT 1), 0) END
         FROM wanted w";
}

/// A row of [`ReadTops`].
type TopRow = (i64, Readable<Stored<ChatKind>>, Option<i64>, i64, Option<i64>);

/// Where chats stand. A session that was asked for and changed lately comes twice.
pub(crate) async fn read(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    request: &TopsRequest,
) -> Result<Vec<Top>, Error> {
    let ids: Vec<i64> = request.chats.iter().map(|chat| chat.0).collect();
    let sites: Option<Vec<i64>> = request.sites.as_ref().map(|sites| sites.iter().map(|site| site.0).collect());
    let read = ReadTops {
        sites: sites.as_deref(),
        chats: &ids,
        news_seconds: request.news_within.into(),
        changed_seconds: request.sessions_changed_within.into(),
    };
    let rows: Vec<TopRow> = read.load(conn).await?;
    let top = |(id, kind, site, seq, since): TopRow| {
        let (chat_id, kind, site_id) = (ChatId(id), known(bad_rows, id, kind)?, site.map(SiteId));
        Some(Top { chat_id, kind, site_id, seq: Seq(seq), since: since.map(Seq) })
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

statement! {
    /// The chats that users may read, in the order of the users and of their ids. A user's chats are sorted for itself
    /// and the whole is cut, so that a page costs what it holds, not what all of them have.
    ReadMemberships<'a> {
        users: &'a [i64] as Array<BigInt>,
        after: i64 as BigInt,
        only_these: bool as Bool,
        chats: &'a [i64] as Array<BigInt>,
        count: i64 as BigInt,
    } -> (BigInt, BigInt, Text, BigInt, BigInt) = concat!(
        "SELECT q.user_id, m.chat_id, m.kind, m.added_seq, m.seq
         FROM unnest($users) WITH ORDINALITY AS q (user_id, place) CROSS JOIN LATERAL (
            SELECT p.chat_id, c.kind, p.added_seq, c.seq
            FROM users u CROSS JOIN ", chats_of_members!(), "
            WHERE u.id = q.user_id AND u.is_active AND p.user_id = u.id AND ", member_reads!(), " AND c.kind <> 'session'
                AND p.chat_id > CASE WHEN q.place = 1 THEN $after ELSE 0 END
                AND (NOT $only_these OR p.chat_id = ANY($chats))
            ORDER BY p.chat_id LIMIT $count) m
         LIMIT $count"
    );
}

/// A user, a chat of it and its kind, since when it is a member, and the chat's top.
type MembershipRow = (i64, i64, Readable<Stored<ChatKind>>, i64, i64);

/// For each user the chats that it is a member of and may read; and where the next page begins.
pub(crate) async fn memberships(
    conn: &mut AsyncPgConnection,
    bad_rows: &BadRows,
    request: &TopsRequest,
) -> Result<(BTreeMap<UserId, Vec<Membership>>, Option<MembershipPlace>), Error> {
    let after = request.after;
    let users = request.users.iter().filter(|user| after.is_none_or(|after| **user >= after.user_id));
    let mut memberships: BTreeMap<UserId, Vec<Membership>> = users.map(|user| (*user, vec![])).collect();
    let Some(first) = memberships.keys().next().copied() else { return Ok((memberships, None)) };
    let users: Vec<i64> = memberships.keys().map(|user| user.0).collect();
    let chats: Vec<i64> = request.chats.iter().map(|chat| chat.0).collect();
    let read = ReadMemberships {
        users: &users,
        after: after.filter(|after| after.user_id == first).map_or(0, |after| after.chat_id.0),
        only_these: request.only_these,
        chats: &chats,
        count: i64::try_from(MAX_MEMBERSHIPS).unwrap_or(i64::MAX) + 1,
    };
    let mut rows: Vec<MembershipRow> = read.load(conn).await?;
    // The statement reads in this order without being told to: told, it would sort all that there is for each page.
    if !rows.is_sorted_by_key(|(user, chat, ..)| (*user, *chat)) {
        return Err(Error::Internal("memberships were read out of order".into()));
    }
    let has_more = rows.len() > MAX_MEMBERSHIPS;
    rows.truncate(MAX_MEMBERSHIPS);
    let last = rows.last().map(|(user, chat, ..)| MembershipPlace { user_id: UserId(*user), chat_id: ChatId(*chat) });
    for (user, chat, kind, since, seq) in rows {
        let Some(kind) = known(bad_rows, chat, kind) else { continue };
        let membership = Membership { chat_id: ChatId(chat), kind, since: Seq(since), seq: Seq(seq) };
        memberships.entry(UserId(user)).or_default().push(membership);
    }
    let next = last.filter(|_| has_more);
    if let Some(next) = next {
        memberships.retain(|user, _| *user <= next.user_id);
    }
    Ok((memberships, next))
}
