//! The programs of this workspace, and what they are started with.

mod secrets;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
pub(crate) use secrets::Secrets;
use test_support::{Database, Process, Program, RedisPrefix, Vhost};

/// Those of one distributed system.
pub(crate) struct Distributed<'a> {
    pub(crate) database: &'a Database,
    pub(crate) vhost: &'a Vhost,
    pub(crate) redis: &'a RedisPrefix,
    pub(crate) secrets: Secrets,
}

impl Distributed<'_> {
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
            .env("AUTH__JWKS_URL", format!("{chat_service}/.well-known/jwks.json"));
        self.with_redis(self.secrets.give_shared(program))
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
    Ok(configured(Program::at(name, binary(name)?)))
}

/// One address opens as many connections as it likes: all that is measured comes from this machine.
fn configured(program: Program) -> Program {
    at_any_port(program).env("HTTP__CONNECTIONS_PER_ADDRESS", "0")
}

/// With all else as it is by default.
pub(crate) fn at_any_port(program: Program) -> Program {
    program.env("HTTP__BIND", "127.0.0.1:0").env("LOG__FORMAT", "json")
}

/// A binary of this workspace, beside this one.
pub(crate) fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    path.is_file().then_some(path).with_context(|| format!("{name} is not built: use `make bench`"))
}

/// Started, and where it listens.
pub(crate) async fn started(program: Program) -> (Process, SocketAddr) {
    let mut process = program.start();
    let address = process.addr().await;
    (process, address)
}
