//! LISTEN/NOTIFY between the dispatcher and the gateways.
//!
//! - [`sink`]: hints of events to other processes, and whole events to a gateway in this one
//! - [`pubsub`]: the pub/sub that a gateway listens on
//! - `payload`: hints and signals in payloads of PostgreSQL's size

mod payload;
pub mod pubsub;
pub mod sink;

pub use pubsub::PgPubSub;
pub use sink::NotifySink;
