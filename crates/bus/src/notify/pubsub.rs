//! LISTEN/NOTIFY, as a gateway listens on it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chat_events::names::{Channel, PG_BEATS, PG_HINTS, PG_SIGNALS};
use chat_events::{Beat, Signal};
use diesel_async::AsyncPgConnection;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use telemetry::{Part, Vital};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::signals::PgTransport;
use crate::backoff::Backoff;
use crate::postgres::{PING_EVERY, connect, notification, ping};
use crate::{BusError, Hint, Incoming, Incomings, Inlets, PubSub, SignalSink};

/// How long a subscription waits for a link that is down.
const LINK_TIMEOUT: Duration = Duration::from_secs(2);

/// Every process hears every hint, so a subscription only has to wait for the link.
pub struct PgPubSub {
    incoming: Inlets,
    signals: SignalSink,
    connected: watch::Receiver<bool>,
    renewal: watch::Sender<()>,
    _stop: DropGuard,
}

impl PgPubSub {
    /// Listens in the background until this is dropped.
    #[must_use]
    pub fn connect(database_url: SecretString, part: Part, vital: &Vital, ways: usize) -> (Arc<Self>, Incomings) {
        let (incoming, received) = Inlets::new(ways);
        let (signals, to_send) = SignalSink::new();
        let (connected_tx, connected) = watch::channel(false);
        let (stop, renewal) = (CancellationToken::new(), watch::Sender::new(()));
        let listener = Listener {
            database_url: database_url.clone(),
            part,
            incoming: incoming.clone(),
            connected: connected_tx,
            renewal: renewal.subscribe(),
        };
        let sending = to_send.send_all(PgTransport::new(database_url), renewal.subscribe());
        spawn_until(vital, "link to the bus", &stop, listener.run());
        spawn_until(vital, "signals to the bus", &stop, sending);
        let _stop = stop.drop_guard();
        (Arc::new(Self { incoming, signals, connected, renewal, _stop }), received)
    }

    /// Where [`super::NotifySink::with_local`] passes whole events to this gateway.
    #[must_use]
    pub fn local(&self) -> Inlets {
        self.incoming.clone()
    }

    /// The way on which it sends signals, for another sender in the same process: its signals are heard here at once, and by
    /// NOTIFY everywhere.
    #[must_use]
    pub fn signals(&self) -> SignalSink {
        self.signals.clone().with_local(self.local())
    }
}

fn spawn_until(vital: &Vital, name: &str, stop: &CancellationToken, work: impl Future<Output = ()> + Send + 'static) {
    let stop = stop.clone();
    vital.spawn(name, async move {
        stop.run_until_cancelled(work).await;
    });
}

#[async_trait]
impl PubSub for PgPubSub {
    async fn subscribe(&self, _channels: &[Channel]) -> Result<(), BusError> {
        let mut connected = self.connected.clone();
        match tokio::time::timeout(LINK_TIMEOUT, connected.wait_for(|connected| *connected)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(BusError("PostgreSQL: not connected".into())),
        }
    }

    async fn unsubscribe(&self, _channels: &[Channel]) -> Result<(), BusError> {
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        self.signals.send(signal);
    }

    fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    fn renew(&self) {
        self.renewal.send_replace(());
    }
}

/// Turns notifications into [`Incoming`].
struct Listener {
    database_url: SecretString,
    part: Part,
    incoming: Inlets,
    connected: watch::Sender<bool>,
    renewal: watch::Receiver<()>,
}

impl Listener {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        while !self.incoming.is_closed() {
            let error = match self.connect().await {
                Ok(conn) => {
                    backoff.reset();
                    self.listen(conn).await
                }
                Err(error) => error,
            };
            self.part.down(error.to_string());
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn connect(&self) -> Result<AsyncPgConnection, BusError> {
        let listen = format!(
            "SET application_name = 'switchboard gateway'; LISTEN {PG_HINTS}; LISTEN {PG_SIGNALS}; LISTEN {PG_BEATS}"
        );
        connect(&self.database_url, &listen).await
    }

    /// Until the link breaks.
    async fn listen(&mut self, mut conn: AsyncPgConnection) -> BusError {
        // A renewal that was asked for while this link was made is done with it.
        self.renewal.mark_unchanged();
        self.connected.send_replace(true);
        self.part.up();
        // These two wait for room: the gateway must hear of every break.
        let _left = self.incoming.send(Incoming::Restored).await;
        let error = self.forward(&mut conn).await;
        self.connected.send_replace(false);
        // Ends the session first, so that nothing piles up in its unbounded queue while the gateway catches up.
        drop(conn);
        let _left = self.incoming.send(Incoming::Interrupted).await;
        error
    }

    async fn forward(&mut self, conn: &mut AsyncPgConnection) -> BusError {
        let mut ticks = tokio::time::interval(PING_EVERY);
        loop {
            let step = tokio::select! {
                heard = notification(conn) => heard.and_then(|heard| self.pass_on(&heard.channel, &heard.payload)),
                Ok(()) = self.renewal.changed() => Err(BusError("PostgreSQL: nothing comes over the link".into())),
                _ = ticks.tick() => ping(conn).await,
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    fn pass_on(&self, channel: &str, payload: &str) -> Result<(), BusError> {
        match channel {
            PG_HINTS => self.pass_all(payload, Incoming::Hint as fn(Hint) -> Incoming),
            PG_BEATS => self.pass_all(payload, Incoming::Beat as fn(Beat) -> Incoming),
            PG_SIGNALS => self.pass_all(payload, Incoming::Signal as fn(Signal) -> Incoming),
            _ => Ok(()),
        }
    }

    fn pass_all<T: DeserializeOwned>(&self, payload: &str, incoming: fn(T) -> Incoming) -> Result<(), BusError> {
        // Not of our form: a newer version's, or a stranger's on our channel.
        let Ok(items) = serde_json::from_str::<Vec<T>>(payload) else {
            tracing::warn!(bytes = payload.len(), "a notification could not be read");
            return Ok(());
        };
        for item in items {
            if !self.incoming.try_send(incoming(item)) {
                return Err(BusError("the gateway does not keep up".into()));
            }
        }
        Ok(())
    }
}
