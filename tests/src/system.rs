//! Starts a standalone process, or two of each service, on servers of the test's own.

use channel_auth::{JwtIssuer, SessionKeys};
use futures_util::future::join_all;
use tempfile::TempDir;
use test_people::{Accounts, Secrets};
use test_support::process::wait_until_ready;
use test_support::{Database, Process, Program, RedisPrefix, Vhost, fresh_database, fresh_prefix, fresh_vhost};

use crate::{Front, Gateway, Operator, Rest, User, Visitor};

/// How the system is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One process, PostgreSQL alone.
    Standalone,
    /// Two chat-services, two dispatchers, two gateways, RabbitMQ and Redis.
    Distributed,
}

/// A running system. Everything ends with it.
#[derive(Debug)]
pub struct System {
    // Dropped in this order: processes before what they use.
    processes: Vec<Process>,
    rest: Vec<Rest>,
    gateways: Vec<Gateway>,
    secrets: Secrets,
    /// Its database.
    pub database: Database,
    servers: Option<(Vhost, RedisPrefix)>,
    shape: Shape,
    _data: TempDir,
}

impl System {
    /// Starts it, and waits until it is ready.
    pub async fn start(shape: Shape) -> Self {
        Self::start_with(shape, &[]).await
    }

    /// Starts it with more variables in the environment of every process.
    pub async fn start_with(shape: Shape, environment: &[(&str, &str)]) -> Self {
        Self::start_limited(shape, environment, None).await
    }

    /// Starts a standalone process that may have so many files and connections open.
    pub async fn start_with_open_files(at_most: u32) -> Self {
        Self::start_limited(Shape::Standalone, &[], Some(at_most)).await
    }

    async fn start_limited(shape: Shape, environment: &[(&str, &str)], open_files: Option<u32>) -> Self {
        let data = TempDir::new().expect("a temporary folder");
        let (database, servers) = match shape {
            Shape::Standalone => (fresh_database().await, None),
            Shape::Distributed => {
                let (database, vhost) = tokio::join!(fresh_database(), fresh_vhost());
                (database, Some((vhost, fresh_prefix())))
            }
        };
        let secrets = Secrets::generate();
        let servers_used = servers.as_ref();
        let plan = Plan {
            environment,
            open_files,
            database: &database,
            servers: servers_used,
            secrets: &secrets,
            data: &data,
        };
        let Parts { mut processes, rest, gateways } = match shape {
            Shape::Standalone => plan.standalone().await,
            Shape::Distributed => plan.distributed().await,
        };
        ready(&mut processes).await;
        Self { processes, rest, gateways, secrets, database, servers, shape, _data: data }
    }

    /// How it is run.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// REST, of the first chat-service.
    #[must_use]
    pub fn rest(&self) -> &Rest {
        &self.rest[0]
    }

    /// REST, of the last chat-service: another process than [`Self::rest`] when distributed.
    #[must_use]
    pub fn other_rest(&self) -> &Rest {
        self.rest.last().expect("one at least")
    }

    /// A gateway. Standalone has only one, whatever the number.
    #[must_use]
    pub fn gateway(&self, number: usize) -> &Gateway {
        &self.gateways[number % self.gateways.len()]
    }

    /// Our front before all of it.
    pub async fn front(&self) -> Front {
        let chat_services: Vec<Gateway> = self.rest.iter().map(Rest::address).collect();
        Front::ours(&self.gateways, &chat_services).await
    }

    /// The processes of that name: `chat-service`, `dispatcher`, `channel-gateway` or `standalone`.
    #[must_use]
    pub fn processes(&self, name: &str) -> Vec<&Process> {
        self.processes.iter().filter(|process| process.name().starts_with(name)).collect()
    }

    /// The processes of that name, to be ended and started while the rest is used.
    pub fn take_processes(&mut self, name: &str) -> Vec<Process> {
        self.processes.extract_if(.., |process| process.name().starts_with(name)).collect()
    }

    /// Where the first process of that name listens, as it said.
    #[must_use]
    pub fn address_of(&self, name: &str) -> Option<String> {
        let log = self.processes(name).first()?.log();
        let mut lines = log.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let line = lines.find(|line| line["message"] == "listening")?;
        line["addr"].as_str().map(str::to_owned)
    }

    /// All processes, to be killed and the like.
    pub fn processes_mut(&mut self) -> &mut [Process] {
        &mut self.processes
    }

    /// Ends all processes in good order, and starts them again where they were; does that in between.
    pub async fn restart(&mut self, meanwhile: impl AsyncFnOnce(&Database)) {
        self.processes.iter().for_each(Process::terminate);
        join_all(self.processes.iter_mut().map(Process::ended)).await;
        meanwhile(&self.database).await;
        join_all(self.processes.iter_mut().map(Process::start_again)).await;
        ready(&mut self.processes).await;
    }

    /// RabbitMQ's virtual host and the Redis prefix, when distributed.
    #[must_use]
    pub fn servers(&self) -> Option<&(Vhost, RedisPrefix)> {
        self.servers.as_ref()
    }

    /// The key that signs access tokens here.
    #[must_use]
    pub fn issuer(&self) -> &JwtIssuer {
        self.secrets.issuer()
    }

    /// The keys that sign session tokens here.
    #[must_use]
    pub fn session_keys(&self) -> &SessionKeys {
        self.secrets.session_keys()
    }

    /// A visitor with a new session.
    pub async fn visitor(&self, name: &str) -> Visitor {
        Visitor::open(self.rest(), name).await
    }

    /// A new operator, logged in.
    pub async fn operator(&self, name: &str) -> Operator {
        let account = self.accounts().add_named(name, "operator").await;
        Operator::log_in(self.other_rest(), account).await
    }

    /// A new admin of all sites, logged in.
    pub async fn admin(&self, name: &str) -> Operator {
        let account = self.accounts().add_named(name, "admin").await;
        Operator::log_in(self.other_rest(), account).await
    }

    /// A new operator of these sites alone, logged in.
    pub async fn operator_of(&self, name: &str, sites: &[&str]) -> Operator {
        let account = self.accounts().add_operator_of(name, sites).await;
        Operator::log_in(self.other_rest(), account).await
    }

    /// A new user, logged in.
    pub async fn user(&self, name: &str) -> User {
        let account = self.accounts().add_named(name, "user").await;
        User::log_in(self.rest(), &account).await
    }

    /// A new group chat of these users; its id.
    pub async fn group_chat(&self, title: &str, members: &[&User]) -> i64 {
        let ids: Vec<i64> = members.iter().map(|member| member.id).collect();
        self.accounts().group(Some(title), &ids).await
    }

    /// All accounts and chats, as an administrator changes them.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts::of(&self.database)
    }
}

/// Waits until all are.
async fn ready(processes: &mut [Process]) {
    let addresses = join_all(processes.iter_mut().map(Process::addr)).await;
    join_all(addresses.iter().map(async |addr| wait_until_ready(&format!("http://{addr}/readyz")).await)).await;
}

struct Plan<'a> {
    environment: &'a [(&'a str, &'a str)],
    open_files: Option<u32>,
    database: &'a Database,
    servers: Option<&'a (Vhost, RedisPrefix)>,
    secrets: &'a Secrets,
    data: &'a TempDir,
}

struct Parts {
    processes: Vec<Process>,
    rest: Vec<Rest>,
    gateways: Vec<Gateway>,
}

/// Tests connect and write faster than people, and all from one address; a test of the limits sets its own.
pub(crate) fn unlimited(program: Program) -> Program {
    let channel = ["CHANNEL__HANDSHAKES", "CHANNEL__BAD_PROOFS", "CHANNEL__FRAMES"];
    let program = program.without_limits().env("HTTP__CONNECTIONS_PER_ADDRESS", "0");
    channel.iter().fold(program, |program, limit| program.env(&format!("{limit}_PER_SECOND"), "0"))
}

impl Plan<'_> {
    async fn standalone(&self) -> Parts {
        let program = unlimited(Program::new("standalone"))
            .env("DATABASE_URL", self.database.url())
            .env("DATA_DIR", self.data.path().to_string_lossy());
        let mut process = self.start(self.secrets.give_to_standalone(program), "standalone");
        let authority = process.addr().await.to_string();
        let rest = vec![Rest::new(&format!("http://{authority}"))];
        Parts { processes: vec![process], rest, gateways: vec![Gateway { authority }] }
    }

    /// Gateways ask the chat-service of their own number, so both are asked.
    async fn distributed(&self) -> Parts {
        let mut chat_services: Vec<Process> = (0..2).map(|number| self.chat_service(number)).collect();
        let dispatchers = (0..2).map(|number| self.dispatcher(number)).collect::<Vec<_>>();
        let asked = join_all(chat_services.iter_mut().map(Process::addr)).await;
        let asked: Vec<String> = asked.iter().map(|addr| format!("http://{addr}")).collect();
        let mut gateways: Vec<Process> = asked.iter().enumerate().map(|(n, url)| self.gateway(n, url)).collect();
        let addresses = join_all(gateways.iter_mut().map(Process::addr)).await;
        Parts {
            processes: chat_services.into_iter().chain(dispatchers).chain(gateways).collect(),
            rest: asked.iter().map(|url| Rest::new(url)).collect(),
            gateways: addresses.iter().map(|addr| Gateway { authority: addr.to_string() }).collect(),
        }
    }

    fn chat_service(&self, number: usize) -> Process {
        let program = unlimited(Program::new("chat-service")).env("DATABASE_URL", self.database.url());
        self.start(self.with_broker(self.secrets.give_to(program)), &format!("chat-service {number}"))
    }

    fn dispatcher(&self, number: usize) -> Process {
        let program = Program::new("dispatcher");
        self.start(self.with_redis(self.with_broker(program)), &format!("dispatcher {number}"))
    }

    fn gateway(&self, number: usize, chat_service: &str) -> Process {
        let program = self.secrets.give_to_gateway(unlimited(Program::new("channel-gateway")), chat_service);
        self.start(self.with_redis(program), &format!("channel-gateway {number}"))
    }

    fn with_broker(&self, program: Program) -> Program {
        let (vhost, _) = self.servers.expect("the distributed shape");
        program.env("BROKER__BACKEND", "amqp").env("BROKER__AMQP_URL", vhost.url())
    }

    fn with_redis(&self, program: Program) -> Program {
        let (_, redis) = self.servers.expect("the distributed shape");
        program
            .env("PUBSUB__BACKEND", "redis")
            .env("PUBSUB__REDIS_URL", redis.url())
            .env("PUBSUB__REDIS_PREFIX", redis.prefix())
    }

    fn start(&self, program: Program, name: &str) -> Process {
        let with_more = |program: Program, (name, value): &(&str, &str)| program.env(name, *value);
        let program = self.environment.iter().fold(program.named(name), with_more);
        match self.open_files {
            Some(at_most) => program.with_open_files(at_most).start(),
            None => program.start(),
        }
    }
}
