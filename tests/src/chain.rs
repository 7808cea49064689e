//! One of each service in a row, so that none covers for another, with a proxy before each server: what breaks, how
//! soon that is seen, and how soon it heals without a restart.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use faults::part::Part;
use faults::proxy::Edge;
use futures_util::future::join_all;
use reqwest::{Client, Url};
use serde_json::Value;
use tempfile::TempDir;
use test_people::{Accounts, Secrets};
use test_support::{
    Database, Process, Program, RedisPrefix, Vhost, fresh_database, fresh_prefix, fresh_vhost, wait_until,
};
use tokio::time::Instant;

use crate::system::unlimited;
use crate::{Gateway, Operator, Rest, Shape, Visitor};

/// Longer than a healthy service takes to say how it is.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// A row of services. Everything ends with it.
pub struct Chain {
    // Dropped in this order: processes before what they use.
    services: Vec<Service>,
    /// The ways to the servers, and from the gateway to chat-service.
    pub links: Links,
    gateway: Gateway,
    rest: Rest,
    http: Client,
    database: Database,
    _servers: (Vhost, RedisPrefix),
    _data: TempDir,
}

/// The ways that can be broken.
pub struct Links {
    /// To PostgreSQL.
    pub postgres: Arc<Edge>,
    /// To RabbitMQ; unused in standalone.
    pub rabbitmq: Arc<Edge>,
    /// To Redis; unused in standalone.
    pub redis: Arc<Edge>,
    /// From the gateway to chat-service; unused in standalone.
    pub chat_service: Arc<Edge>,
}

struct Service {
    name: &'static str,
    program: Program,
    process: Process,
    address: SocketAddr,
}

impl Chain {
    /// Starts it, and waits until it is ready.
    pub async fn start(shape: Shape) -> Self {
        let chain = Self::start_with(shape, false, None).await;
        chain.until_ready().await;
        chain
    }

    /// Starts the distributed shape on these Redis servers, of which new connections go to the first that listens.
    pub async fn start_on_redis(servers: Vec<SocketAddr>) -> Self {
        let chain = Self::start_with(Shape::Distributed, false, Some(servers)).await;
        chain.until_ready().await;
        chain
    }

    /// Starts the services while every server refuses them, until its link is healed.
    pub async fn start_before_its_servers(shape: Shape) -> Self {
        Self::start_with(shape, true, None).await
    }

    async fn start_with(shape: Shape, servers_are_away: bool, own_redis: Option<Vec<SocketAddr>>) -> Self {
        let (database, vhost) = tokio::join!(fresh_database(), fresh_vhost());
        let (redis, data, secrets) = (fresh_prefix(), TempDir::new().expect("a temporary folder"), Secrets::generate());
        let door = free_address();
        let links = Links {
            postgres: edge(Part::Postgres, vec![address_in(database.url())]).await,
            rabbitmq: edge(Part::RabbitMq, vec![address_in(vhost.url())]).await,
            redis: edge(Part::Redis, own_redis.clone().unwrap_or_else(|| vec![address_in(redis.url())])).await,
            chat_service: edge(Part::ChatService(1), vec![door]).await,
        };
        for link in [&links.postgres, &links.rabbitmq, &links.redis] {
            link.refuse(servers_are_away);
        }
        // A server of the test's own has no password.
        let redis_url = if own_redis.is_some() { "redis://127.0.0.1" } else { redis.url() };
        let plan = Plan {
            links: &links,
            database: &database,
            vhost: &vhost,
            redis_url: by_way_of(redis_url, &links.redis),
            redis: &redis,
            secrets: &secrets,
        };
        let services = match shape {
            Shape::Standalone => vec![plan.standalone(&data).start("standalone").await],
            Shape::Distributed => vec![
                plan.chat_service(door).start("chat-service").await,
                plan.dispatcher().start("dispatcher").await,
                plan.gateway().start("channel-gateway").await,
            ],
        };
        let address = |service: Option<&Service>| service.expect("one at least").address.to_string();
        Self {
            rest: Rest::new(&format!("http://{}", address(services.first()))),
            gateway: Gateway { authority: address(services.last()) },
            http: Client::builder().timeout(ANSWER_WITHIN).build().expect("a client"),
            services,
            links,
            database,
            _servers: (vhost, redis),
            _data: data,
        }
    }

    // --- how it is -------------------------------------------------------------------------------------------

    /// REST.
    #[must_use]
    pub fn rest(&self) -> &Rest {
        &self.rest
    }

    /// Where sockets are opened.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// A visitor with a new session.
    pub async fn visitor(&self, name: &str) -> Visitor {
        Visitor::open(&self.rest, name).await
    }

    /// A new operator, logged in.
    pub async fn operator(&self, name: &str) -> Operator {
        let account = Accounts::of(&self.database).add_named(name, "operator").await;
        Operator::log_in(&self.rest, account).await
    }

    /// All accounts, as an administrator changes them, whatever is wrong with the links.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts::of(&self.database)
    }

    /// What the gateway says at `/readyz`; nothing when it does not answer.
    pub async fn readiness(&self) -> Option<Value> {
        self.readiness_of(self.services.last()?).await
    }

    async fn readiness_of(&self, service: &Service) -> Option<Value> {
        let answer = self.http.get(format!("http://{}/readyz", service.address)).send().await.ok()?;
        answer.json().await.ok()
    }

    /// A metric of the gateway, as `/metrics` has it.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let answer = self.http.get(self.gateway.url("/metrics")).send().await.ok()?;
        let text = answer.text().await.ok()?;
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// How long until the gateway says that of itself: `degraded` or `not_ready`.
    pub async fn until(&self, status: &str) -> Duration {
        let started = Instant::now();
        let what = format!("the gateway to be {status}");
        wait_until(&what, async || (self.readiness().await?["status"] == *status).then_some(())).await;
        started.elapsed()
    }

    /// What `/readyz` of each service is answered with, by the service's name.
    pub async fn ready_answers(&self) -> Vec<(&'static str, Option<u16>)> {
        join_all(self.services.iter().map(async |service| {
            let answer = self.http.get(format!("http://{}/readyz", service.address)).send().await;
            (service.name, answer.ok().map(|answer| answer.status().as_u16()))
        }))
        .await
    }

    /// What each service says of its parts: the service's name, the part's, and what its outage means.
    pub async fn parts(&self) -> Vec<(&'static str, String, String)> {
        let mut all = Vec::new();
        for service in &self.services {
            let readiness = self.readiness_of(service).await.expect("an answer");
            for (part, state) in readiness["parts"].as_object().expect("parts") {
                all.push((service.name, part.clone(), state["if_down"].as_str().expect("a word").to_owned()));
            }
        }
        all
    }

    /// Where a service is.
    #[must_use]
    pub fn address_of(&self, name: &str) -> SocketAddr {
        self.services.iter().find(|service| service.name == name).expect("a service of that name").address
    }

    /// What is down, of all services.
    pub async fn down_parts(&self) -> Vec<String> {
        let all = join_all(self.services.iter().map(|service| self.readiness_of(service))).await;
        let parts = all.iter().flatten().filter_map(|readiness| readiness["parts"].as_object()).flatten();
        parts.filter(|(_, state)| state["up"] != true).map(|(part, _)| part.clone()).collect()
    }

    /// How long until every service says that all of it works.
    pub async fn until_ready(&self) -> Duration {
        let started = Instant::now();
        join_all(self.services.iter().map(async |service| {
            wait_until(&format!("{} to be ready", service.name), async || {
                (self.readiness_of(service).await?["status"] == "ready").then_some(())
            })
            .await;
        }))
        .await;
        started.elapsed()
    }

    // --- what is done to it ----------------------------------------------------------------------------------

    /// `kill -9`.
    pub fn kill(&mut self, name: &str) {
        self.service(name).process.kill();
    }

    /// Starts it again after a kill.
    pub async fn start_again(&mut self, name: &str) {
        let service = self.service(name);
        service.process = service.program.clone().start();
        service.address = service.process.addr().await;
    }

    /// Starts a process anew, has one of its vital tasks panic once it is ready, and waits for its end, which must be no
    /// success. Returns what it wrote.
    pub async fn dies_with(&mut self, name: &str, task: &str) -> Vec<String> {
        let service = self.service(name);
        service.process.kill();
        service.process = service.program.clone().env("VITAL__PANICS", task).start();
        service.address = service.process.addr().await;
        self.until_ready().await;
        let process = &mut self.service(name).process;
        // The task hears the signal once it runs; before that the signal would end the process by itself.
        let id = process.id();
        wait_until(&format!("{name} to run {task}"), async || hears_usr1(id).then_some(())).await;
        process.ask_to_panic();
        let status = process.ended().await;
        assert!(status.code().is_some_and(|code| code != 0), "{name} without {task}: {status}");
        process.log()
    }

    /// `SIGSTOP`.
    pub fn freeze(&mut self, name: &str) {
        self.service(name).process.freeze();
    }

    /// `SIGCONT`.
    pub fn thaw(&mut self, name: &str) {
        self.service(name).process.thaw();
    }

    fn service(&mut self, name: &str) -> &mut Service {
        self.services.iter_mut().find(|service| service.name == name).expect("a service of that name")
    }
}

struct Plan<'a> {
    links: &'a Links,
    database: &'a Database,
    vhost: &'a Vhost,
    redis_url: String,
    redis: &'a RedisPrefix,
    secrets: &'a Secrets,
}

/// A program that is not started yet.
struct Planned(Program);

impl Planned {
    async fn start(self, name: &'static str) -> Service {
        let program = self.0.named(name);
        let mut process = program.clone().start();
        let address = process.addr().await;
        Service { name, program, process, address }
    }
}

impl Plan<'_> {
    fn standalone(&self, data: &TempDir) -> Planned {
        let program = self.secrets.give_to(unlimited(Program::new("standalone")));
        Planned(self.with_postgres(program).env("DATA_DIR", data.path().to_string_lossy()))
    }

    fn chat_service(&self, door: SocketAddr) -> Planned {
        let program = self.secrets.give_to(unlimited(Program::new("chat-service")));
        Planned(self.with_broker(self.with_postgres(program)).env("HTTP__BIND", door.to_string()))
    }

    fn dispatcher(&self) -> Planned {
        Planned(self.with_redis(self.with_broker(Program::new("dispatcher"))))
    }

    fn gateway(&self) -> Planned {
        let chat_service = format!("http://{}", self.links.chat_service.address);
        Planned(
            self.with_redis(self.secrets.give_to_gateway(unlimited(Program::new("channel-gateway")), &chat_service)),
        )
    }

    fn with_postgres(&self, program: Program) -> Program {
        program.env("DATABASE_URL", by_way_of(self.database.url(), &self.links.postgres))
    }

    fn with_broker(&self, program: Program) -> Program {
        program
            .env("BROKER__BACKEND", "amqp")
            .env("BROKER__AMQP_URL", by_way_of(self.vhost.url(), &self.links.rabbitmq))
    }

    fn with_redis(&self, program: Program) -> Program {
        program
            .env("PUBSUB__BACKEND", "redis")
            .env("PUBSUB__REDIS_URL", &self.redis_url)
            .env("PUBSUB__REDIS_PREFIX", self.redis.prefix())
    }
}

async fn edge(to: Part, upstreams: Vec<SocketAddr>) -> Arc<Edge> {
    // Who connects makes no difference to a proxy between services.
    Edge::open(Part::Gateway(1), to, upstreams).await.expect("a port")
}

fn address_in(url: &str) -> SocketAddr {
    let url = Url::parse(url).expect("a server's URL");
    url.socket_addrs(|| None).expect("a URL with a port").first().copied().expect("an address")
}

fn by_way_of(url: &str, edge: &Edge) -> String {
    let mut url = Url::parse(url).expect("a server's URL");
    url.set_host(Some("127.0.0.1")).expect("a URL with a host");
    url.set_port(Some(edge.address.port())).expect("a URL with a port");
    url.into()
}

/// Chosen before the start, since whoever asks there must find it after a restart.
#[must_use]
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address")
}

/// Whether a process has a handler for SIGUSR1, by what Linux tells of it.
fn hears_usr1(process: u32) -> bool {
    const USR1: u64 = 1 << 9;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & USR1 != 0)
}
