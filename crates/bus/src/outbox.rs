//! PostgreSQL as a source of events.
//!
//! - [`source`]: reads a lane, deletes confirmed rows, sets aside chats that are refused
//! - `lane_lock`: at most one relay at a time reads a lane
//! - [`lane_waker`]: wakes a lane's holder after a commit
//! - [`read_installation`]: the database's epoch and number of lanes
//! - `rows`: the statements · `beat`: those of a lane's sign of life · `numbering`: from the outbox into the change feed
//!
//! Rows are written in the transaction of the change that they tell of, numbered and deleted when the next part has confirmed
//! them, and read again from the lowest `(chat, seq)` on, so that a row is never passed over for good.

mod beat;
mod installation;
mod lane_lock;
pub mod lane_waker;
mod numbering;
mod rows;
pub mod source;

pub use installation::{Installation, read_installation};
pub use lane_waker::LaneWaker;
#[doc(hidden)]
pub use numbering::number_published;
pub use rows::{NewEvent, write};
pub use source::OutboxSource;
