//! The private PostgreSQL, RabbitMQ and Redis: where they are, how they are started, whether they serve.
//!
//! `deploy/local/faults.sh` makes their folders and tells where they are; started with `serve <name>` it becomes the
//! server, so that the process is ours to signal.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::NoTls;

use super::process::Program;
use crate::part::Part;

const ANSWER_PATIENCE: Duration = Duration::from_secs(1);

/// Where the servers are, and the files that go with them.
#[derive(Debug, Clone)]
pub struct Servers {
    /// PostgreSQL.
    pub postgres: Url,
    /// RabbitMQ.
    pub rabbitmq: Url,
    /// Redis.
    pub redis: Url,
    /// The private key of access tokens.
    pub jwt_key_file: String,
    /// Becomes a server.
    script: String,
    /// Tells the script where the folders are.
    area: String,
}

impl Servers {
    /// As the script tells in the environment.
    pub fn from_environment() -> anyhow::Result<Self> {
        Ok(Self {
            postgres: url("FAULTS_DATABASE_URL")?,
            rabbitmq: url("FAULTS_AMQP_URL")?,
            redis: url("FAULTS_REDIS_URL")?,
            jwt_key_file: variable("FAULTS_JWT_KEY_FILE")?,
            script: variable("FAULTS_SCRIPT")?,
            area: variable("FAULTS_AREA")?,
        })
    }

    /// The address of a server.
    pub fn address(&self, part: Part) -> anyhow::Result<SocketAddr> {
        let url = self.url(part).context("not a server")?;
        let addresses = url.socket_addrs(|| None).context("a server's URL without a port")?;
        addresses.first().copied().context("a server's URL without an address")
    }

    /// The URL of a server by way of a proxy.
    pub fn url_by(&self, part: Part, proxy: SocketAddr) -> anyhow::Result<String> {
        let mut url = self.url(part).context("not a server")?.clone();
        url.set_port(Some(proxy.port())).ok().context("a URL that has no port")?;
        Ok(url.into())
    }

    fn url(&self, part: Part) -> Option<&Url> {
        match part {
            Part::Postgres => Some(&self.postgres),
            Part::RabbitMq => Some(&self.rabbitmq),
            Part::Redis => Some(&self.redis),
            _ => None,
        }
    }

    /// What starts a server.
    #[must_use]
    pub fn program(&self, part: Part) -> Program {
        let arguments = ["serve", part.program()].map(str::to_owned);
        let environment = [("DIES_WITH_US", "KILL"), ("FAULTS_AREA", &self.area)];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Program {
            name: part.to_string(),
            binary: self.script.clone().into(),
            arguments: arguments.to_vec(),
            environment: environment.to_vec(),
        }
    }

    /// What starts a helper of the harness that is no part of the system: nginx before the services, or browsers.
    #[must_use]
    pub fn helper(&self, name: &str, arguments: &[String]) -> Program {
        let mut all = vec!["serve".to_owned(), name.to_owned()];
        all.extend_from_slice(arguments);
        let mut environment = vec![("FAULTS_AREA".to_owned(), self.area.clone())];
        environment.push(("DIES_WITH_US".to_owned(), "TERM".to_owned()));
        environment.extend(std::env::var("CHROMIUM").map(|path| ("CHROMIUM".to_owned(), path)));
        Program { name: name.to_owned(), binary: self.script.clone().into(), arguments: all, environment }
    }

    /// Has RabbitMQ evaluate something.
    #[must_use]
    pub fn rabbitmq_control(&self, expression: &str) -> Program {
        let all = ["control", expression].map(str::to_owned);
        Program {
            name: "rabbitmq control".to_owned(),
            binary: self.script.clone().into(),
            arguments: all.to_vec(),
            environment: vec![("FAULTS_AREA".to_owned(), self.area.clone())],
        }
    }

    /// Whether a server serves.
    pub async fn serves(&self, part: Part) -> bool {
        let ask = async {
            match part {
                Part::Postgres => tokio_postgres::connect(self.postgres.as_str(), NoTls).await.is_ok(),
                // Both answer to what they do not like.
                Part::RabbitMq => self.answers(part, b"AMQP\x00\x00\x00\x00").await.is_ok(),
                _ => self.answers(part, b"PING\r\n").await.is_ok(),
            }
        };
        timeout(ANSWER_PATIENCE, ask).await.unwrap_or(false)
    }

    async fn answers(&self, part: Part, question: &[u8]) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(self.address(part)?).await?;
        stream.write_all(question).await?;
        let mut answer = [0; 1];
        stream.read_exact(&mut answer).await?;
        Ok(())
    }
}

fn url(name: &str) -> anyhow::Result<Url> {
    Url::parse(&variable(name)?).with_context(|| format!("{name} is no URL"))
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run this with `make faults`"))
}
