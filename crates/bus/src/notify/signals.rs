//! Sends signals by NOTIFY, those that came meanwhile together.

use chat_events::names::PG_SIGNALS;
use diesel_async::AsyncPgConnection;
use secrecy::SecretString;
use telemetry::Vital;
use tokio::sync::watch;

use super::payload::split;
use crate::postgres::{Notify, connect};
use crate::signals::WaitingSignals;
use crate::{BusError, SignalSink};

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
