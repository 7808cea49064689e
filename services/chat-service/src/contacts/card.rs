//! A contact as operators see it.

use serde::{Deserialize, Serialize};

/// The contact of a session's client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct ContactCard {
    /// Its id.
    pub(crate) id: i64,
    /// The name to show.
    pub(crate) name: Option<String>,
    /// Its address, as the site told it.
    pub(crate) email: Option<String>,
    /// The name that the site has for the person, proved by the site's signature.
    pub(crate) identifier: Option<String>,
}

/// [`ContactCard`] of the client `v`, or null.
macro_rules! contact_json {
    () => {
        "(SELECT row_to_json(j) FROM (SELECT k.id, k.name, k.email, (SELECT i.value FROM contact_identities i
            WHERE i.contact_id = k.id AND i.kind = 'external' AND i.proof <> 'none' ORDER BY i.id LIMIT 1) AS identifier
          FROM contacts d JOIN contacts k ON k.id = coalesce(d.merged_into, d.id) WHERE d.id = v.contact_id) j)"
    };
}

pub(crate) use contact_json;
