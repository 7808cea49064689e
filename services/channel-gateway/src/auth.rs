//! Who may connect: whose a token is, from which pages, with which keys; and rights that were taken away since.

pub(crate) mod credentials;
pub(crate) mod jwks;
pub(crate) mod origins;
pub(crate) mod revocations;
