//! The parts that every connection needs, in one place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bus::redis::RedisLeases;
use bus::{ChangedOwners, PubSub, PubSubBackend, PubSubConfig};
use chat_events::{ErrorBody, ErrorCode, SitePages};
use http_server::Connections;
use telemetry::Vital;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::auth::credentials::Credentials;
use crate::auth::revocations::Revocations;
use crate::catch_up::history::History;
use crate::chat_service::ChatService;
use crate::chat_service::connect_snapshots::ConnectSnapshots;
use crate::hub::{self, Hub, Invitation};
use crate::limits::connections::{ConnectionLimits, Limits};
use crate::limits::handshake_rates::HandshakeRates;
use crate::ops::config::RateConfig;
use crate::ops::heartbeat::Heartbeat;
use crate::ops::metrics::GatewayMetrics;
use crate::transport::poller::Pollers;

/// A gateway.
pub struct Gateway {
    /// Rooms and listeners.
    pub hub: Arc<Hub>,
    /// The history of chats.
    pub history: Arc<History>,
    /// The snapshots for connections that open.
    pub connect_snapshots: ConnectSnapshots,
    /// Rights that were taken away.
    pub revocations: Revocations,
    /// History and rights.
    pub chat_service: Arc<dyn ChatService>,
    /// The check of tokens.
    pub credentials: Credentials,
    /// How many connections there may be, of any owner.
    pub connections: Arc<Connections>,
    /// How many connections one token may have.
    pub limits: Arc<Limits>,
    /// How often one may connect.
    pub handshakes: Arc<HandshakeRates>,
    /// How often one may connect and write, as configured.
    pub rates: RateConfig,
    /// The pages that may come in.
    pub pages: SitePages,
    /// The metrics.
    pub metrics: GatewayMetrics,
    /// The threads that own the WebSockets.
    pub pollers: Pollers,
    /// Between two pings.
    pub ping_interval: Duration,
    /// Over how long clients that are told to come back do so.
    pub reconnect_within: Duration,
    /// Where tasks run, whichever thread starts them.
    pub runtime: Handle,
    /// The tasks that must not end.
    pub vital: Vital,
    serves_echo: bool,
    /// When it will be gone, once it is ending.
    gone_at: OnceLock<Instant>,
    /// Counts connections across gateways for as long as it is kept.
    _leases: Option<Arc<RedisLeases>>,
    /// Where connection ids start: no two processes share it.
    name: String,
    /// How many have been given an id.
    named: AtomicU64,
    invitations: Mutex<Option<mpsc::UnboundedReceiver<Invitation>>>,
}

/// The parts of a gateway.
pub struct Parts {
    /// Redis or LISTEN/NOTIFY.
    pub pubsub: Arc<dyn PubSub>,
    /// History and rights.
    pub chat_service: Arc<dyn ChatService>,
    /// The check of tokens.
    pub credentials: Credentials,
    /// How many connections there may be, of any owner.
    pub connections: Arc<Connections>,
    /// How many connections one token may have.
    pub limits: ConnectionLimits,
    /// With Redis, connections are counted across gateways there.
    pub shared: PubSubConfig,
    /// How often one may connect and write.
    pub rates: RateConfig,
    /// The pages that may come in.
    pub pages: SitePages,
    /// The metrics.
    pub metrics: GatewayMetrics,
    /// Whether the pipeline is alive.
    pub heartbeat: Arc<Heartbeat>,
    /// How many threads own the WebSockets.
    pub pollers: usize,
    /// Between two pings.
    pub ping_interval: Duration,
    /// Over how long clients that are told to come back do so.
    pub reconnect_within: Duration,
    /// Whether the codec's echo is served, for conformance runs.
    pub serves_echo: bool,
    /// The tasks that must not end.
    pub vital: Vital,
}

impl Gateway {
    /// Puts a gateway together. Call it on the runtime that its tasks shall run on.
    pub fn new(parts: Parts) -> std::io::Result<Arc<Self>> {
        let runtime = Handle::current();
        let pollers = Pollers::start(parts.pollers, &parts.vital)?;
        let name = format!("{:08x}", rand::random::<u32>());
        let vital = parts.vital;
        let (limits, leases) = count_connections(parts.limits, &parts.shared, &name, &vital)?;
        let handshakes = Arc::new(HandshakeRates::new(&parts.rates));
        vital.spawn("handshake rates", {
            let handshakes = handshakes.clone();
            async move { handshakes.forget_idle().await }
        });
        vital.spawn("heartbeat", parts.heartbeat.clone().watch(parts.pubsub.clone(), leases.clone()));
        let (pubsub, chat_service, metrics) = (parts.pubsub, parts.chat_service, parts.metrics);
        let history = Arc::new(History::new(pubsub.clone(), chat_service.clone(), metrics.clone()));
        let (hub, invitations) = Hub::new(hub::Parts {
            pubsub,
            chat_service: chat_service.clone(),
            history: history.clone(),
            metrics: metrics.clone(),
            heartbeat: parts.heartbeat,
            runtime: runtime.clone(),
            vital: vital.clone(),
            tasks: parts.pollers,
        });
        let hub = Arc::new(hub);
        let (revocations, watcher) =
            Revocations::new(chat_service.clone(), hub.clone(), history.clone(), parts.pages.clone());
        vital.spawn("revocations", watcher.run());
        vital.spawn("operators", {
            let (hub, name) = (hub.clone(), name.clone());
            async move { hub.tell_of_operators(&name).await }
        });
        Ok(Arc::new(Self {
            hub,
            history,
            connect_snapshots: ConnectSnapshots::new(&chat_service, &vital),
            revocations,
            chat_service,
            credentials: parts.credentials,
            connections: parts.connections,
            limits,
            handshakes,
            rates: parts.rates,
            pages: parts.pages,
            metrics,
            pollers,
            ping_interval: parts.ping_interval,
            reconnect_within: parts.reconnect_within,
            runtime,
            vital,
            serves_echo: parts.serves_echo,
            gone_at: OnceLock::new(),
            _leases: leases,
            name,
            named: AtomicU64::new(0),
            invitations: Mutex::new(Some(invitations)),
        }))
    }

    /// Whom the hub invites; given out once.
    pub fn take_invitations(&self) -> Option<mpsc::UnboundedReceiver<Invitation>> {
        self.invitations.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the codec's echo is served.
    pub fn serves_echo(&self) -> bool {
        self.serves_echo
    }

    /// From now on nobody is let in, until it is gone.
    pub fn take_no_connections(&self, gone_in: Duration) {
        self.gone_at.get_or_init(|| Instant::now() + gone_in);
    }

    /// In how much time it will be gone, if it is ending.
    pub fn gone_in(&self) -> Option<Duration> {
        self.gone_at.get().map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// An error once the gateway is ending: another is to be asked.
    pub fn takes_connections(&self) -> Result<(), ErrorBody> {
        if self.gone_at.get().is_none() {
            return Ok(());
        }
        let error = ErrorBody::new(ErrorCode::Unavailable, "this gateway is ending; come again");
        Err(error.retry_after(Duration::from_secs(1)))
    }

    /// A connection id that no other connection has or had.
    pub fn next_connection_id(&self) -> String {
        format!("{}-{}", self.name, self.named.fetch_add(1, Ordering::Relaxed))
    }
}

/// Counts in this process, and with Redis across gateways.
fn count_connections(
    limits: ConnectionLimits,
    shared: &PubSubConfig,
    name: &str,
    vital: &Vital,
) -> std::io::Result<(Arc<Limits>, Option<Arc<RedisLeases>>)> {
    if shared.backend == PubSubBackend::Pg {
        return Ok((Arc::new(Limits::new(limits, None)), None));
    }
    let changed = Arc::<ChangedOwners>::default();
    let limits = Arc::new(Limits::new(limits, Some(changed.clone())));
    let leases = RedisLeases::start(shared, name.to_owned(), limits.clone(), changed, vital);
    Ok((limits, Some(Arc::new(leases.map_err(std::io::Error::other)?))))
}
