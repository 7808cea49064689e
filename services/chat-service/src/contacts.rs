//! People, over all their devices. A client is one device; two of them are of one contact if both have proved the same
//! identity.
//!
//! - [`identity`]: an identity that a site has signed
//! - [`link`]: the contact of an identity
//! - [`card`]: a contact as operators see it

pub(crate) mod card;
pub(crate) mod identity;
pub(crate) mod link;
