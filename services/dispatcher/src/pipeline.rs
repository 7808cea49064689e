//! One pump per lane, and the signals beside them, until shutdown.

use bus::{BusError, PipelineMetrics, Stage, pump};
use telemetry::{Health, Metrics, Vital};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::PipelineConfig;
use crate::consumer::Consumers;
use crate::neighbours::Neighbours;
use crate::publisher;
use crate::signals::Signals;

/// The parts that the process around the dispatcher gives it.
#[derive(Debug, Clone)]
pub struct ServiceContext {
    /// Gets a part for each link of each lane.
    pub health: Health,
    /// Gets the dispatcher's metrics.
    pub metrics: Metrics,
    /// Told of a lane that ends, and of the signals.
    pub vital: Vital,
    /// Ends the work.
    pub shutdown: CancellationToken,
}

/// Dispatches until shutdown, and finishes the batches in flight. An error only when the settings cannot work: a
/// server that is away is waited for, and told of by `health`.
pub async fn run(config: &PipelineConfig, neighbours: Neighbours, context: ServiceContext) -> Result<(), BusError> {
    let ServiceContext { health, metrics, vital, shutdown } = context;
    let prepared = shutdown.run_until_cancelled(Consumers::prepare(config, &neighbours, &health)).await;
    let Some(consumers) = prepared.transpose()? else { return Ok(()) };
    let pipeline_metrics = PipelineMetrics::register(&metrics, Stage::Dispatch);
    let mut pumps = JoinSet::new();
    for lane in consumers.lanes().lanes() {
        let lane_metrics = pipeline_metrics.lane(lane);
        let source = consumers.source(lane, lane_metrics.clone(), &health);
        let sink = publisher::sink(config, &neighbours, lane, &health)?;
        let pump = pump::run(source, sink, lane_metrics, shutdown.clone());
        pumps.spawn(vital.watched(&format!("the dispatch of lane {lane}"), pump));
    }
    if let Some(signals) = Signals::prepare(config, &neighbours, &health, &metrics, &vital)? {
        pumps.spawn(vital.watched("the dispatch of signals", signals.run(shutdown.clone())));
    }
    tracing::info!(lanes = %consumers.lanes(), "dispatching");
    pumps.spawn(vital.watched("nudges", consumers.run_link(shutdown)));
    while let Some(ended) = pumps.join_next().await {
        if ended.is_err_and(|error| error.is_panic()) {
            // The guard of the pump told its name before the panic came here.
            return Err(BusError(vital.lost().await.to_string()));
        }
    }
    Ok(())
}
