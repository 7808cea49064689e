//! Where events go.

use bus::redis::RedisSink;
use bus::{BusError, PubSubBackend, Sink};
use chat_events::Lane;
use telemetry::Health;

use crate::PipelineConfig;
use crate::neighbours::Neighbours;

/// The sink of one lane.
pub fn sink(
    config: &PipelineConfig,
    neighbours: &Neighbours,
    lane: Lane,
    health: &Health,
) -> Result<Box<dyn Sink>, BusError> {
    match config.pubsub.backend {
        PubSubBackend::Redis => {
            Ok(Box::new(RedisSink::new(&config.pubsub, health.delaying_part(&format!("redis.{lane}")))?))
        }
        PubSubBackend::Pg => notify(config, neighbours, lane, health),
    }
}

#[cfg(feature = "postgres")]
fn notify(
    config: &PipelineConfig,
    neighbours: &Neighbours,
    lane: Lane,
    health: &Health,
) -> Result<Box<dyn Sink>, BusError> {
    let sink = bus::notify::NotifySink::new(config.database_url()?, health.delaying_part(&format!("notify.{lane}")));
    Ok(match &neighbours.gateway {
        Some(gateway) => Box::new(sink.with_local(gateway.clone())),
        None => Box::new(sink),
    })
}

#[cfg(not(feature = "postgres"))]
fn notify(_: &PipelineConfig, _: &Neighbours, _: Lane, _: &Health) -> Result<Box<dyn Sink>, BusError> {
    Err(BusError("this build has no PostgreSQL: set PUBSUB__BACKEND=redis".into()))
}
