//! The distributed shape as real processes: two of each service, private servers, and a proxy on each way between two
//! parts.
//!
//! - [`condition`]: what a server suffers that runs on
//! - [`process`]: one process
//! - [`servers`]: PostgreSQL, RabbitMQ and Redis

pub mod condition;
pub mod process;
pub mod servers;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rand::Rng;
use tokio::time::{sleep, timeout};

use crate::part::Part;
use crate::proxy::Edge;
use condition::{Condition, Suffering};
use process::{Process, Program};
use servers::Servers;

/// The slowest to start is RabbitMQ: seconds, but minutes on a machine that is busy with other things.
const START_PATIENCE: Duration = Duration::from_secs(180);
/// A service closes its connections and finishes its requests in this time.
const END_PATIENCE: Duration = Duration::from_secs(45);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two pings to a client.
const PING_INTERVAL: &str = "3s";

/// What carries events to the gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PubSub {
    /// Redis.
    Redis,
    /// PostgreSQL's LISTEN and NOTIFY.
    Pg,
}

/// All processes and proxies.
pub struct Cluster {
    parts: BTreeMap<Part, Process>,
    edges: Vec<Arc<Edge>>,
    layout: Layout,
}

/// What does not change while the run goes on.
struct Layout {
    pubsub: PubSub,
    servers: Servers,
    binaries: PathBuf,
    services: BTreeMap<Part, SocketAddr>,
    internal_secret: String,
    session_keys: String,
    http: reqwest::Client,
}

impl Cluster {
    /// Starts everything, and waits until it is ready.
    pub async fn start(pubsub: PubSub, servers: Servers, binaries: PathBuf, logs: &Path) -> anyhow::Result<Self> {
        let mut services = BTreeMap::new();
        for part in Part::SERVICES {
            services.insert(part, free_address()?);
        }
        let layout = Layout {
            pubsub,
            servers,
            binaries,
            services,
            internal_secret: secret(),
            session_keys: format!("k1:{}", secret()),
            http: reqwest::Client::builder().timeout(Duration::from_secs(1)).pool_max_idle_per_host(0).build()?,
        };
        let edges = layout.edges().await?;
        let mut cluster = Self { parts: BTreeMap::new(), edges, layout };
        for part in cluster.layout.stores() {
            cluster.parts.insert(part, Process::new(cluster.layout.servers.program(part), logs));
        }
        for part in Part::SERVICES {
            cluster.parts.insert(part, Process::new(cluster.service(part)?, logs));
        }
        cluster.start_all().await?;
        Ok(cluster)
    }

    /// The servers first; the first chat-service makes the tables.
    async fn start_all(&mut self) -> anyhow::Result<()> {
        let chat_services = vec![Part::ChatService(1), Part::ChatService(2)];
        let others = Part::SERVICES.into_iter().filter(|part| !chat_services.contains(part)).collect();
        for together in [self.layout.stores(), chat_services, others] {
            for part in &together {
                self.start_part(*part)?;
            }
            for part in together {
                self.await_ready(part).await?;
            }
        }
        Ok(())
    }

    // --- what is there -------------------------------------------------------------------------------------

    /// All parts that are processes.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        self.parts.keys().copied()
    }

    /// All ways between two parts.
    #[must_use]
    pub fn edges(&self) -> &[Arc<Edge>] {
        &self.edges
    }

    /// The ways from and to a part.
    pub fn edges_of(&self, part: Part) -> impl Iterator<Item = &Arc<Edge>> {
        self.edges.iter().filter(move |edge| edge.from == part || edge.to == part)
    }

    /// Where clients find what: the gateways, or the chat-services.
    #[must_use]
    pub fn doors(&self, program: &str) -> Vec<SocketAddr> {
        let doors = self.edges.iter().filter(|edge| edge.from == Part::Clients && edge.to.program() == program);
        doors.map(|edge| edge.address).collect()
    }

    /// PostgreSQL itself, for the truth.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.layout.servers.postgres.as_str()
    }

    /// The proof that a service shows to another.
    #[must_use]
    pub fn internal_secret(&self) -> String {
        self.layout.internal_secret.clone()
    }

    /// A program that is no part of the system and is told where to find it.
    #[must_use]
    pub fn helper(&self, name: &str, arguments: &[String]) -> Program {
        self.layout.servers.helper(name, arguments)
    }

    /// The command line of an administrator.
    #[must_use]
    pub fn administration(&self) -> Administration {
        let mut program = self.layout.chat_service_program("administration");
        program.environment.push(("DATABASE_URL".to_owned(), self.database_url().to_owned()));
        Administration(program)
    }

    // --- what is done to it --------------------------------------------------------------------------------

    /// Starts a part that does not run.
    pub fn start_part(&mut self, part: Part) -> anyhow::Result<()> {
        self.process(part)?.start()
    }

    /// `kill -9`.
    pub async fn kill(&mut self, part: Part) -> anyhow::Result<()> {
        self.process(part)?.kill().await
    }

    /// `SIGSTOP`.
    pub fn freeze(&mut self, part: Part) -> anyhow::Result<()> {
        self.process(part)?.freeze();
        Ok(())
    }

    /// `SIGCONT`.
    pub fn thaw(&mut self, part: Part) -> anyhow::Result<()> {
        self.process(part)?.thaw();
        Ok(())
    }

    /// A server falls into a condition.
    pub async fn impair(&self, condition: Condition) -> anyhow::Result<Suffering> {
        condition.begin(&self.layout.servers).await
    }

    /// It is well again.
    pub async fn relieve(&self, suffering: Suffering) -> anyhow::Result<()> {
        suffering.end(&self.layout.servers).await
    }

    /// The services' processes.
    #[must_use]
    pub fn processes(&self) -> Vec<(Part, u32)> {
        let services = self.parts.iter().filter(|(part, _)| part.is_service());
        services.filter_map(|(part, process)| Some((*part, process.id()?))).collect()
    }

    /// `SIGTERM`, the end, and a start.
    pub async fn restart(&mut self, part: Part) -> anyhow::Result<()> {
        self.process(part)?.terminate(END_PATIENCE).await?;
        self.start_part(part)?;
        self.await_ready(part).await
    }

    /// Waits until a part serves.
    pub async fn await_ready(&mut self, part: Part) -> anyhow::Result<()> {
        let started = Instant::now();
        while !self.layout.is_ready(part).await {
            if !self.process(part)?.is_running() {
                bail!("{part} has ended; see its log");
            }
            if started.elapsed() > START_PATIENCE {
                bail!("{part} is not ready; see its log");
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Parts that ended without being told to.
    pub fn fallen(&mut self) -> Vec<Part> {
        self.parts.iter_mut().filter_map(|(part, process)| (!process.is_running()).then_some(*part)).collect()
    }

    fn process(&mut self, part: Part) -> anyhow::Result<&mut Process> {
        self.parts.get_mut(&part).with_context(|| format!("{part} is no process"))
    }

    // --- how the services are run --------------------------------------------------------------------------

    fn service(&self, part: Part) -> anyhow::Result<Program> {
        let mut program = match part {
            Part::ChatService(_) => self.layout.chat_service_program(&part.to_string()),
            _ => self.layout.program(part.program(), &part.to_string()),
        };
        let mut set = |name: &str, value: String| program.environment.push((name.to_owned(), value));
        set("HTTP__BIND", self.layout.address(part)?.to_string());
        set("LOG__FORMAT", "json".to_owned());
        match part {
            Part::ChatService(_) => {
                // Few people here write as much as many would, and all come from one address.
                for limit in test_support::process::NO_LIMITS {
                    set(limit, "0".to_owned());
                }
                set("BROKER__BACKEND", "amqp".to_owned());
                set("BROKER__AMQP_URL", self.url(part, Part::RabbitMq)?);
                set("DATABASE_URL", self.url(part, Part::Postgres)?);
            }
            Part::Dispatcher(_) => {
                set("BROKER__BACKEND", "amqp".to_owned());
                set("BROKER__AMQP_URL", self.url(part, Part::RabbitMq)?);
                self.set_pubsub(part, &mut set)?;
            }
            _ => {
                let inner = self.edges_of(part).find(|edge| edge.from == part && edge.to.program() == "chat-service");
                let inner = inner.context("a gateway without a chat-service")?.address;
                set("CHAT_SERVICE__URL", format!("http://{inner}"));
                set("AUTH__JWKS_URL", format!("http://{inner}/.well-known/jwks.json"));
                set("AUTH__INTERNAL_SECRET", self.layout.internal_secret.clone());
                set("AUTH__SESSION_KEYS", self.layout.session_keys.clone());
                set("CHANNEL__PING_INTERVAL", PING_INTERVAL.to_owned());
                // Nor do they reconnect as often in a minute.
                set("CHANNEL__HANDSHAKES_PER_SECOND", "0".to_owned());
                set("CHANNEL__FRAMES_PER_SECOND", "0".to_owned());
                // All of them come from here.
                set("HTTP__CONNECTIONS_PER_ADDRESS", "0".to_owned());
                self.set_pubsub(part, &mut set)?;
            }
        }
        Ok(program)
    }

    fn set_pubsub(&self, part: Part, set: &mut impl FnMut(&str, String)) -> anyhow::Result<()> {
        match self.layout.pubsub {
            PubSub::Redis => {
                set("PUBSUB__BACKEND", "redis".to_owned());
                set("PUBSUB__REDIS_URL", self.url(part, Part::Redis)?);
            }
            PubSub::Pg => {
                set("PUBSUB__BACKEND", "pg".to_owned());
                set("DATABASE_URL", self.url(part, Part::Postgres)?);
            }
        }
        Ok(())
    }

    /// A server as a service sees it.
    fn url(&self, from: Part, to: Part) -> anyhow::Result<String> {
        let edge = self.edges.iter().find(|edge| edge.from == from && edge.to == to);
        let edge = edge.with_context(|| format!("no way from {from} to {to}"))?;
        self.layout.servers.url_by(to, edge.address)
    }
}

impl Layout {
    fn stores(&self) -> Vec<Part> {
        match self.pubsub {
            PubSub::Redis => vec![Part::Postgres, Part::RabbitMq, Part::Redis],
            PubSub::Pg => vec![Part::Postgres, Part::RabbitMq],
        }
    }

    fn address(&self, part: Part) -> anyhow::Result<SocketAddr> {
        match self.services.get(&part) {
            Some(address) => Ok(*address),
            None => self.servers.address(part),
        }
    }

    async fn edges(&self) -> anyhow::Result<Vec<Arc<Edge>>> {
        let bus = match self.pubsub {
            PubSub::Redis => Part::Redis,
            PubSub::Pg => Part::Postgres,
        };
        let mut edges = Vec::new();
        for number in [1, 2] {
            let (chat, dispatcher, gateway) =
                (Part::ChatService(number), Part::Dispatcher(number), Part::Gateway(number));
            for (from, to) in [
                (Part::Clients, gateway),
                (Part::Clients, chat),
                (chat, Part::Postgres),
                (chat, Part::RabbitMq),
                (dispatcher, Part::RabbitMq),
                (dispatcher, bus),
                (gateway, bus),
            ] {
                edges.push(Edge::open(from, to, vec![self.address(to)?]).await?);
            }
            // Each gateway has its own chat-service, and goes to the other one when that is away.
            let both = [self.address(chat)?, self.address(Part::ChatService(3 - number))?];
            edges.push(Edge::open(gateway, chat, both.to_vec()).await?);
        }
        Ok(edges)
    }

    fn program(&self, binary: &str, name: &str) -> Program {
        let (name, binary) = (name.to_owned(), self.binaries.join(binary));
        Program { name, binary, arguments: Vec::new(), environment: Vec::new() }
    }

    fn chat_service_program(&self, name: &str) -> Program {
        let mut program = self.program("chat-service", name);
        let mut set = |name: &str, value: &str| program.environment.push((name.to_owned(), value.to_owned()));
        set("AUTH__INTERNAL_SECRET", &self.internal_secret);
        set("AUTH__SESSION_KEYS", &self.session_keys);
        set("AUTH__JWT_PRIVATE_KEY_FILE", &self.servers.jwt_key_file);
        program
    }

    async fn is_ready(&self, part: Part) -> bool {
        let Some(address) = self.services.get(&part) else { return self.servers.serves(part).await };
        let Ok(answer) = self.http.get(format!("http://{address}/readyz")).send().await else { return false };
        let readiness: Result<serde_json::Value, _> = answer.json().await;
        readiness.is_ok_and(|readiness| readiness["status"] == "ready")
    }
}

/// `chat-service`'s command line, straight to PostgreSQL. Every command may be tried again.
#[derive(Debug, Clone)]
pub struct Administration(Program);

impl Administration {
    /// Makes an account; its id.
    pub async fn add_user(&self, email: &str, name: &str, role: &str, password: &str) -> anyhow::Result<i64> {
        let arguments = ["user", "add", "--email", email, "--name", name, "--role", role, "--password-stdin"];
        id(&self.with(&arguments).run(&format!("{password}\n")).await?)
    }

    /// Makes the account of an operator of these sites alone; its id.
    pub async fn add_operator_of(
        &self,
        sites: &[&str],
        email: &str,
        name: &str,
        password: &str,
    ) -> anyhow::Result<i64> {
        let mut arguments =
            vec!["user", "add", "--email", email, "--name", name, "--role", "operator", "--password-stdin"];
        sites.iter().for_each(|site| arguments.extend(["--site", site]));
        id(&self.with(&arguments).run(&format!("{password}\n")).await?)
    }

    /// Makes a site.
    pub async fn add_site(&self, key: &str) -> anyhow::Result<()> {
        self.with(&["site", "add", "--key", key, "--name", key]).run("").await.map(|_| ())
    }

    /// Lets pages of everybody show the widget of a site.
    pub async fn allow_all_pages(&self, key: &str) -> anyhow::Result<()> {
        self.with(&["site", "allow", "--key", key, "--origin", "*"]).run("").await.map(|_| ())
    }

    /// Lets an operator work in a site, or no more.
    pub async fn set_grant(&self, email: &str, site: &str, is_in: bool) -> anyhow::Result<()> {
        let command = if is_in { "grant" } else { "ungrant" };
        let running = self.with(&["user", command, "--email", email, "--site", site]);
        timeout(START_PATIENCE, running.run("")).await??;
        Ok(())
    }

    /// Makes a group chat; its id.
    pub async fn create_group(&self, title: &str, members: &[i64]) -> anyhow::Result<i64> {
        let members: Vec<String> = members.iter().map(i64::to_string).collect();
        let mut arguments = vec!["chat", "create", "--kind", "group", "--title", title];
        members.iter().for_each(|member| arguments.extend(["--member", member]));
        id(&self.with(&arguments).run("").await?)
    }

    /// Brings a user into a chat, or takes it out.
    pub async fn set_member(&self, chat: i64, user: i64, is_in: bool) -> anyhow::Result<()> {
        let command = if is_in { "add-member" } else { "remove-member" };
        let (chat, user) = (chat.to_string(), user.to_string());
        let running = self.with(&["chat", command, "--chat", &chat, "--member", &user]);
        timeout(START_PATIENCE, running.run("")).await??;
        Ok(())
    }

    fn with(&self, arguments: &[&str]) -> Program {
        let mut program = self.0.clone();
        program.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        program
    }
}

/// What follows `id: `.
fn id(printed: &str) -> anyhow::Result<i64> {
    let line = printed.lines().find_map(|line| line.strip_prefix("id: "));
    line.and_then(|id| id.trim().parse().ok()).with_context(|| format!("no id in {printed:?}"))
}

/// 48 characters that need no escaping anywhere.
fn secret() -> String {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(48).map(char::from).collect()
}

/// Below the kernel's range for outgoing connections, which could take the port between two starts. `FREE_PORTS` says where
/// two runs at the same time choose, so that they never choose the same.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    let range = std::env::var("FREE_PORTS").unwrap_or_else(|_| "20000-29999".to_owned());
    let ends = range.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let (first, last): (u16, u16) = ends.filter(|(first, last)| first <= last).context("FREE_PORTS is no range")?;
    for _ in 0..1000 {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, rand::rng().random_range(first..=last)));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no free port")
}
