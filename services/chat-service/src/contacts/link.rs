//! The contact of an identity.

use chat_events::SiteId;
use diesel::dsl::insert_into;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::identity::SignedIdentity;
use crate::db::schema::{contact_identities, contacts};
use crate::error::Error;

/// As stored: a name of the site's own.
const EXTERNAL: &str = "external";
/// As stored: the site's server has signed it.
const SITE_SIGNATURE: &str = "site_signature";

/// The contact that an identity proves: found, with what the site tells of it now, or made.
pub(crate) async fn contact_of(
    conn: &mut AsyncPgConnection,
    site: SiteId,
    identity: &SignedIdentity,
) -> Result<i64, Error> {
    if let Some(contact) = find(conn, site, &identity.identifier).await? {
        let row = diesel::update(contacts::table.find(contact));
        let name = identity.name.as_ref().map(|name| contacts::name.eq(name));
        let email = identity.email.as_ref().map(|email| contacts::email.eq(email));
        if name.is_some() || email.is_some() {
            row.set((name, email)).execute(conn).await?;
        }
        return Ok(contact);
    }
    let values = (contacts::name.eq(&identity.name), contacts::email.eq(&identity.email));
    let contact: i64 = insert_into(contacts::table).values(values).returning(contacts::id).get_result(conn).await?;
    let values = (
        contact_identities::contact_id.eq(contact),
        contact_identities::kind.eq(EXTERNAL),
        contact_identities::value.eq(&identity.identifier),
        contact_identities::site_id.eq(site.0),
        contact_identities::proof.eq(SITE_SIGNATURE),
    );
    let made = insert_into(contact_identities::table).values(values).on_conflict_do_nothing().execute(conn).await?;
    if made > 0 {
        return Ok(contact);
    }
    // Another device of the same person was a moment earlier.
    diesel::delete(contacts::table.find(contact)).execute(conn).await?;
    let found = find(conn, site, &identity.identifier).await?;
    found.ok_or_else(|| Error::Unavailable("the contact was removed meanwhile".into()))
}

/// The contact that has this name at the site, if there is one.
pub(crate) async fn find(conn: &mut AsyncPgConnection, site: SiteId, identifier: &str) -> Result<Option<i64>, Error> {
    let found: Option<(i64, Option<i64>)> = contact_identities::table
        .inner_join(contacts::table)
        .filter(contact_identities::kind.eq(EXTERNAL))
        .filter(contact_identities::value.eq(identifier))
        .filter(contact_identities::site_id.eq(site.0))
        .filter(contact_identities::proof.eq(SITE_SIGNATURE))
        .select((contacts::id, contacts::merged_into))
        .first(conn)
        .await
        .optional()?;
    Ok(found.map(|(contact, root)| root.unwrap_or(contact)))
}
