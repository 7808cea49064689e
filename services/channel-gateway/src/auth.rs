//! Authentication: the owner of a token, the origins of pages, the accepted keys; and rights that were taken away
//! since.

pub(crate) mod credentials;
pub(crate) mod jwks;
pub(crate) mod origins;
pub(crate) mod revocations;
