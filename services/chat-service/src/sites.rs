//! The web sites whose visitors open sessions.

use chat_events::{ErrorCode, SiteId};
use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::schema::sites;
use crate::error::Error;
use crate::input::fields::{Name, SiteKey};

/// A site.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = sites, check_for_backend(diesel::pg::Pg))]
pub struct Site {
    pub(crate) id: i64,
    /// Its public name in requests.
    pub key: String,
    /// The name to show.
    pub name: String,
    /// Since when nobody can open a session there.
    pub archived_at: Option<DateTime<Utc>>,
}

/// Makes a site; a taken key is a conflict.
pub(crate) async fn add(conn: &mut AsyncPgConnection, key: SiteKey, name: Name) -> Result<SiteId, Error> {
    let values = (sites::key.eq(key.into_inner()), sites::name.eq(name.into_inner()));
    let id: i64 = diesel::insert_into(sites::table).values(values).returning(sites::id).get_result(conn).await?;
    Ok(SiteId(id))
}

/// All sites, in the order in which they were made.
pub(crate) async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<Site>, Error> {
    Ok(sites::table.select(Site::as_select()).order(sites::id).load(conn).await?)
}

/// The site of that key, whether it is archived or not.
pub(crate) async fn by_key(conn: &mut AsyncPgConnection, key: &str) -> Result<SiteId, Error> {
    let found: Option<i64> = sites::table.filter(sites::key.eq(key)).select(sites::id).first(conn).await.optional()?;
    let found = found.map(SiteId);
    found.ok_or_else(|| Error::field(ErrorCode::Invalid, "site", format!("there is no site {key}")))
}

/// Gives a site another name to show.
pub(crate) async fn rename(conn: &mut AsyncPgConnection, site: SiteId, name: Name) -> Result<(), Error> {
    diesel::update(sites::table.find(site.0)).set(sites::name.eq(name.into_inner())).execute(conn).await?;
    Ok(())
}

/// Archives a site, or opens it again. Its sessions stay.
pub(crate) async fn set_archived(conn: &mut AsyncPgConnection, site: SiteId, is_archived: bool) -> Result<(), Error> {
    let row = diesel::update(sites::table.find(site.0));
    if is_archived {
        row.filter(sites::archived_at.is_null()).set(sites::archived_at.eq(now)).execute(conn).await?;
    } else {
        row.set(sites::archived_at.eq(None::<DateTime<Utc>>)).execute(conn).await?;
    }
    Ok(())
}
