//! The sites that a request gives to an account.

use chat_events::{Role, Scope, SiteId};
use diesel_async::AsyncPgConnection;

use super::rows;
use crate::error::Error;

/// The sites of these keys, none for all, for an account of that role. A site that is not in the scope of who asks is as one that
/// is not there.
pub(crate) async fn named(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    role: Role,
    keys: Option<&[String]>,
) -> Result<Option<Vec<SiteId>>, Error> {
    let Some(keys) = keys else { return Ok(None) };
    if !role.is_staff() {
        return Err(Error::invalid("sites", "operators and admins alone work in sites"));
    }
    if keys.is_empty() {
        return Err(Error::invalid("sites", "sites name none"));
    }
    let mut sites = Vec::with_capacity(keys.len());
    for key in keys {
        let site = rows::find_by_key(conn, key).await?.map(|site| site.id());
        let site = site.filter(|site| scope.covers(Some(*site)));
        let site = site.ok_or_else(|| Error::invalid("sites", format!("there is no site {key}")))?;
        if !sites.contains(&site) {
            sites.push(site);
        }
    }
    Ok(Some(sites))
}
