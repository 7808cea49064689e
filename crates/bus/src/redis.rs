//! Redis between the dispatcher and the gateways, and among the gateways.
//!
//! - [`sink`]: appends events to streams and publishes them, a script per chat (`append_and_publish.lua`)
//! - [`pubsub`]: the pub/sub that a gateway listens on
//! - [`leases`]: counts connections across gateways, a script per owner (`settle_leases.lua`)
//! - `subscriptions`: the channels that are wished for, and the callers that wait for them
//! - `inlet`: turns pushed messages into `Incoming`
//! - `signals`: sends signals · `last_seen`: keeps when readers were last seen, from the signals of marks
//! - `window`: reads the last events of a chat back
//! - `client`: connections, made anew by hand after any error

mod client;
mod inlet;
mod last_seen;
pub mod leases;
pub mod pubsub;
mod signals;
pub mod sink;
mod subscriptions;
mod window;

pub use leases::RedisLeases;
pub use pubsub::RedisPubSub;
pub use signals::signal_sink;
pub use sink::RedisSink;
