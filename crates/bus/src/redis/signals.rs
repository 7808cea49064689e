//! Sends signals; signals that come meanwhile go together. On a connection of its own: a signal that a subscribed
//! connection publishes to itself may come in the middle of a transaction's answer.

use chat_events::Signal;
use chat_events::names::channels_of_signal;
use redis::aio::MultiplexedConnection;
use redis::{Client, Pipeline};
use telemetry::Vital;
use tokio::sync::watch;

use super::client::{client, connect, connection_config, failed};
use super::inlet::SignalEnvelope;
use super::last_seen;
use crate::signals::SignalTransport;
use crate::{BusError, PubSubConfig, SignalSink};

/// Sends signals without listening to any, on a link that is made at the first. An error when there is no URL or none that can
/// be read.
pub fn signal_sink(config: &PubSubConfig, vital: &Vital) -> Result<SignalSink, BusError> {
    let (sink, to_send) = SignalSink::new();
    let (_nobody, renewal) = watch::channel(());
    let transport = RedisTransport::new(client(config)?, config.redis_prefix.clone());
    vital.spawn("signals to Redis", to_send.send_all(transport, renewal));
    Ok(sink)
}

/// Publishes on a connection of its own.
pub(super) struct RedisTransport {
    client: Client,
    prefix: String,
    conn: Option<MultiplexedConnection>,
}

impl RedisTransport {
    pub(super) fn new(client: Client, prefix: String) -> Self {
        Self { client, prefix, conn: None }
    }

    /// One transaction, so that both copies of a signal are published at one moment.
    fn pipeline(&self, signals: Vec<Signal>) -> Pipeline {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for signal in signals {
            last_seen::note(&mut pipeline, &self.prefix, &signal);
            let channels = channels_of_signal(&signal);
            let json = serde_json::to_vec(&SignalEnvelope { signal }).expect("a signal is plain data");
            for channel in channels {
                pipeline.cmd("PUBLISH").arg(format!("{}{channel}", self.prefix)).arg(&json).ignore();
            }
        }
        pipeline
    }
}

impl SignalTransport for RedisTransport {
    /// A connection that failed is not used again.
    async fn send(&mut self, signals: Vec<Signal>) -> Result<usize, BusError> {
        let pipeline = self.pipeline(signals);
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                connect(&self.client, &connection_config(), &format!("switchboard-signals:{}", self.prefix)).await?
            }
        };
        pipeline.exec_async(&mut conn).await.map_err(|error| failed(&error))?;
        self.conn = Some(conn);
        Ok(0)
    }

    fn forget_link(&mut self) {
        self.conn = None;
    }
}
