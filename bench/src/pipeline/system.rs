//! All services of a shape, in processes of their own.

use std::net::SocketAddr;

use test_support::process::wait_until_ready;
use test_support::{Database, Process, Program, RedisPrefix, Vhost, fresh_database, fresh_prefix, fresh_vhost};

use crate::programs::{Distributed, Secrets, binary, service, started};

/// How it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shape {
    /// One process and PostgreSQL.
    Standalone,
    /// One of each service, and a second chat-service that holds no lane.
    Distributed,
}

impl Shape {
    /// For tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Distributed => "distributed",
        }
    }
}

/// It runs.
pub(crate) struct System {
    // Dropped in this order: processes before what they use.
    pub(crate) processes: Vec<Process>,
    /// Where messages are posted; distributed, to the holder of the lanes.
    pub(crate) entry: SocketAddr,
    /// Another one, which has to wake the holder of the lanes.
    far_entry: Option<SocketAddr>,
    /// Where clients listen.
    pub(crate) gateway: SocketAddr,
    pub(crate) database: Database,
    _servers: Option<(Vhost, RedisPrefix)>,
}

impl System {
    /// Starts it and waits until it is ready.
    pub(crate) async fn start(shape: Shape) -> anyhow::Result<Self> {
        match shape {
            Shape::Standalone => Self::standalone().await,
            Shape::Distributed => Self::distributed().await,
        }
    }

    async fn standalone() -> anyhow::Result<Self> {
        let database = fresh_database().await;
        let secrets = Secrets::new();
        let program = unlimited(secrets.give(service("standalone")?))
            .env("DATABASE_URL", database.url())
            .env("DEMO_OPERATOR", "false");
        let (process, address) = started(program).await;
        wait_until_ready(&format!("http://{address}/readyz")).await;
        let processes = vec![process];
        Ok(Self { processes, entry: address, far_entry: None, gateway: address, database, _servers: None })
    }

    async fn distributed() -> anyhow::Result<Self> {
        let (database, vhost) = tokio::join!(fresh_database(), fresh_vhost());
        let redis = fresh_prefix();
        let programs = Distributed { database: &database, vhost: &vhost, redis: &redis, secrets: Secrets::new() };
        let (holder, entry) = started(unlimited(programs.chat_service()?)).await;
        let rest = format!("http://{entry}");
        // It holds all lanes before the other one is there.
        wait_until_ready(&format!("{rest}/readyz")).await;
        let (other, far) = started(unlimited(programs.chat_service()?.named("another chat-service"))).await;
        let dispatcher = programs.dispatcher()?.start();
        let program = Program::at("channel-gateway", binary("channel-gateway")?);
        let (process, gateway) = started(programs.gateway(program, &rest)).await;
        for address in [far, gateway] {
            wait_until_ready(&format!("http://{address}/readyz")).await;
        }
        let processes = vec![holder, dispatcher, process, other];
        Ok(Self { processes, entry, far_entry: Some(far), gateway, database, _servers: Some((vhost, redis)) })
    }

    pub(crate) fn is_distributed(&self) -> bool {
        self.far_entry.is_some()
    }

    /// Where messages may be posted, by name.
    pub(crate) fn entries(&self) -> Vec<(&'static str, SocketAddr)> {
        let near = ("by who holds the lane", self.entry);
        let far = self.far_entry.map(|address| ("while another chat-service holds the lane", address));
        std::iter::once(near).chain(far).collect()
    }
}

/// One client may write as fast as it likes, and all come from one address.
fn unlimited(program: Program) -> Program {
    program.without_limits()
}
