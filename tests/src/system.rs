//! Starts a standalone process, or two of each service, on servers of the test's own.

use channel_auth::{JwtIssuer, SessionKeys};
use futures_util::future::join_all;
use tempfile::TempDir;
use test_support::process::wait_until_ready;
use test_support::{Database, Process, Program, RedisPrefix, Vhost, fresh_database, fresh_prefix, fresh_vhost};

use crate::{Front, Operator, Rest, User, Visitor};

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

/// Where sockets and streams are opened.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// `127.0.0.1:<port>`.
    pub authority: String,
}

#[derive(Debug)]
pub(crate) struct Secrets {
    issuer: JwtIssuer,
    jwt_key: String,
    session_keys: SessionKeys,
    session_key_text: String,
    internal: String,
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
        let secrets = Secrets::new();
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
        &self.secrets.issuer
    }

    /// The keys that sign session tokens here.
    #[must_use]
    pub fn session_keys(&self) -> &SessionKeys {
        &self.secrets.session_keys
    }

    /// A visitor with a new session.
    pub async fn visitor(&self, name: &str) -> Visitor {
        Visitor::open(self.rest(), name).await
    }

    /// A new operator, logged in.
    pub async fn operator(&self, name: &str) -> Operator {
        let (email, password) = self.add_account(name, "operator");
        Operator::log_in(self.other_rest(), &email, &password).await
    }

    /// A new user, logged in.
    pub async fn user(&self, name: &str) -> User {
        let (email, password) = self.add_account(name, "user");
        User::log_in(self.rest(), &email, &password).await
    }

    /// Closes an account.
    pub fn disable(&self, email: &str) {
        let _printed = self.administration().arg("user").arg("disable").arg("--email").arg(email).run("");
    }

    /// Gives an account another role.
    pub fn set_role(&self, email: &str, role: &str) {
        let command = self.administration().arg("user").arg("role").arg("--email").arg(email).arg("--role").arg(role);
        let _printed = command.run("");
    }

    /// A new group chat of these users; its id.
    #[must_use]
    pub fn group_chat(&self, title: &str, members: &[&User]) -> i64 {
        let mut command = self.administration().arg("chat").arg("create").arg("--kind").arg("group");
        command = command.arg("--title").arg(title);
        for member in members {
            command = command.arg("--member").arg(member.id.to_string());
        }
        let printed = command.run("");
        let digits = printed.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty());
        digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no chat id in {printed:?}"))
    }

    fn add_account(&self, name: &str, role: &str) -> (String, String) {
        let (email, password) = (format!("{}@example.com", name.to_lowercase()), "correct horse battery".to_owned());
        let command = self.administration().arg("user").arg("add").arg("--email").arg(&email).arg("--name").arg(name);
        let _printed = command.arg("--role").arg(role).arg("--password-stdin").run(&format!("{password}\n"));
        (email, password)
    }

    /// The command line of an administrator.
    fn administration(&self) -> Program {
        self.secrets.give_to(Program::new("chat-service")).env("DATABASE_URL", self.database.url())
    }
}

/// Waits until all are.
async fn ready(processes: &mut [Process]) {
    let addresses = join_all(processes.iter_mut().map(Process::addr)).await;
    join_all(addresses.iter().map(async |addr| wait_until_ready(&format!("http://{addr}/readyz")).await)).await;
}

impl Gateway {
    /// An HTTP URL there.
    #[must_use]
    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.authority)
    }

    /// A counter at `/metrics`, by its name and labels; 0 until it has counted.
    pub async fn counted(&self, series: &str) -> u64 {
        let text = reqwest::get(self.url("/metrics")).await.expect("an answer").text().await.expect("text");
        let count = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        count.map_or(0, |count| count.parse().expect("a number"))
    }
}

impl Secrets {
    pub(crate) fn new() -> Self {
        let (issuer, jwt_key) = JwtIssuer::generate();
        let (session_keys, session_key_text) = SessionKeys::generate();
        let internal = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        Self { issuer, jwt_key, session_keys, session_key_text, internal }
    }

    /// For chat-service and standalone.
    pub(crate) fn give_to(&self, program: Program) -> Program {
        program
            .env("AUTH__JWT_PRIVATE_KEY", &self.jwt_key)
            .env("AUTH__SESSION_KEYS", &self.session_key_text)
            .env("AUTH__INTERNAL_SECRET", &self.internal)
    }

    /// For a gateway that asks the chat-service there.
    pub(crate) fn give_to_gateway(&self, program: Program, chat_service: &str) -> Program {
        program
            .env("CHAT_SERVICE__URL", chat_service)
            .env("AUTH__INTERNAL_SECRET", &self.internal)
            .env("AUTH__SESSION_KEYS", &self.session_key_text)
            .env("AUTH__JWKS_URL", format!("{chat_service}/.well-known/jwks.json"))
            .env("AUTH__JWT_ISSUER", &self.issuer.issuer)
            .env("AUTH__JWT_AUDIENCE", &self.issuer.audience)
    }
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
            .env("DATA_DIR", self.data.path().to_string_lossy())
            .env("AUTH__JWT_PRIVATE_KEY", &self.secrets.jwt_key)
            .env("AUTH__SESSION_KEYS", &self.secrets.session_key_text);
        let mut process = self.start(program, "standalone");
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
