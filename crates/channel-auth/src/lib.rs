//! Authentication for channels: the claims of a token, and the proof that it was issued.
//!
//! - [`keys`]: the keys that all services share, and how they sign
//! - [`session`]: HMAC-signed tokens of support sessions, for clients
//! - [`access`]: the claims of an operator's or user's JWT
//! - [`issuer`]: signs JWTs and publishes its public key
//! - [`verifier`]: checks JWTs of every issuer whose keys it was given
//! - [`ticket`]: HMAC-signed tickets that spare a returning user the check of its JWT's signature
//! - [`error`]: why a token was refused
//!
//! Nothing here prints a token or a key: neither `Debug` nor an error's text holds one.

pub mod access;
pub mod error;
pub mod issuer;
pub mod keys;
pub mod session;
pub mod ticket;
pub mod verifier;

pub use access::AccessClaims;
pub use chat_events::Role;
pub use error::{KeyError, TokenError};
pub use issuer::JwtIssuer;
pub use keys::SessionKeys;
pub use session::{IssuedToken, Purpose, SessionClaims};
pub use ticket::{TICKET_PREFIX, Ticket};
pub use verifier::{JwtVerifier, KeyMark};
