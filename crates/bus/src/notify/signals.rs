//! Sends signals by NOTIFY, and takes the signals of other processes. Signals that come meanwhile go together.

use chat_events::Signal;
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
use crate::signals::SignalTransport;
use crate::{BusError, SignalMetrics, SignalSink};

/// Sends signals without listening to any, on a session that is opened at the first.
#[must_use]
pub fn signal_sink(database_url: SecretString, vital: &Vital) -> SignalSink {
    let (sink, to_send) = SignalSink::new();
    let (_nobody, renewal) = watch::channel(());
    vital.spawn("signals to PostgreSQL", to_send.send_all(PgTransport::new(database_url), renewal));
    sink
}

/// Notifies on a session of its own.
pub(super) struct PgTransport {
    database_url: SecretString,
    conn: Option<AsyncPgConnection>,
}

impl PgTransport {
    pub(super) fn new(database_url: SecretString) -> Self {
        Self { database_url, conn: None }
    }
}

impl SignalTransport for PgTransport {
    /// A connection that failed is not used again.
    async fn send(&mut self, signals: Vec<Signal>) -> Result<usize, BusError> {
        let (payloads, too_large) = split(signals);
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => connect(&self.database_url, "SET application_name = 'switchboard signals'").await?,
        };
        Notify { channel: PG_SIGNALS, payloads }.send(&mut conn).await?;
        self.conn = Some(conn);
        Ok(too_large)
    }

    fn forget_link(&mut self) {
        self.conn = None;
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
