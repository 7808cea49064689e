//! Links by which people come to an account: an invitation, another password, the first admin. Each is good once and for a
//! time, and only the hash of its token is stored.
//!
//! - `routes`: over REST
//! - [`rows`]: the table, and when a link holds
//! - [`invite`](mod@invite): invitations; [`password`]: a link to another password; [`first`]: the link of the first admin
//! - [`redeem`]: a link is looked at, and used

pub(crate) mod first;
mod invite;
pub(crate) mod old;
mod password;
mod redeem;
pub(crate) mod routes;
mod rows;

/// The address of the page that a link opens. The token is in the part that no server and no log ever sees.
fn address(base: &str, kind: rows::LinkKind, token: &str) -> String {
    format!("{base}/console/#{}={token}", kind.as_str())
}
