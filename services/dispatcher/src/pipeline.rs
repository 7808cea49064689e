//! One pump per lane, until shutdown.

use bus::{BusError, PipelineMetrics, Stage, pump};
use telemetry::{Health, Metrics};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::PipelineConfig;
use crate::consumer::Consumers;
use crate::neighbours::Neighbours;
use crate::publisher;

/// Dispatches until shutdown, and finishes the batches in flight. An error only when the settings cannot work: a
/// server that is away is waited for, and told of by `health`.
pub async fn run(
    config: &PipelineConfig,
    neighbours: Neighbours,
    health: &Health,
    metrics: &Metrics,
    shutdown: CancellationToken,
) -> Result<(), BusError> {
    let prepared = shutdown.run_until_cancelled(Consumers::prepare(config, &neighbours, health)).await;
    let Some(consumers) = prepared.transpose()? else { return Ok(()) };
    let pipeline_metrics = PipelineMetrics::register(metrics, Stage::Dispatch);
    let mut pumps = JoinSet::new();
    for lane in consumers.lanes().lanes() {
        let lane_metrics = pipeline_metrics.lane(lane);
        let source = consumers.source(lane, lane_metrics.clone(), health);
        let sink = publisher::sink(config, &neighbours, lane, health)?;
        pumps.spawn(pump::run(source, sink, lane_metrics, shutdown.clone()));
    }
    tracing::info!(lanes = %consumers.lanes(), "dispatching");
    pumps.spawn(consumers.run_link(shutdown));
    // A pump that panicked must not leave its lane dead in a process that looks alive.
    while let Some(ended) = pumps.join_next().await {
        ended.map_err(|error| BusError(format!("a pump ended: {error}")))?;
    }
    Ok(())
}
