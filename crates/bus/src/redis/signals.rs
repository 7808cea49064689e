//! Sends signals, those that came meanwhile together. On a connection of its own: a signal that a subscribed connection
//! publishes to itself may come in the middle of a transaction's answer.
//!
//! A mark that rose is also kept for a while: when its reader was last seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_events::names::{channels_of_signal, last_seen};
use chat_events::signal::SignalData;
use chat_events::{Mark, Signal};
use redis::aio::MultiplexedConnection;
use redis::{Client, Pipeline};
use tokio::sync::{mpsc, watch};

use super::client::{connect, connection_config, failed};
use super::inlet::SignalEnvelope;
use crate::BusError;

/// How many waiting signals go out together.
const AT_ONCE: usize = 256;

/// How long it is known when somebody was last seen in a chat, after the last reader there. PostgreSQL knows for ever.
const LAST_SEEN_TTL_SECONDS: i64 = 30 * 24 * 3600;

/// The task's state.
pub(super) struct SignalSender {
    pub(super) client: Client,
    pub(super) prefix: String,
    pub(super) to_send: mpsc::Receiver<Signal>,
    pub(super) dropped: Arc<AtomicU64>,
    /// The gateway's links lead to the wrong server, or to none.
    pub(super) renewal: watch::Receiver<()>,
}

impl SignalSender {
    /// Until nobody can send any more.
    pub(super) async fn run(mut self) {
        let (mut conn, mut waiting) = (None, Vec::new());
        loop {
            let signals = tokio::select! {
                received = self.to_send.recv_many(&mut waiting, AT_ONCE) => received as u64,
                Ok(()) = self.renewal.changed() => {
                    conn = None;
                    continue;
                }
            };
            if signals == 0 {
                return;
            }
            let pipeline = self.pipeline(waiting.drain(..));
            if let Err(error) = self.send(&mut conn, &pipeline).await {
                tracing::debug!(%error, "signals were dropped");
                self.dropped.fetch_add(signals, Ordering::Relaxed);
            }
        }
    }

    /// One transaction, so that both copies of a signal are published at one moment.
    fn pipeline(&self, signals: impl Iterator<Item = Signal>) -> Pipeline {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for signal in signals {
            if let SignalData::Mark { mark, .. } = &signal.data {
                self.seen(&mut pipeline, &signal, mark);
            }
            let channels = channels_of_signal(&signal);
            let json = serde_json::to_vec(&SignalEnvelope { signal }).expect("a signal is plain data");
            for channel in channels {
                pipeline.cmd("PUBLISH").arg(format!("{}{channel}", self.prefix)).arg(&json).ignore();
            }
        }
        pipeline
    }

    fn seen(&self, pipeline: &mut Pipeline, signal: &Signal, mark: &Mark) {
        let key = format!("{}{}", self.prefix, last_seen(signal.chat_id));
        pipeline.hset(&key, mark.reader.to_string(), mark.updated_at.to_rfc3339()).ignore();
        pipeline.expire(&key, LAST_SEEN_TTL_SECONDS).ignore();
    }

    /// A connection that failed is not used again.
    async fn send(&self, conn: &mut Option<MultiplexedConnection>, pipeline: &Pipeline) -> Result<(), BusError> {
        let mut usable = match conn.take() {
            Some(usable) => usable,
            None => {
                connect(&self.client, &connection_config(), &format!("switchboard-signals:{}", self.prefix)).await?
            }
        };
        pipeline.exec_async(&mut usable).await.map_err(|error| failed(&error))?;
        *conn = Some(usable);
        Ok(())
    }
}
