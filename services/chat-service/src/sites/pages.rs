//! The rules of sites for pages, kept in memory: read anew when a site has changed, by whatever process.

use chat_events::SiteId;
use chat_events::gateway_api::{SiteRules, Sites};
use diesel::dsl::max;
use diesel::prelude::QueryDsl;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::schema::sites;
use crate::error::Error;
use crate::state::AppState;

/// The rules of all sites.
pub(crate) async fn read(conn: &mut AsyncPgConnection) -> Result<Sites, Error> {
    let rows: Vec<(i64, Vec<String>, bool)> =
        sites::table.select((sites::id, sites::origins, sites::identity_required)).order(sites::id).load(conn).await?;
    let rules = |(id, origins, identity_required)| SiteRules { site_id: SiteId(id), origins, identity_required };
    Ok(Sites { sites: rows.into_iter().map(rules).collect() })
}

/// Reads them into memory.
pub(crate) async fn refresh(state: &AppState, conn: &mut AsyncPgConnection) -> Result<(), Error> {
    state.site_pages.set_sites(&read(conn).await?);
    Ok(())
}

/// The version of the sites: it rises with every change of a rule.
pub(crate) async fn version(conn: &mut AsyncPgConnection) -> Result<i64, Error> {
    let version: Option<i64> = sites::table.select(max(sites::workspace_version)).first(conn).await?;
    Ok(version.unwrap_or_default())
}
