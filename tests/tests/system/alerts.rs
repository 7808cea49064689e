//! A real Prometheus with our own configuration: what only delays is told within 5 s, and told as over when it is over.

use std::time::Duration;

use system_tests::prometheus::Prometheus;
use system_tests::{Chain, Shape};
use test_support::wait_until;
use tokio::time::Instant;

/// How soon somebody must be told.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_part_whose_outage_only_delays_is_told_within_five_seconds() {
    assert!(include_str!("../../../docker-compose.yml").contains("METRICS__BIND: 0.0.0.0:9090\n"));
    let chain = Chain::start(Shape::Distributed).await;
    let prometheus = Prometheus::watching(&chain).await;
    // A process that has just started is given time.
    let old = r#"count(time() - process_start_time_seconds{job="parts"} > 15 and on (instance) part_up)"#;
    wait_until("all services to be watched", async || {
        (prometheus.value(old).await? >= 3.0 && prometheus.firing().await.is_empty()).then_some(())
    })
    .await;
    let links = &chain.links;
    for (link, parts, is_frozen) in
        [(&links.redis, "pubsub", false), (&links.rabbitmq, "rabbitmq", false), (&links.redis, "pubsub", true)]
    {
        if is_frozen {
            link.stall(true);
            // What is silent is found to be dead only after a while.
            wait_until("a part to be down", async || (!chain.down_parts().await.is_empty()).then_some(())).await;
        } else {
            link.refuse(true);
            link.cut();
        }
        let since = Instant::now();
        wait_until(&format!("the alert of {parts}"), async || {
            let firing = prometheus.firing().await;
            firing.iter().any(|(name, part)| name == "PartDegraded" && part.starts_with(parts)).then_some(())
        })
        .await;
        let told = since.elapsed();
        println!("{parts} (frozen: {is_frozen}): told after {told:?}");
        assert!(told < TOLD_WITHIN, "{parts} (frozen: {is_frozen}): told after {told:?}");
        link.heal();
        wait_until("the alerts to be over", async || prometheus.firing().await.is_empty().then_some(())).await;
    }
}
