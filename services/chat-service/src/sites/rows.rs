//! The table of sites.

use std::collections::BTreeMap;

use chat_events::{SiteId, time};
use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use serde_json::Value;

use super::settings::{Asks, Prechat, Side, SiteColumns, SiteTexts};
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
    /// The origins of the pages that may show its widget.
    pub origins: Vec<String>,
    /// Whether visitors are refused whose identity the site has not signed.
    pub identity_required: bool,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) color: Option<String>,
    pub(crate) position: String,
    pub(crate) languages: Vec<String>,
    pub(crate) texts: Value,
    pub(crate) prechat_name: String,
    pub(crate) prechat_email: String,
    pub(crate) shows_operators: bool,
}

/// A site as its admins see it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SiteView {
    /// Its id, as sessions name it.
    pub(crate) id: SiteId,
    /// Its public name in requests, and in the tag of the widget.
    pub(crate) key: String,
    /// The name to show.
    pub(crate) name: String,
    /// The pages that may show its widget.
    pub(crate) origins: Vec<String>,
    /// The widget's colour, or null for the usual one.
    pub(crate) color: Option<String>,
    /// Where the launcher stands.
    pub(crate) position: Side,
    /// The languages of the widget; none for all that it has.
    pub(crate) languages: Vec<String>,
    /// Texts by language.
    #[schema(value_type = std::collections::HashMap<String, SiteTexts>)]
    pub(crate) texts: BTreeMap<String, SiteTexts>,
    /// What the widget asks for before the first message.
    pub(crate) prechat: Prechat,
    /// Whether the widget shows the names of operators who are there.
    pub(crate) shows_operators: bool,
    /// Whether visitors are refused whose identity the site has not signed.
    pub(crate) identity_required: bool,
    /// Whether nobody can open a session there.
    pub(crate) is_archived: bool,
    #[serde(serialize_with = "time::micros")]
    pub(crate) created_at: DateTime<Utc>,
}

impl Site {
    /// Its id.
    pub(crate) fn id(&self) -> SiteId {
        SiteId(self.id)
    }

    /// Texts that this build cannot read are those of the widget.
    pub(crate) fn texts(&self) -> BTreeMap<String, SiteTexts> {
        serde_json::from_value(self.texts.clone()).unwrap_or_default()
    }

    pub(crate) fn prechat(&self) -> Prechat {
        Prechat { name: Asks::of(&self.prechat_name), email: Asks::of(&self.prechat_email) }
    }

    /// Whether visitors can open sessions there.
    pub(crate) fn is_open(&self) -> bool {
        self.archived_at.is_none()
    }

    /// Whether a visitor has said of itself what the site asks for first.
    pub(crate) fn check_prechat(&self, has_name: bool, has_email: bool) -> Result<(), Error> {
        let asked = self.prechat();
        for (asks, is_there, field) in [(asked.name, has_name, "name"), (asked.email, has_email, "email")] {
            if asks == Asks::Required && !is_there {
                return Err(Error::invalid(field, format!("{field} is needed")));
            }
        }
        Ok(())
    }

    pub(crate) fn side(&self) -> Side {
        Side::of(&self.position)
    }

    /// As its admins see it.
    pub(crate) fn view(self) -> SiteView {
        SiteView {
            texts: self.texts(),
            prechat: self.prechat(),
            position: self.side(),
            id: self.id(),
            key: self.key,
            name: self.name,
            origins: self.origins,
            color: self.color,
            languages: self.languages,
            shows_operators: self.shows_operators,
            identity_required: self.identity_required,
            is_archived: self.archived_at.is_some(),
            created_at: self.created_at,
        }
    }
}

/// Makes a site with the usual settings; a taken key is a conflict.
pub(crate) async fn add(conn: &mut AsyncPgConnection, key: SiteKey, name: Name) -> Result<SiteId, Error> {
    let values = (sites::key.eq(key.into_inner()), sites::name.eq(name.into_inner()));
    let id: i64 = diesel::insert_into(sites::table).values(values).returning(sites::id).get_result(conn).await?;
    Ok(SiteId(id))
}

/// All sites, in the order in which they were made.
pub(crate) async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<Site>, Error> {
    Ok(sites::table.select(Site::as_select()).order(sites::id).load(conn).await?)
}

/// A site by its id.
pub(crate) async fn find(conn: &mut AsyncPgConnection, site: SiteId) -> Result<Option<Site>, Error> {
    Ok(sites::table.find(site.0).select(Site::as_select()).first(conn).await.optional()?)
}

/// The site that a request names by its key, or the first where it names none, whether it is archived or not.
pub(crate) async fn asked_for(conn: &mut AsyncPgConnection, key: Option<SiteKey>) -> Result<Option<Site>, Error> {
    match key {
        Some(key) => find_by_key(conn, &key.into_inner()).await,
        None => find(conn, SiteId::first()).await,
    }
}

/// A site by its key, whether it is archived or not.
pub(crate) async fn find_by_key(conn: &mut AsyncPgConnection, key: &str) -> Result<Option<Site>, Error> {
    Ok(sites::table.filter(sites::key.eq(key)).select(Site::as_select()).first(conn).await.optional()?)
}

/// The site of that key, whether it is archived or not; that there is none is told to who named it.
pub(crate) async fn by_key(conn: &mut AsyncPgConnection, key: &str) -> Result<Site, Error> {
    let found = find_by_key(conn, key).await?;
    found.ok_or_else(|| Error::invalid("site", format!("there is no site {key}")))
}

/// Gives a site other settings.
pub(crate) async fn change(conn: &mut AsyncPgConnection, site: SiteId, columns: &SiteColumns) -> Result<(), Error> {
    // A change without a column would be no SQL; the time when it was made stays as it is.
    let row = diesel::update(sites::table.find(site.0));
    row.set((columns, sites::created_at.eq(sites::created_at))).execute(conn).await?;
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
