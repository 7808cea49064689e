//! Single messages in an idle system.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::listener::Arrivals;
use super::poster::Poster;
use crate::percentiles::Percentiles;
use crate::visitor::Visitor;

const EVERY: Duration = Duration::from_millis(200);
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// Messages that do not count: statements are prepared and code is in memory.
const WARM_UP: usize = 10;

/// How they came.
pub(crate) struct Found {
    /// Posted where.
    pub(crate) name: &'static str,
    pub(crate) commit: Percentiles,
    pub(crate) post: Percentiles,
}

/// One every 200 ms, each in another chat.
pub(crate) async fn measure(
    name: &'static str,
    address: SocketAddr,
    visitors: &[Visitor],
    arrivals: &Arrivals,
    count: usize,
) -> anyhow::Result<Found> {
    let mut poster = Poster::connect(address, arrivals.started()).await?;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for (number, visitor) in visitors.iter().cycle().take(WARM_UP + count).enumerate() {
        if number == WARM_UP {
            arrivals.take();
        }
        ticks.tick().await;
        poster.post(visitor).await?;
        arrivals.stored();
        arrivals.drained(ARRIVES_WITHIN).await?;
    }
    let samples = arrivals.take();
    Ok(Found {
        name,
        commit: Percentiles::of(samples.iter().map(|sample| sample.from_commit)),
        post: Percentiles::of(samples.iter().map(|sample| sample.from_post)),
    })
}
