//! The parts that every connection needs, in one place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus::PubSub;
use tokio::runtime::Handle;

use crate::chat_service::ChatService;
use crate::credentials::Credentials;
use crate::hub::Hub;
use crate::limits::{ConnectionLimits, Limits};
use crate::metrics::GatewayMetrics;
use crate::origins::Origins;
use crate::transport::poller::Pollers;

/// A gateway.
pub struct Gateway {
    /// Rooms and listeners.
    pub hub: Arc<Hub>,
    /// History and rights.
    pub chat_service: Arc<dyn ChatService>,
    /// Whose tokens are good.
    pub credentials: Credentials,
    /// How many connections one token may have.
    pub limits: Limits,
    /// Where pages may come from.
    pub origins: Origins,
    /// What is counted.
    pub metrics: GatewayMetrics,
    /// The threads that own the WebSockets.
    pub pollers: Pollers,
    /// Between two pings.
    pub ping_interval: Duration,
    /// Where tasks run, whichever thread starts them.
    pub runtime: Handle,
    serves_echo: bool,
    /// Where connection ids start: no two processes share it.
    name: String,
    connections: AtomicU64,
}

/// What a gateway is made of.
pub struct Parts {
    /// Redis or LISTEN/NOTIFY.
    pub pubsub: Arc<dyn PubSub>,
    /// History and rights.
    pub chat_service: Arc<dyn ChatService>,
    /// Whose tokens are good.
    pub credentials: Credentials,
    /// How many connections one token may have.
    pub limits: ConnectionLimits,
    /// Where pages may come from.
    pub origins: Origins,
    /// What is counted.
    pub metrics: GatewayMetrics,
    /// How many threads own the WebSockets.
    pub pollers: usize,
    /// Between two pings.
    pub ping_interval: Duration,
    /// Whether the codec's echo is served, for conformance runs.
    pub serves_echo: bool,
}

impl Gateway {
    /// Puts a gateway together. Call it on the runtime that its tasks shall run on.
    pub fn new(parts: Parts) -> std::io::Result<Arc<Self>> {
        let runtime = Handle::current();
        let pollers = Pollers::start(parts.pollers)?;
        Ok(Arc::new(Self {
            hub: Arc::new(Hub::new(parts.pubsub, parts.chat_service.clone(), parts.metrics.clone(), runtime.clone())),
            chat_service: parts.chat_service,
            credentials: parts.credentials,
            limits: Limits::new(parts.limits),
            origins: parts.origins,
            metrics: parts.metrics,
            pollers,
            ping_interval: parts.ping_interval,
            runtime,
            serves_echo: parts.serves_echo,
            name: format!("{:08x}", rand::random::<u32>()),
            connections: AtomicU64::new(0),
        }))
    }

    /// Whether the codec's echo is served.
    pub fn serves_echo(&self) -> bool {
        self.serves_echo
    }

    /// A connection id that no other connection has or had.
    pub fn next_connection_id(&self) -> String {
        format!("{}-{}", self.name, self.connections.fetch_add(1, Ordering::Relaxed))
    }
}
