//! Hints of events to other processes, and whole events to a gateway in this one.

use async_trait::async_trait;
use chat_events::Beat;
use chat_events::names::{PG_BEATS, PG_HINTS};
use diesel_async::AsyncPgConnection;
use secrecy::SecretString;
use telemetry::Part;

use super::payload::split;
use crate::postgres::{Notify, connect, ping, soon};
use crate::{BusError, Envelope, Hint, Incoming, Inlets, Outcome, Sink};

/// Publishes by NOTIFY. Listeners that are away miss it and find out by `sync`.
pub struct NotifySink {
    database_url: SecretString,
    part: Part,
    local: Option<Inlets>,
    conn: Option<AsyncPgConnection>,
}

impl NotifySink {
    /// Through that database.
    #[must_use]
    pub fn new(database_url: SecretString, part: Part) -> Self {
        Self { database_url, part, local: None, conn: None }
    }

    /// Also passes whole events to a gateway in this process, before the hints. When its queue is full, publishing
    /// waits: the outbox is the buffer.
    #[must_use]
    pub fn with_local(mut self, local: Inlets) -> Self {
        self.local = Some(local);
        self
    }

    async fn ping(&mut self) -> Result<(), BusError> {
        let mut conn = self.take_conn().await?;
        ping(&mut conn).await?;
        self.conn = Some(conn);
        Ok(())
    }

    async fn pass_locally(&mut self, batch: &[Envelope]) {
        let Some(local) = &self.local else { return };
        for envelope in batch {
            if !local.send(Incoming::Event(envelope.clone())).await {
                // The gateway has stopped; other processes may still listen.
                self.local = None;
                return;
            }
        }
    }

    async fn take_conn(&mut self) -> Result<AsyncPgConnection, BusError> {
        match self.conn.take() {
            Some(conn) => Ok(conn),
            None => connect(&self.database_url, "SET application_name = 'switchboard hints'").await,
        }
    }

    /// Waits for room, so that a gateway that does not keep up is found silent.
    async fn pass_beat(&mut self, beat: &Beat, payloads: Vec<String>) -> Result<(), BusError> {
        if let Some(local) = &self.local {
            let _stopped = local.send(Incoming::Beat(*beat)).await;
        }
        self.notify(PG_BEATS, payloads).await
    }

    async fn notify(&mut self, channel: &'static str, payloads: Vec<String>) -> Result<(), BusError> {
        let mut conn = self.take_conn().await?;
        Notify { channel, payloads }.send(&mut conn).await?;
        // Only a session that worked is used again.
        self.conn = Some(conn);
        Ok(())
    }
}

#[async_trait]
impl Sink for NotifySink {
    /// All or nothing: a batch that could not be notified comes again, and a listener drops the events that it has.
    async fn publish(&mut self, batch: &[Envelope]) -> Vec<Outcome> {
        self.pass_locally(batch).await;
        let (payloads, too_large) = split(batch.iter().map(Hint::of));
        if too_large > 0 {
            tracing::error!(too_large, "hints were too large for NOTIFY");
        }
        match self.notify(PG_HINTS, payloads).await {
            Ok(()) => {
                self.part.up();
                vec![Outcome::Taken; batch.len()]
            }
            Err(error) => {
                self.part.down(error.to_string());
                vec![Outcome::Refused(error.to_string()); batch.len()]
            }
        }
    }

    async fn beat(&mut self, beat: &Beat) -> Result<(), BusError> {
        let (payloads, _) = split([beat]);
        let notified = Box::pin(soon(self.pass_beat(beat, payloads))).await;
        match &notified {
            Ok(()) => self.part.up(),
            Err(error) => self.part.down(error.to_string()),
        }
        notified
    }

    async fn check(&mut self) {
        match self.ping().await {
            Ok(()) => self.part.up(),
            Err(error) => self.part.down(error.to_string()),
        }
    }
}
