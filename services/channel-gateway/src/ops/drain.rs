//! Brings a gateway down: nobody new is let in, and all are told to come back, at a bounded pace and each at another
//! time. Their earlier frames are answered first.

use std::time::Duration;

use chat_events::frame::CloseCode;
use tokio::time::{Interval, interval, sleep, timeout};

use crate::gateway::Gateway;
use crate::ops::config::ChannelConfig;

/// All of it.
const WITHIN: Duration = Duration::from_secs(20);
/// Telling everybody: many connections are told faster than was asked for, rather than not at all.
const TOLD_WITHIN: Duration = Duration::from_secs(12);
/// How long a process usually needs after that: earlier clients are told to wait for its end.
const GONE_AFTER: Duration = Duration::from_secs(2);
/// How often the connections are counted that are not gone yet.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Closes all connections, and waits until they are gone.
pub async fn drain(gateway: &Gateway, config: &ChannelConfig) {
    let open = gateway.limits.all().len();
    let pace = pace(open, config.drain_per_second);
    let telling = pace.period() * u32::try_from(open).unwrap_or(u32::MAX);
    gateway.take_no_connections((telling + GONE_AFTER).min(WITHIN));
    tracing::info!(connections = open, "closing all connections");
    // They have little time anyway.
    gateway.pollers.close_unproved(CloseCode::Restart);
    let told = async {
        close_all(gateway, pace, config.reconnect_within).await;
        close_the_rest(gateway).await;
    };
    if timeout(WITHIN, told).await.is_err() {
        tracing::warn!(connections = gateway.limits.all().len(), "some connections did not close in time");
    }
}

/// One tick for each connection.
fn pace(open: usize, per_second: u32) -> Interval {
    let within = TOLD_WITHIN / u32::try_from(open.max(1)).unwrap_or(u32::MAX);
    let asked = Duration::from_secs(1) / per_second.max(1);
    interval(asked.min(within).max(Duration::from_nanos(1)))
}

async fn close_all(gateway: &Gateway, mut pace: Interval, within: Duration) {
    loop {
        let connections = gateway.limits.all();
        if connections.is_empty() {
            return;
        }
        for connection in connections.iter().filter(|connection| !connection.is_closing()) {
            pace.tick().await;
            connection.close_when_served(CloseCode::Restart, within.mul_f64(rand::random()));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Closes connections that came at the last moment, and peers that have not answered their close.
async fn close_the_rest(gateway: &Gateway) {
    while gateway.pollers.open() > 0 {
        gateway.pollers.close_all(CloseCode::Restart);
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn few_are_closed_at_the_pace_that_was_asked_for_and_many_in_time() {
        assert_eq!(pace(100, 50).period(), Duration::from_millis(20));
        assert_eq!(pace(0, 0).period(), Duration::from_secs(1));
        assert_eq!(pace(120_000, 1000).period(), Duration::from_micros(100));
    }
}
