//! Operators who are there to answer.

use chat_events::SiteId;
use diesel_async::AsyncPgConnection;

use crate::error::Error;

/// The names of operators of a site who are there. Gateways do not tell of them yet, so nobody counts as there.
#[expect(clippy::unused_async, reason = "it asks PostgreSQL once gateways tell")]
pub(crate) async fn of_site(_: &mut AsyncPgConnection, _: SiteId) -> Result<Vec<String>, Error> {
    Ok(Vec::new())
}
