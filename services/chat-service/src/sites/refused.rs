//! Pages that wanted to show a site's widget and were not allowed to. An admin who has forgotten an origin sees it here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chat_events::origins::MAX_ORIGIN_BYTES;
use chat_events::{Origins, SiteId, time};
use chrono::{DateTime, Utc};
use diesel::prelude::{ExpressionMethods, QueryDsl, Queryable};
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;

use crate::db::schema::refused_origins;
use crate::error::Error;
use statement::statement;

/// How many origins a site keeps: those that came last.
const MAX_KEPT: i64 = 100;
/// How many wait in memory to be written.
const MAX_WAITING: usize = 1000;

/// A refused origin.
#[derive(Debug, Serialize, Queryable, utoipa::ToSchema)]
pub(crate) struct RefusedOrigin {
    /// As the browser told it.
    pub(crate) origin: String,
    /// How often a page of it was refused.
    pub(crate) times: i64,
    #[serde(serialize_with = "time::micros")]
    pub(crate) first_at: DateTime<Utc>,
    #[serde(serialize_with = "time::micros")]
    pub(crate) last_at: DateTime<Utc>,
}

/// Refusals that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<(i64, String), i64>>);

impl Refusals {
    /// Takes note of one. It costs no question to PostgreSQL: anybody may cause it, as often as it likes.
    pub(crate) fn note(&self, site: SiteId, origin: &str) {
        if origin.len() > MAX_ORIGIN_BYTES || origin.contains('\0') {
            return;
        }
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (site.0, origin.to_ascii_lowercase());
        let is_full = waiting.len() >= MAX_WAITING;
        match waiting.get_mut(&place) {
            Some(times) => *times = times.saturating_add(1),
            None if is_full => {}
            None => _ = waiting.insert(place, 1),
        }
    }

    /// Writes those that wait. They are lost if that fails: this is a hint, not history.
    pub(crate) async fn write(&self, conn: &mut AsyncPgConnection) -> Result<(), Error> {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if waiting.is_empty() {
            return Ok(());
        }
        let (mut sites, mut origins, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for ((site, origin), count) in waiting {
            sites.push(site);
            origins.push(origin);
            times.push(count);
        }
        WriteRefusals { sites: &sites, origins: &origins, times: &times }.execute(conn).await?;
        KeepLast { sites: &sites, most: MAX_KEPT }.execute(conn).await?;
        Ok(())
    }
}

statement! {
    /// Counts refusals.
    WriteRefusals<'a> {
        sites: &'a [i64] as Array<BigInt>,
        origins: &'a [String] as Array<Text>,
        times: &'a [i64] as Array<BigInt>,
    } -> BigInt =
        "INSERT INTO refused_origins AS r (site_id, origin, times)
         SELECT q.site_id, q.origin, q.times
         FROM unnest($sites, $origins, $times) AS q (site_id, origin, times)
         WHERE EXISTS (SELECT FROM sites s WHERE s.id = q.site_id)
         ON CONFLICT (site_id, origin) DO UPDATE SET times = r.times + excluded.times, last_at = now()
         RETURNING r.times";
}

statement! {
    /// Forgets the origins of these sites but for those that came last, of which what is asked for again and again is always one:
    /// who invents many others crowds it out for a moment alone.
    KeepLast<'a> { sites: &'a [i64] as Array<BigInt>, most: i64 as BigInt, } -> BigInt =
        "DELETE FROM refused_origins r USING (
            SELECT site_id, origin, row_number() OVER (PARTITION BY site_id ORDER BY last_at DESC, times DESC, origin) AS place
            FROM refused_origins WHERE site_id = ANY($sites)) q
         WHERE q.place > $most AND r.site_id = q.site_id AND r.origin = q.origin
         RETURNING r.times";
}

/// Forgets those that the site allows by now.
pub(crate) async fn forget_allowed(
    conn: &mut AsyncPgConnection,
    site: SiteId,
    allowed: &[String],
) -> Result<(), Error> {
    let allowed = Origins::new(allowed);
    let of_site = refused_origins::table.filter(refused_origins::site_id.eq(site.0));
    let there: Vec<String> = of_site.select(refused_origins::origin).load(conn).await?;
    let gone: Vec<String> = there.into_iter().filter(|origin| allowed.allow(origin)).collect();
    let gone = of_site.filter(refused_origins::origin.eq_any(gone));
    diesel::delete(gone).execute(conn).await?;
    Ok(())
}

/// The refused origins of a site, the last first.
pub(crate) async fn list(conn: &mut AsyncPgConnection, site: SiteId) -> Result<Vec<RefusedOrigin>, Error> {
    let rows = refused_origins::table.filter(refused_origins::site_id.eq(site.0));
    let rows = rows.order((refused_origins::last_at.desc(), refused_origins::origin));
    let columns =
        (refused_origins::origin, refused_origins::times, refused_origins::first_at, refused_origins::last_at);
    Ok(rows.select(columns).limit(MAX_KEPT).load(conn).await?)
}
