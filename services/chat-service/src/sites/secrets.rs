//! The keys with which sites sign their visitors' identities. Several are good at once: a new one is made, the site's server
//! is told of it, and the old one is removed.

use chat_events::{ErrorCode, SiteId, time};
use chrono::{DateTime, Utc};
use diesel::prelude::{ExpressionMethods, QueryDsl, Queryable};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde::Serialize;

use crate::db::schema::{site_identity_secrets as secrets, sites};
use crate::error::Error;
use crate::tokens::OpaqueSecret;

/// How many keys a site may have at once.
pub(crate) const MAX_SECRETS: usize = 5;

/// A key without its secret.
#[derive(Debug, Serialize, Queryable, utoipa::ToSchema)]
pub(crate) struct KeyView {
    /// Its name, in the header of a signed identity.
    pub(crate) kid: String,
    #[serde(serialize_with = "time::micros")]
    pub(crate) created_at: DateTime<Utc>,
}

/// A new key, shown once.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct NewKey {
    /// Its name, in the header of a signed identity.
    pub(crate) kid: String,
    /// The key of HMAC-SHA256: the bytes of this very text. Shown this once; for the site's server alone.
    pub(crate) secret: String,
}

/// The names of a site's keys, the oldest first.
pub(crate) async fn list(conn: &mut AsyncPgConnection, site: SiteId) -> Result<Vec<KeyView>, Error> {
    let keys = secrets::table.filter(secrets::site_id.eq(site.0)).order((secrets::created_at, secrets::kid));
    Ok(keys.select((secrets::kid, secrets::created_at)).load(conn).await?)
}

/// Makes a key.
pub(crate) async fn add(conn: &mut AsyncPgConnection, site: SiteId) -> Result<NewKey, Error> {
    conn.transaction(async |conn| add_one(conn, site).await).await
}

async fn add_one(conn: &mut AsyncPgConnection, site: SiteId) -> Result<NewKey, Error> {
    // Of several at once each counts those before it.
    let locked = sites::table.find(site.0).select(sites::id).for_no_key_update();
    locked.execute(conn).await?;
    let there = list(conn, site).await?;
    if there.len() >= MAX_SECRETS {
        let words = format!("a site has at most {MAX_SECRETS} keys: remove one that is not used any more");
        return Err(Error::refused(ErrorCode::Conflict, words));
    }
    let secret = OpaqueSecret::generate().text;
    // Random, so that the name of a removed key never comes again.
    let kid = OpaqueSecret::generate().text.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>();
    let row = (secrets::site_id.eq(site.0), secrets::kid.eq(&kid), secrets::secret.eq(&secret));
    diesel::insert_into(secrets::table).values(row).execute(conn).await?;
    Ok(NewKey { kid, secret })
}

/// Removes a key: what it has signed is refused from now on. Returns whether it was there.
pub(crate) async fn remove(conn: &mut AsyncPgConnection, site: SiteId, kid: &str) -> Result<bool, Error> {
    Ok(is_name(kid) && diesel::delete(secrets::table.find((site.0, kid))).execute(conn).await? > 0)
}

/// The secrets of a site, for a key's name or all.
pub(crate) async fn read(conn: &mut AsyncPgConnection, site: SiteId, kid: Option<&str>) -> Result<Vec<String>, Error> {
    if kid.is_some_and(|kid| !is_name(kid)) {
        return Ok(Vec::new());
    }
    let mut query = secrets::table.filter(secrets::site_id.eq(site.0)).select(secrets::secret).into_boxed();
    if let Some(kid) = kid {
        query = query.filter(secrets::kid.eq(kid.to_owned()));
    }
    Ok(query.load(conn).await?)
}

/// Whether a key can have this name: text that PostgreSQL takes, for one.
fn is_name(kid: &str) -> bool {
    kid.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
