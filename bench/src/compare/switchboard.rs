//! The distributed shape with one of each service, and what happens there: a group chat of as many users as there are to be
//! connections, or operators over support sessions. All limits are as they are by default.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use channel_auth::{AccessClaims, JwtIssuer, Role, SessionKeys};
use chrono::Utc;
use reqwest::Client;
use serde_json::{Value, json};
use test_support::process::wait_until_ready;
use test_support::{Database, Process, Program, RedisPrefix, Vhost, fresh_database, fresh_prefix, fresh_vhost};
use uuid::Uuid;

use super::seat::{Exchange, Guest};
use super::subject::{binary, body, on_its_core, started};

/// The only chat of a fresh database.
const CHAT: i64 = 1;

/// Who is there, and where messages go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scene {
    /// Users, all members of one group chat.
    Group { users: usize },
    /// Operators, who all see each of these sessions.
    StaffFeed { operators: usize, sessions: usize },
}

pub(crate) struct Switchboard {
    // Dropped in this order: processes before what they use.
    pub(crate) gateway: Process,
    pub(crate) chat_service: Process,
    _dispatcher: Process,
    address: SocketAddr,
    rest: String,
    http: Client,
    scene: Scene,
    /// An access token of each user.
    tokens: Vec<String>,
    /// The chat's `seq`, as the last message had it.
    top: i64,
    _database: Database,
    _servers: (Vhost, RedisPrefix),
}

impl Switchboard {
    pub(crate) async fn start(scene: Scene) -> anyhow::Result<Self> {
        let (database, vhost) = tokio::join!(fresh_database(), fresh_vhost());
        let redis = fresh_prefix();
        database.run_sql(&scene.sql()).await;
        let plan = Plan { database: &database, vhost: &vhost, redis: &redis, secrets: Secrets::new() };
        let (chat_service, asked) = started(plan.chat_service()?).await;
        let rest = format!("http://{asked}");
        let dispatcher = plan.dispatcher()?.start();
        let pinned = on_its_core("channel-gateway", &binary("channel-gateway")?);
        let (gateway, address) = started(plan.gateway(pinned, &rest)).await;
        wait_until_ready(&format!("{rest}/readyz")).await;
        wait_until_ready(&format!("http://{address}/readyz")).await;
        let tokens = (1..=scene.people()).map(|user| plan.secrets.access_token(user, scene.role())).collect();
        Ok(Self {
            gateway,
            chat_service,
            _dispatcher: dispatcher,
            address,
            rest,
            http: Client::new(),
            scene,
            tokens,
            top: 0,
            _database: database,
            _servers: (vhost, redis),
        })
    }

    fn token(&self, number: usize) -> &str {
        &self.tokens[number % self.tokens.len()]
    }

    /// Someone who is told only what is new.
    pub(crate) fn guest(&self, number: usize) -> Guest {
        let target = format!("/channel/ws?{}access_token={}", self.scene.query(), self.token(number));
        let dialogue = [Exchange { hear: r#""type":"connected""#, say: None }].into();
        Guest { address: self.address, target, dialogue }
    }

    /// A user that has missed that many messages.
    pub(crate) fn returning_guest(&self, number: usize, missed: i64) -> Guest {
        let target = format!("/channel/ws?resume=1&access_token={}", self.token(number));
        let resume = json!({"type": "resume", "epoch": 1, "cursors": {CHAT.to_string(): self.top - missed}});
        let dialogue: VecDeque<_> = [
            Exchange { hear: r#""type":"connected""#, say: Some(resume.to_string()) },
            Exchange { hear: r#""type":"resumed""#, say: None },
        ]
        .into();
        Guest { address: self.address, target, dialogue }
    }

    /// Each message is another's, as in a chat of many.
    pub(crate) async fn publish(&mut self, number: u32) -> anyhow::Result<()> {
        let url = format!("{}{}/messages", self.rest, self.scene.path(number));
        let message = json!({"body": body(number), "client_id": Uuid::new_v4()});
        let request = self.http.post(url).bearer_auth(self.token(usize::try_from(number)?)).json(&message);
        let stored: Value = request.send().await?.error_for_status()?.json().await?;
        self.top = stored["seq"].as_i64().context("a stored message has a seq")?;
        Ok(())
    }
}

impl Scene {
    /// How many have a token.
    fn people(self) -> usize {
        match self {
            Self::Group { users } => users,
            Self::StaffFeed { operators, .. } => operators,
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Group { .. } => Role::User,
            Self::StaffFeed { .. } => Role::Operator,
        }
    }

    /// What a socket asks for beside its token.
    fn query(self) -> &'static str {
        match self {
            Self::Group { .. } => "",
            Self::StaffFeed { .. } => "type=staff&",
        }
    }

    /// Where a message of that number goes: to each session in turn, far from the one before.
    fn path(self, number: u32) -> String {
        match self {
            Self::Group { .. } => format!("/chats/{CHAT}"),
            Self::StaffFeed { sessions, .. } => {
                format!("/chat/session/{}", u64::from(number) * 7919 % u64::try_from(sessions).unwrap_or(1) + 1)
            }
        }
    }

    fn sql(self) -> String {
        let people = format!(
            "INSERT INTO users (id, email, name, role, password_hash) OVERRIDING SYSTEM VALUE
                 SELECT n, 'user' || n || '@example.com', 'User ' || n, '{}', '-' FROM generate_series(1, {}) n;",
            self.role().as_str(),
            self.people()
        );
        let chats = match self {
            Self::Group { .. } => format!(
                "INSERT INTO chats (id, kind, title) OVERRIDING SYSTEM VALUE VALUES ({CHAT}, 'group', 'Bench');
                 INSERT INTO chat_members (chat_id, user_id) SELECT {CHAT}, id FROM users;"
            ),
            Self::StaffFeed { sessions, .. } => format!(
                "INSERT INTO clients (id, name, secret_hash) OVERRIDING SYSTEM VALUE
                     SELECT n, 'Visitor ' || n, '' FROM generate_series(1, {sessions}) n;
                 INSERT INTO chats (id, kind) OVERRIDING SYSTEM VALUE
                     SELECT n, 'session' FROM generate_series(1, {sessions}) n;
                 INSERT INTO chat_sessions (chat_id, client_id) SELECT n, n FROM generate_series(1, {sessions}) n;"
            ),
        };
        format!("{people} {chats} ANALYZE;")
    }
}

/// What the services of one system share.
pub(crate) struct Secrets {
    issuer: JwtIssuer,
    jwt_key: String,
    session_keys: String,
    internal: String,
}

impl Secrets {
    pub(crate) fn new() -> Self {
        let (issuer, jwt_key) = JwtIssuer::generate();
        let (_, session_keys) = SessionKeys::generate();
        let internal = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self { issuer, jwt_key, session_keys, internal }
    }

    /// For a service that signs and verifies.
    pub(crate) fn give(&self, program: Program) -> Program {
        program
            .env("AUTH__JWT_PRIVATE_KEY", &self.jwt_key)
            .env("AUTH__SESSION_KEYS", &self.session_keys)
            .env("AUTH__INTERNAL_SECRET", &self.internal)
    }

    /// As a login would give it, but for two hours: the long runs take more than one token's time.
    fn access_token(&self, user: usize, role: Role) -> String {
        let now = Utc::now().timestamp();
        self.issuer.sign(&AccessClaims {
            iss: self.issuer.issuer.clone(),
            aud: self.issuer.audience.clone(),
            sub: user.to_string(),
            exp: now + 7200,
            iat: now,
            jti: Uuid::new_v4().to_string(),
            name: format!("User {user}"),
            role,
            sid: Some(Uuid::new_v4().to_string()),
        })
    }
}

/// The programs of one system.
pub(crate) struct Plan<'a> {
    pub(crate) database: &'a Database,
    pub(crate) vhost: &'a Vhost,
    pub(crate) redis: &'a RedisPrefix,
    pub(crate) secrets: Secrets,
}

impl Plan<'_> {
    pub(crate) fn chat_service(&self) -> anyhow::Result<Program> {
        let program = self.secrets.give(service("chat-service")?).env("DATABASE_URL", self.database.url());
        Ok(self.with_broker(program))
    }

    pub(crate) fn dispatcher(&self) -> anyhow::Result<Program> {
        Ok(self.with_redis(self.with_broker(service("dispatcher")?)))
    }

    pub(crate) fn gateway(&self, program: Program, chat_service: &str) -> Program {
        let program = configured(program)
            .env("CHAT_SERVICE__URL", chat_service)
            .env("AUTH__JWKS_URL", format!("{chat_service}/.well-known/jwks.json"))
            .env("AUTH__SESSION_KEYS", &self.secrets.session_keys)
            .env("AUTH__INTERNAL_SECRET", &self.secrets.internal);
        self.with_redis(program)
    }

    fn with_broker(&self, program: Program) -> Program {
        program.env("BROKER__BACKEND", "amqp").env("BROKER__AMQP_URL", self.vhost.url())
    }

    fn with_redis(&self, program: Program) -> Program {
        program
            .env("PUBSUB__BACKEND", "redis")
            .env("PUBSUB__REDIS_URL", self.redis.url())
            .env("PUBSUB__REDIS_PREFIX", self.redis.prefix())
    }
}

/// A service of this workspace, on any core.
pub(crate) fn service(name: &str) -> anyhow::Result<Program> {
    let path: PathBuf = binary(name)?;
    Ok(configured(Program::at(name, path)))
}

fn configured(program: Program) -> Program {
    program.env("HTTP__BIND", "127.0.0.1:0").env("LOG__FORMAT", "json")
}
