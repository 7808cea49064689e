//! What runs already, as its clients see it.
//!
//! - [`latency`]: from commit, and from POST, to the socket, at a steady rate over many chats
//! - [`reconnect`]: thousands lose their gateway and come back with their cursors
//! - [`slow`]: what a client that does not read does to its neighbours

pub(crate) mod latency;
pub(crate) mod reconnect;
pub(crate) mod slow;

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::time::Instant;

/// Connections that are opened at a time, before it counts.
const AT_ONCE: usize = 64;

/// Opens all of these, in no order.
async fn all_open<C>(opening: impl Iterator<Item: Future<Output = anyhow::Result<C>>>) -> anyhow::Result<Vec<C>> {
    stream::iter(opening).buffer_unordered(AT_ONCE).try_collect().await
}

/// The text of a message: when it is posted, in microseconds after the start, and so many characters more.
fn timed(started: Instant, length: usize) -> String {
    format!("{} {}", started.elapsed().as_micros(), "x".repeat(length))
}

/// When the message of a frame was posted, after the start; nothing of other frames.
fn posted(frame: &Value) -> Option<Duration> {
    let body = frame["data"]["body"].as_str().filter(|_| frame["type"] == "chat.message")?;
    body.split(' ').next()?.parse().ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_tells_when_it_was_posted() {
        let started = Instant::now();
        let frame = |kind: &str, body: &str| json!({"type": kind, "data": {"body": body}});
        assert!(posted(&frame("chat.message", &timed(started, 3))).is_some_and(|after| after <= started.elapsed()));
        assert_eq!(posted(&frame("chat.message", "2000 xxx")), Some(Duration::from_millis(2)));
        assert_eq!(posted(&frame("chat.message.edited", "2000 xxx")), None);
    }
}
