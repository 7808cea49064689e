//! Sends signals by NOTIFY, those that came meanwhile together, and takes those of others.

use chat_events::names::PG_SIGNALS;
use diesel_async::AsyncPgConnection;
use secrecy::SecretString;
use serde_json::value::RawValue;
use telemetry::{Part, Vital};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::payload::split;
use crate::backoff::Backoff;
use crate::postgres::{Notify, PING_EVERY, connect, notification, ping};
use crate::signals::WaitingSignals;
use crate::{BusError, SignalMetrics, SignalSink};

/// Sends signals without listening to any, on a session that is opened at the first.
#[must_use]
pub fn signal_sink(database_url: SecretString, vital: &Vital) -> SignalSink {
    let (sink, to_send) = SignalSink::new();
    let (_nobody, renewal) = watch::channel(());
    vital.spawn("signals to PostgreSQL", SignalSender { database_url, to_send, renewal }.run());
    sink
}

/// The task's state.
pub(super) struct SignalSender {
    pub(super) database_url: SecretString,
    pub(super) to_send: WaitingSignals,
    /// The gateway's links lead to the wrong server, or to none.
    pub(super) renewal: watch::Receiver<()>,
}

impl SignalSender {
    /// Until nobody can send any more.
    pub(super) async fn run(mut self) {
        let mut conn = None;
        loop {
            let signals = tokio::select! {
                signals = self.to_send.next() => signals,
                Ok(()) = self.renewal.changed() => {
                    conn = None;
                    continue;
                }
            };
            let Some(signals) = signals else { return };
            let count = signals.len();
            let (payloads, too_large) = split(signals);
            let lost = match self.send(&mut conn, payloads).await {
                Ok(()) => too_large,
                Err(error) => {
                    tracing::debug!(%error, "signals were dropped");
                    count
                }
            };
            self.to_send.count_dropped(lost);
        }
    }

    /// A connection that failed is not used again.
    async fn send(&self, conn: &mut Option<AsyncPgConnection>, payloads: Vec<String>) -> Result<(), BusError> {
        let mut usable = match conn.take() {
            Some(usable) => usable,
            None => connect(&self.database_url, "SET application_name = 'switchboard signals'").await?,
        };
        Notify { channel: PG_SIGNALS, payloads }.send(&mut usable).await?;
        *conn = Some(usable);
        Ok(())
    }
}

/// Takes signals that come by NOTIFY and passes them on, for gateways that do not listen to PostgreSQL. Each process that does
/// so passes all of them on; a gateway knows the second of a signal by its id.
pub struct PgSignals {
    database_url: SecretString,
    part: Part,
    sink: SignalSink,
    metrics: SignalMetrics,
}

impl PgSignals {
    /// Passes them to that sink, which must not lead back.
    #[must_use]
    pub fn new(database_url: SecretString, part: Part, sink: SignalSink, metrics: SignalMetrics) -> Self {
        Self { database_url, part, sink, metrics }
    }

    /// Until shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.take()).await;
    }

    async fn take(&self) {
        let mut backoff = Backoff::default();
        let listen = format!("SET application_name = 'switchboard dispatcher of signals'; LISTEN {PG_SIGNALS}");
        loop {
            let error = match connect(&self.database_url, &listen).await {
                Ok(mut conn) => {
                    self.part.up();
                    backoff.reset();
                    self.pass_on(&mut conn).await
                }
                Err(error) => error,
            };
            self.part.down(error.to_string());
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    /// Until the link breaks.
    async fn pass_on(&self, conn: &mut AsyncPgConnection) -> BusError {
        let mut ticks = tokio::time::interval(PING_EVERY);
        loop {
            let step = tokio::select! {
                heard = notification(conn) => heard.map(|heard| self.pass_on_all(&heard.payload)),
                _ = ticks.tick() => ping(conn).await,
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    fn pass_on_all(&self, payload: &str) {
        match serde_json::from_str::<Vec<&RawValue>>(payload) {
            Ok(signals) => {
                signals.iter().for_each(|json| self.metrics.pass_on(serde_json::from_str(json.get()), &self.sink));
            }
            Err(error) => self.metrics.pass_on(Err(error), &self.sink),
        }
    }
}
