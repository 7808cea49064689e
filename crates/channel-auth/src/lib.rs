//! Who may use a channel: what a token says, and the proof that it was issued.
//!
//! - [`session`]: HMAC-signed tokens of support sessions, for clients
//! - [`access`]: what an operator's or user's JWT says
//! - [`issuer`]: signs JWTs and publishes its public key
//! - [`verifier`]: checks JWTs of every issuer whose keys it was given
//! - [`error`]: why a token was refused
//!
//! Nothing here prints a token or a key: neither `Debug` nor an error's text holds one.

pub mod access;
pub mod error;
pub mod issuer;
pub mod session;
pub mod verifier;

pub use access::AccessClaims;
pub use chat_events::Role;
pub use error::{KeyError, TokenError};
pub use issuer::JwtIssuer;
pub use session::{IssuedToken, Purpose, SessionClaims, SessionKeys};
pub use verifier::JwtVerifier;
