//! The changes of the workspace after a version.

use chat_events::workspace::{WorkspaceKind, WorkspaceNews};
use chat_events::{Epoch, Scope, SiteId, UserId, WorkspaceVersion};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;

use super::workspace_version;
use crate::access::{Actor, acting_in_sites};
use crate::error::Error;
use statement::statement;

/// An account, as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct WorkspaceUser {
    /// Its id.
    pub(crate) id: UserId,
    /// The name to show.
    pub(crate) name: String,
    /// False once it is closed: what it wrote stays.
    pub(crate) is_active: bool,
}

/// A web site, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct WorkspaceSite {
    /// Its id, as sessions name it.
    pub(crate) id: SiteId,
    /// Its public name in requests.
    pub(crate) key: String,
    /// The name to show.
    pub(crate) name: String,
    /// Whether nobody can open a session there any more.
    pub(crate) is_archived: bool,
}

/// A page of what changed after a version.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Workspace {
    /// Of this database: versions of another one mean nothing here.
    pub(crate) epoch: Epoch,
    /// The version to go on from.
    pub(crate) version: WorkspaceVersion,
    /// Whether it holds all there is, and not only what changed: what the caller has besides is to be forgotten. So it is
    /// without `since`, and where `since` is no version of this database.
    pub(crate) is_whole: bool,
    /// Accounts that are new or changed.
    pub(crate) users: Vec<WorkspaceUser>,
    /// Sites that are new or changed; of those in which the operator works. Users are told of none.
    pub(crate) sites: Vec<WorkspaceSite>,
    /// Whether another page follows, after `version`.
    pub(crate) has_more: bool,
}

statement! {
    /// The epoch and the version in each row; and the rows that changed after a version, in that order.
    ReadWorkspace<'a> {
        after: i64 as BigInt,
        all_sites: bool as Bool,
        sites: &'a [i64] as Array<BigInt>,
        count: i64 as BigInt,
    } -> (
        Integer, BigInt, Nullable<BigInt>, Nullable<Text>, Nullable<BigInt>, Nullable<Text>, Nullable<Text>, Nullable<Bool>
    ) = concat!(
        "WITH top AS MATERIALIZED (SELECT ", workspace_version!(), " AS version), asked AS (
            SELECT CASE WHEN $after > top.version THEN 0 ELSE $after END AS after FROM top
        ), changed AS (
            (SELECT u.workspace_version AS version, 'user' AS what, u.id, NULL AS key, u.name, u.is_active AS flag
             FROM users u WHERE u.workspace_version > (SELECT after FROM asked) ORDER BY 1 LIMIT $count)
            UNION ALL
            (SELECT s.workspace_version, 'site', s.id, s.key, s.name, s.archived_at IS NOT NULL
             FROM sites s WHERE s.workspace_version > (SELECT after FROM asked)
                AND ($all_sites OR s.id = ANY($sites)) ORDER BY 1 LIMIT $count)
        )
        SELECT i.epoch, top.version, c.version, c.what, c.id, c.key, c.name, c.flag
        FROM installation i CROSS JOIN top LEFT JOIN changed c ON true
        ORDER BY c.version LIMIT $count"
    );
}

/// A row of [`ReadWorkspace`].
type Row = (i32, i64, Option<i64>, Option<String>, Option<i64>, Option<String>, Option<String>, Option<bool>);

/// A page of the changes after a version, for an account.
pub(crate) async fn read(
    conn: &mut AsyncPgConnection,
    actor: Actor,
    since: Option<WorkspaceVersion>,
    limit: u16,
) -> Result<Workspace, Error> {
    let scope = acting_in_sites(conn, actor).await?;
    let sites: Vec<i64> = match &scope {
        Scope::All => Vec::new(),
        Scope::Sites(sites) => sites.iter().map(|site| site.0).collect(),
    };
    let after = since.map_or(0, |since| since.0);
    let count = i64::from(limit) + 1;
    let read = ReadWorkspace { after, all_sites: scope == Scope::All, sites: &sites, count };
    let mut rows: Vec<Row> = read.load(conn).await?;
    let (epoch, top) = rows.as_slice().first().map_or((0, 0), |row| (row.0, row.1));
    let has_more = rows.len() > usize::from(limit);
    rows.truncate(usize::from(limit));
    let last = rows.as_slice().last().and_then(|row| row.2).filter(|_| has_more);
    let mut page = Workspace {
        epoch: Epoch(epoch),
        version: WorkspaceVersion(last.unwrap_or(top)),
        is_whole: after == 0 || after > top,
        users: Vec::new(),
        sites: Vec::new(),
        has_more,
    };
    rows.into_iter().for_each(|row| page.take(row));
    Ok(page)
}

impl Workspace {
    fn take(&mut self, (_, _, _, what, id, key, name, flag): Row) {
        let (Some(id), Some(name), Some(flag)) = (id, name, flag) else { return };
        match (what.as_deref(), key) {
            (Some("user"), _) => self.users.push(WorkspaceUser { id: UserId(id), name, is_active: flag }),
            (_, Some(key)) => self.sites.push(WorkspaceSite { id: SiteId(id), key, name, is_archived: flag }),
            _ => {}
        }
    }
}

statement! {
    /// The version, and whether accounts and sites changed after another one.
    ReadNews {
        after: i64 as BigInt,
    } -> (BigInt, Bool, Bool) = concat!(
        "SELECT ", workspace_version!(), ", EXISTS (SELECT FROM users WHERE workspace_version > $after),
            EXISTS (SELECT FROM sites WHERE workspace_version > $after)"
    );
}

/// The kinds that changed after a version; without one, only the present version.
pub(crate) async fn news(
    conn: &mut AsyncPgConnection,
    after: Option<WorkspaceVersion>,
) -> Result<WorkspaceNews, Error> {
    let after = after.map_or(i64::MAX, |after| after.0);
    let (version, users, sites): (i64, bool, bool) = ReadNews { after }.get_result(conn).await?;
    let changed = [(WorkspaceKind::Users, users), (WorkspaceKind::Sites, sites)];
    let kinds = changed.into_iter().filter(|(_, is_changed)| *is_changed).map(|(kind, _)| kind).collect();
    Ok(WorkspaceNews { kinds, version: WorkspaceVersion(version) })
}
