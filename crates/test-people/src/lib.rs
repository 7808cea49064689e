//! The people of a test: visitors, operators and users, and what they use. What they use knows the wire and nothing of
//! the services: JSON in, JSON out.
//!
//! - [`accounts`]: accounts and chats, made as an administrator makes them, but without a process for each
//! - [`people`]: visitors, operators and users
//! - [`rest`]: REST calls and their answers
//! - [`gateway`]: where sockets and streams are opened
//! - [`socket`]: a WebSocket of the channel protocol
//! - [`event_stream`]: a server-sent event stream
//! - [`poller`]: a client that polls
//! - [`secrets`]: the keys and secrets of an installation

pub mod accounts;
pub mod event_stream;
pub mod gateway;
pub mod people;
pub mod poller;
pub mod rest;
pub mod secrets;
pub mod socket;

pub use accounts::{Account, Accounts, PASSWORD};
pub use event_stream::EventStream;
pub use gateway::Gateway;
pub use people::{Operator, Person, User, Visitor};
pub use poller::Poller;
pub use rest::{Answer, Rest};
pub use secrets::Secrets;
pub use socket::Socket;
