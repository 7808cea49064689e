//! LISTEN/NOTIFY between the dispatcher and the gateways.
//!
//! - [`sink`]: hints of events to other processes, and whole events to a gateway in this one
//! - [`pubsub`]: the pub/sub that a gateway listens on
//! - `signals`: sends signals, and takes the signals of other processes
//! - `payload`: hints and signals in payloads of PostgreSQL's size

mod payload;
pub mod pubsub;
mod signals;
pub mod sink;

pub use pubsub::PgPubSub;
pub use signals::{PgSignals, signal_sink};
pub use sink::NotifySink;
