//! The relay: each lane of the outbox into RabbitMQ. Without RabbitMQ the dispatcher reads the outbox itself.

use bus::amqp::{AmqpAddress, AmqpSink};
use bus::outbox::{LaneWaker, OutboxSource};
use bus::{BrokerBackend, BrokerConfig, BusError, PipelineMetrics, Stage, pump};
use chat_events::{Epoch, LaneCount};
use secrecy::SecretString;
use telemetry::{Health, Metrics, Vital};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::state::AppState;

/// The parts that the relay needs.
pub struct Relay {
    /// Of the outbox.
    pub database_url: SecretString,
    /// Of RabbitMQ.
    pub rabbitmq: AmqpAddress,
    /// As configured, and checked before this runs.
    pub lanes: LaneCount,
    /// Wakes a lane after a commit.
    pub waker: LaneWaker,
    /// Gets the parts `outbox` and `rabbitmq` of each lane.
    pub health: Health,
    /// Gets the relay's metrics.
    pub metrics: Metrics,
    /// Told of a lane that ends.
    pub vital: Vital,
}

impl Relay {
    /// A relay, if the configuration has a broker to relay to.
    pub fn from_config(
        broker: &BrokerConfig,
        config: &crate::Config,
        context: &crate::ServiceContext,
    ) -> Result<Option<Self>, crate::StartError> {
        if broker.backend == BrokerBackend::Pg {
            return Ok(None);
        }
        Ok(Some(Self {
            database_url: config.database.url()?,
            rabbitmq: broker.amqp_address().map_err(|BusError(why)| crate::StartError::Internal(why))?,
            lanes: config.outbox_lanes,
            waker: context.waker.clone(),
            health: context.health.clone(),
            metrics: context.metrics.clone(),
            vital: context.vital.clone(),
        }))
    }

    /// Relays until shutdown; the batches in flight are finished first.
    pub async fn run(self, state: AppState, shutdown: CancellationToken) {
        let Some(Some(epoch)) = shutdown.run_until_cancelled(state.prepared()).await else { return };
        let metrics = PipelineMetrics::register(&self.metrics, Stage::Relay);
        let mut lanes: JoinSet<()> =
            self.lanes.lanes().map(|lane| self.relay_lane(lane, epoch, &metrics, shutdown.clone())).collect();
        while let Some(ended) = lanes.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the relay of a lane ended");
            }
        }
    }

    fn relay_lane(
        &self,
        lane: chat_events::Lane,
        epoch: Epoch,
        metrics: &PipelineMetrics,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<> {
        let metrics = metrics.lane(lane);
        let source = OutboxSource::new(
            self.database_url.clone(),
            lane,
            epoch,
            self.waker.clone(),
            metrics.clone(),
            self.health.delaying_part(&format!("outbox lane {lane}")),
        );
        let rabbitmq = self.health.delaying_part(&format!("rabbitmq lane {lane}"));
        let sink = AmqpSink::new(self.rabbitmq.clone(), self.lanes, rabbitmq);
        self.vital.watched(&format!("the relay of lane {lane}"), pump::run(source, sink, metrics, shutdown))
    }
}
