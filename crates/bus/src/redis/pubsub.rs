//! Redis, as a gateway listens on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chat_events::names::Channel;
use chat_events::{ChatId, Epoch, Event, Seq, Signal};
use redis::aio::MultiplexedConnection;
use redis::{Client, PushInfo};
use telemetry::{Part, Vital};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::client::{client, connect, connection_config, failed, soon};
use super::inlet::Inlet;
use super::signals::RedisTransport;
use super::subscriptions::{Subscriptions, Work};
use super::window::Window;
use crate::backoff::Backoff;
use crate::{BusError, Incoming, Incomings, Inlets, PubSub, PubSubConfig, SignalSink};

/// How long a subscription waits, for a link that is down among other things.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection that only listens does not notice that its server is gone, unless it is used.
const PING_EVERY: Duration = Duration::from_secs(2);

/// Channels in one SUBSCRIBE: a few milliseconds of Redis's time.
const CHANNELS_AT_ONCE: usize = 1000;

/// Subscriptions are wishes: they outlive connections, and [`Incoming::Restored`] says that all are in force again.
pub struct RedisPubSub {
    subscriptions: Arc<Subscriptions>,
    signals: SignalSink,
    connected: Arc<AtomicBool>,
    window: Window,
    renewal: watch::Sender<()>,
    _stop: DropGuard,
}

impl RedisPubSub {
    /// Listens in the background until this is dropped. An error when there is no URL or none that can be read.
    pub fn connect(
        config: &PubSubConfig,
        part: Part,
        vital: &Vital,
        ways: usize,
    ) -> Result<(Arc<Self>, Incomings), BusError> {
        let client = client(config)?;
        let (incoming, received) = Inlets::new(ways);
        let (signals, to_send) = SignalSink::new();
        let stop = CancellationToken::new();
        let (subscriptions, connected) = (Arc::<Subscriptions>::default(), Arc::<AtomicBool>::default());
        let renewal = watch::Sender::new(());
        // Heard of by the first link on; nobody waits for it.
        drop(subscriptions.add(&[Channel::Beats]));
        let prefix = config.redis_prefix.clone();
        let transport = RedisTransport::new(client.clone(), prefix.clone());
        let sending = to_send.send_all(transport, renewal.subscribe());
        let window = Window::new(client.clone(), prefix.clone());
        let listener = Listener {
            client,
            prefix,
            part,
            incoming,
            subscriptions: Arc::clone(&subscriptions),
            connected: Arc::clone(&connected),
            renewal: renewal.subscribe(),
        };
        spawn_until(vital, "signals to the bus", &stop, sending);
        spawn_until(vital, "link to the bus", &stop, listener.run());
        let _stop = stop.drop_guard();
        let own = Self { subscriptions, signals, connected, window, renewal, _stop };
        Ok((Arc::new(own), received))
    }

    /// The way on which it sends signals, for another sender in the same process.
    #[must_use]
    pub fn signals(&self) -> SignalSink {
        self.signals.clone()
    }
}

fn spawn_until(vital: &Vital, name: &str, stop: &CancellationToken, work: impl Future<Output = ()> + Send + 'static) {
    let stop = stop.clone();
    vital.spawn(name, async move {
        stop.run_until_cancelled(work).await;
    });
}

#[async_trait]
impl PubSub for RedisPubSub {
    /// After an error the wish is kept, and in force at the next [`Incoming::Restored`] at the latest.
    async fn subscribe(&self, channels: &[Channel]) -> Result<(), BusError> {
        match tokio::time::timeout(SUBSCRIBE_TIMEOUT, self.subscriptions.add(channels)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(BusError("Redis: not subscribed yet".into())),
        }
    }

    /// Does not wait.
    async fn unsubscribe(&self, channels: &[Channel]) -> Result<(), BusError> {
        self.subscriptions.remove(channels);
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        self.signals.send(signal);
    }

    async fn recent(
        &self,
        epoch: Epoch,
        chat: ChatId,
        after: Seq,
        count: usize,
    ) -> Result<Option<Vec<Event>>, BusError> {
        self.window.read(epoch, chat, after, count).await.map(Some)
    }

    fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    fn renew(&self) {
        self.renewal.send_replace(());
    }
}

/// Keeps one connection subscribed to the channels that are wished for.
struct Listener {
    client: Client,
    prefix: String,
    part: Part,
    incoming: Inlets,
    subscriptions: Arc<Subscriptions>,
    connected: Arc<AtomicBool>,
    renewal: watch::Receiver<()>,
}

impl Listener {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        while !self.incoming.is_closed() {
            let error = match self.open().await {
                Ok((mut conn, inlet)) => {
                    backoff.reset();
                    self.listen(&mut conn, &inlet).await
                }
                Err(error) => error,
            };
            self.part.down(error.0);
            if self.connected.swap(false, Ordering::AcqRel) {
                // Waits for room: the gateway must hear of every break.
                let _left = self.incoming.send(Incoming::Interrupted).await;
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn open(&self) -> Result<(MultiplexedConnection, Arc<Inlet>), BusError> {
        let inlet = Arc::new(Inlet::new(self.incoming.clone(), self.prefix.clone()));
        let pushed = {
            let inlet = Arc::clone(&inlet);
            move |push: PushInfo| -> Result<(), std::convert::Infallible> {
                inlet.take(&push);
                Ok(())
            }
        };
        let conn = connect(
            &self.client,
            &connection_config().set_push_sender(pushed),
            &format!("switchboard-gateway:{}", self.prefix),
        )
        .await?;
        Ok((conn, inlet))
    }

    /// Until the link breaks.
    async fn listen(&mut self, conn: &mut MultiplexedConnection, inlet: &Inlet) -> BusError {
        // A renewal that was asked for while this link was made is done with it.
        self.renewal.mark_unchanged();
        self.subscriptions.touch_all();
        if let Err(error) = self.fulfil(conn, inlet).await {
            return error;
        }
        self.connected.store(true, Ordering::Release);
        self.part.up();
        let _left = self.incoming.send(Incoming::Restored).await;
        let mut ticks = tokio::time::interval(PING_EVERY);
        loop {
            let step = tokio::select! {
                () = inlet.broken() => Err(BusError("Redis: the connection ended, or the gateway did not keep up".into())),
                () = self.subscriptions.changed() => self.fulfil(conn, inlet).await,
                Ok(()) = self.renewal.changed() => Err(BusError("Redis: nothing comes over the link".into())),
                _ = ticks.tick() => ping(conn).await,
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    /// Until there is nothing left to do. Wishes that come meanwhile go together into the next round.
    async fn fulfil(&self, conn: &mut MultiplexedConnection, inlet: &Inlet) -> Result<(), BusError> {
        loop {
            let work = self.subscriptions.take_changes(|channel| inlet.is_in_force(channel));
            if work.is_empty() {
                return Ok(());
            }
            self.carry_out(conn, &work).await?;
            work.done();
        }
    }

    async fn carry_out(&self, conn: &mut MultiplexedConnection, work: &Work) -> Result<(), BusError> {
        for channels in work.subscribe.chunks(CHANNELS_AT_ONCE) {
            conn.subscribe(self.names(channels)).await.map_err(|error| failed(&error))?;
        }
        for channels in work.unsubscribe.chunks(CHANNELS_AT_ONCE) {
            conn.unsubscribe(self.names(channels)).await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    fn names(&self, channels: &[Channel]) -> Vec<String> {
        channels.iter().map(|channel| format!("{}{channel}", self.prefix)).collect()
    }
}

async fn ping(conn: &mut MultiplexedConnection) -> Result<(), BusError> {
    soon(async { redis::cmd("PING").exec_async(conn).await.map_err(|error| failed(&error)) }).await
}
