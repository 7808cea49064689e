//! Where events come from.

use bus::amqp::{AmqpAddress, AmqpSource};
use bus::{BrokerBackend, BusError, LaneMetrics, Source};
use chat_events::{Lane, LaneCount};
use telemetry::Health;

use crate::PipelineConfig;
use crate::neighbours::Neighbours;

/// The sources of all lanes.
pub struct Consumers {
    lanes: LaneCount,
    from: From,
}

enum From {
    Amqp(AmqpAddress),
    #[cfg(feature = "postgres")]
    Outbox {
        database_url: secrecy::SecretString,
        epoch: chat_events::Epoch,
        waker: bus::outbox::LaneWaker,
    },
}

impl Consumers {
    /// Waits, where the outbox is the source, until the database can be read.
    pub async fn prepare(config: &PipelineConfig, neighbours: &Neighbours, health: &Health) -> Result<Self, BusError> {
        match config.broker.backend {
            BrokerBackend::Amqp => {
                Ok(Self { lanes: config.outbox_lanes, from: From::Amqp(config.broker.amqp_address()?) })
            }
            BrokerBackend::Pg => Self::outbox(config, neighbours, health).await,
        }
    }

    #[cfg(feature = "postgres")]
    async fn outbox(config: &PipelineConfig, neighbours: &Neighbours, health: &Health) -> Result<Self, BusError> {
        let database_url = config.database_url()?;
        let installation = known(&database_url, health).await;
        let waker = neighbours.waker.clone().unwrap_or_else(|| bus::outbox::LaneWaker::new(installation.lanes));
        Ok(Self { lanes: installation.lanes, from: From::Outbox { database_url, epoch: installation.epoch, waker } })
    }

    #[cfg(not(feature = "postgres"))]
    async fn outbox(_: &PipelineConfig, _: &Neighbours, _: &Health) -> Result<Self, BusError> {
        Err(BusError("this build has no PostgreSQL: set BROKER__BACKEND=amqp".into()))
    }

    /// How many there are.
    #[must_use]
    pub fn lanes(&self) -> LaneCount {
        self.lanes
    }

    /// The source of one lane.
    #[must_use]
    pub fn source(&self, lane: Lane, metrics: LaneMetrics, health: &Health) -> Box<dyn Source> {
        match &self.from {
            From::Amqp(address) => Box::new(AmqpSource::new(
                address.clone(),
                lane,
                metrics,
                health.delaying_part(&format!("rabbitmq.{lane}")),
            )),
            #[cfg(feature = "postgres")]
            From::Outbox { database_url, epoch, waker } => {
                let part = health.delaying_part(&format!("outbox.{lane}"));
                let waker = waker.clone();
                Box::new(bus::outbox::OutboxSource::new(database_url.clone(), lane, *epoch, waker, metrics, part))
            }
        }
    }

    /// Carries nudges from the processes that commit, until shutdown. RabbitMQ needs none.
    pub async fn run_link(self, shutdown: tokio_util::sync::CancellationToken) {
        match self.from {
            From::Amqp(_) => shutdown.cancelled().await,
            #[cfg(feature = "postgres")]
            From::Outbox { database_url, waker, .. } => waker.run_link(database_url, shutdown).await,
        }
    }
}

/// The database may come up, and chat-service may migrate it, after this.
#[cfg(feature = "postgres")]
async fn known(database_url: &secrecy::SecretString, health: &Health) -> bus::outbox::Installation {
    const RETRY_EVERY: std::time::Duration = std::time::Duration::from_secs(1);
    let part = health.delaying_part("outbox");
    loop {
        match bus::outbox::read_installation(database_url).await {
            Ok(installation) => {
                part.up();
                return installation;
            }
            Err(error) => part.down(error.to_string()),
        }
        tokio::time::sleep(RETRY_EVERY).await;
    }
}
