//! The signals of chat-service, which come beside the lanes and are passed on as gateways pass on their own.

use bus::amqp::{AmqpSignals, SignalMetrics};
use bus::{BrokerBackend, BusError, PubSubBackend, SignalSink};
use telemetry::{Health, Metrics, Vital};

use crate::PipelineConfig;
use crate::neighbours::Neighbours;

/// The task that passes them on. None without RabbitMQ: chat-service tells gateways by NOTIFY then.
pub fn dispatch(
    config: &PipelineConfig,
    neighbours: &Neighbours,
    health: &Health,
    metrics: &Metrics,
    vital: &Vital,
) -> Result<Option<AmqpSignals>, BusError> {
    if config.broker.backend == BrokerBackend::Pg {
        return Ok(None);
    }
    let sink = match &neighbours.signals {
        Some(sink) => sink.clone(),
        None => {
            let sink = sink(config, vital)?;
            sink.register(metrics);
            sink
        }
    };
    let part = health.delaying_part("rabbitmq.signals");
    Ok(Some(AmqpSignals::new(config.broker.amqp_address()?, part, sink, SignalMetrics::register(metrics))))
}

/// To the pub/sub of the gateways.
fn sink(config: &PipelineConfig, vital: &Vital) -> Result<SignalSink, BusError> {
    match config.pubsub.backend {
        PubSubBackend::Redis => bus::redis::signal_sink(&config.pubsub, vital),
        #[cfg(feature = "postgres")]
        PubSubBackend::Pg => Ok(bus::notify::signal_sink(config.database_url()?, vital)),
        #[cfg(not(feature = "postgres"))]
        PubSubBackend::Pg => Err(BusError("this build has no PostgreSQL: set PUBSUB__BACKEND=redis".into())),
    }
}
