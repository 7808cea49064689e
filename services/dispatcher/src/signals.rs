//! The signals of chat-service, which come beside the lanes and are passed on as gateways pass on their own.

use bus::amqp::AmqpSignals;
use bus::{BrokerBackend, BusError, PubSubBackend, SignalMetrics, SignalSink};
use telemetry::{Health, Metrics, Vital};
use tokio_util::sync::CancellationToken;

use crate::PipelineConfig;
use crate::neighbours::Neighbours;

/// Passes signals on.
pub enum Signals {
    /// From RabbitMQ.
    Amqp(AmqpSignals),
    /// From NOTIFY, where gateways listen to Redis.
    #[cfg(feature = "postgres")]
    Notify(bus::notify::PgSignals),
}

impl Signals {
    /// None where chat-service reaches the gateways itself: by NOTIFY, or within this process.
    pub fn prepare(
        config: &PipelineConfig,
        neighbours: &Neighbours,
        health: &Health,
        metrics: &Metrics,
        vital: &Vital,
    ) -> Result<Option<Self>, BusError> {
        match (config.broker.backend, config.pubsub.backend) {
            (BrokerBackend::Amqp, _) => {
                let (address, sink) = (config.broker.amqp_address()?, sink(config, neighbours, metrics, vital)?);
                let part = health.delaying_part("rabbitmq.signals");
                let signals = AmqpSignals::new(address, part, sink, SignalMetrics::register(metrics));
                Ok(Some(Self::Amqp(signals)))
            }
            #[cfg(feature = "postgres")]
            (BrokerBackend::Pg, PubSubBackend::Redis) if neighbours.signals.is_none() => {
                let (database_url, sink) = (config.database_url()?, sink(config, neighbours, metrics, vital)?);
                let part = health.delaying_part("notify.signals");
                let signals = bus::notify::PgSignals::new(database_url, part, sink, SignalMetrics::register(metrics));
                Ok(Some(Self::Notify(signals)))
            }
            (BrokerBackend::Pg, _) => Ok(None),
        }
    }

    /// Until shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        match self {
            Self::Amqp(signals) => signals.run(shutdown).await,
            #[cfg(feature = "postgres")]
            Self::Notify(signals) => signals.run(shutdown).await,
        }
    }
}

/// The way of a gateway in this process, or one of its own to the pub/sub that gateways listen on.
fn sink(
    config: &PipelineConfig,
    neighbours: &Neighbours,
    metrics: &Metrics,
    vital: &Vital,
) -> Result<SignalSink, BusError> {
    if let Some(sink) = &neighbours.signals {
        return Ok(sink.clone());
    }
    let sink = match config.pubsub.backend {
        PubSubBackend::Redis => bus::redis::signal_sink(&config.pubsub, vital)?,
        #[cfg(feature = "postgres")]
        PubSubBackend::Pg => bus::notify::signal_sink(config.database_url()?, vital),
        #[cfg(not(feature = "postgres"))]
        PubSubBackend::Pg => return Err(BusError("this build has no PostgreSQL: set PUBSUB__BACKEND=redis".into())),
    };
    sink.register(metrics);
    Ok(sink)
}
