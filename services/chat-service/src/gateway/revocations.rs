//! Which rights were taken away or given back. The numbers are taken by triggers: see the migration.

use std::collections::BTreeMap;

use chat_events::gateway_api::{Revocations, RevokedChat, RevokedUser};
use chat_events::workspace::WorkspaceNews;
use chat_events::{ChatId, Epoch, Role, Scope, UserId};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::access::rules::{member_reads, scope_sites};
use crate::db::stored::{Readable, Stored};
use crate::error::Error;
use statement::statement;

/// How many changes one page tells.
const PAGE: usize = 1000;

statement! {
    /// The epoch and the number of the last change.
    LastRevocation {
    } -> (Integer, BigInt) =
        "SELECT epoch, greatest(
            (SELECT max(revocation) FROM users WHERE revocation > 0),
            (SELECT max(revocation) FROM chat_members p WHERE revocation > 0),
            (SELECT max(revocation) FROM clients WHERE revocation > 0),
            (SELECT max(revocation) FROM refresh_tokens WHERE revocation > 0), 0)
         FROM installation";
}

statement! {
    /// The epoch in each row; and the changes after a number, in that order. `is_good` says whether the right is there
    /// at present.
    ReadRevocations {
        after: i64 as BigInt,
        count: i64 as BigInt,
    } -> (
        Integer, Nullable<BigInt>, Nullable<Text>, Nullable<Array<BigInt>>, Nullable<Bool>, Nullable<BigInt>,
        Nullable<Text>, Nullable<Array<BigInt>>, Nullable<SqlUuid>
    ) =
        concat!("WITH changed AS (
            (SELECT revocation, 'user' AS what, ARRAY[id] AS ids, is_active AS is_good, tokens_from, role,
                ", scope_sites!("u.id"), " AS sites, NULL::uuid AS login
             FROM users u WHERE revocation > 0 AND revocation > $after ORDER BY revocation LIMIT $count)
            UNION ALL
            (SELECT revocation, 'member', ARRAY[chat_id, user_id], ", member_reads!(), ", NULL, NULL, NULL, NULL
             FROM chat_members p WHERE revocation > 0 AND revocation > $after ORDER BY revocation LIMIT $count)
            UNION ALL
            (SELECT revocation, 'client', ARRAY(SELECT chat_id FROM chat_sessions WHERE client_id = v.id),
                banned_at IS NULL, NULL, NULL, NULL, NULL
             FROM clients v WHERE revocation > 0 AND revocation > $after ORDER BY revocation LIMIT $count)
            UNION ALL
            (SELECT revocation, 'login', NULL, false, NULL, NULL, NULL, family
             FROM refresh_tokens WHERE revocation > 0 AND revocation > $after ORDER BY revocation LIMIT $count)
         )
         SELECT i.epoch, c.revocation, c.what, c.ids, c.is_good, c.tokens_from, c.role, c.sites, c.login
         FROM installation i LEFT JOIN changed c ON true
         ORDER BY c.revocation LIMIT $count");
}

/// A row of [`ReadRevocations`].
type Row = (
    i32,
    Option<i64>,
    Option<String>,
    Option<Vec<i64>>,
    Option<bool>,
    Option<i64>,
    Option<Readable<Stored<Role>>>,
    Option<Vec<i64>>,
    Option<Uuid>,
);

/// The changes after a counter; without one, where the counter stands.
pub(crate) async fn read(conn: &mut AsyncPgConnection, after: Option<i64>) -> Result<Revocations, Error> {
    let Some(after) = after else {
        let (epoch, counter): (i32, i64) = LastRevocation {}.get_result(conn).await?;
        return Ok(nothing(Epoch(epoch), counter));
    };
    let count = i64::try_from(PAGE).unwrap_or(i64::MAX) + 1;
    let mut rows: Vec<Row> = ReadRevocations { after, count }.load(conn).await?;
    let epoch = rows.as_slice().first().map_or(0, |row| row.0);
    let has_more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let counter = rows.as_slice().last().and_then(|row| row.1).unwrap_or(after);
    let mut told = Revocations { has_more, ..nothing(Epoch(epoch), counter) };
    let mut members: BTreeMap<ChatId, Vec<UserId>> = BTreeMap::new();
    rows.into_iter().for_each(|row| tell(&mut told, &mut members, row));
    told.chats = members.into_iter().map(|(chat_id, user_ids)| RevokedChat { chat_id, user_ids }).collect();
    Ok(told)
}

fn nothing(epoch: Epoch, counter: i64) -> Revocations {
    Revocations {
        epoch,
        counter,
        has_more: false,
        users: vec![],
        chats: vec![],
        sessions: vec![],
        logins: vec![],
        workspace: WorkspaceNews::default(),
    }
}

fn tell(told: &mut Revocations, members: &mut BTreeMap<ChatId, Vec<UserId>>, row: Row) {
    let (_, _, what, ids, is_good, tokens_from, role, sites, login) = row;
    let ids = ids.unwrap_or_default();
    let is_good = is_good.unwrap_or(false);
    match (what.as_deref(), ids.as_slice()) {
        (Some("user"), [user]) => told.users.push(RevokedUser {
            user_id: UserId(*user),
            not_before: tokens_from.unwrap_or(i64::MAX),
            is_active: is_good,
            // A role that this build does not know gives no rights.
            role: role.and_then(|role| role.0).map(|role| role.0).unwrap_or_default(),
            scope: Scope::of_sites(sites),
        }),
        (Some("member"), [chat, user]) if !is_good => members.entry(ChatId(*chat)).or_default().push(UserId(*user)),
        (Some("client"), sessions) if !is_good => told.sessions.extend(sessions.iter().map(|id| ChatId(*id))),
        (Some("login"), _) => told.logins.extend(login),
        // Given back meanwhile.
        _ => {}
    }
}
