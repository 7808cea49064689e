//! What a server suffers that runs on: it is short of something, or refuses what it usually does.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_postgres::NoTls;

use super::servers::Servers;
use crate::part::Part;

/// More than a ten thousandth of the memory is in use, and less than a petabyte of the disk is free.
const MEMORY_ALARM: &str = "vm_memory_monitor:set_vm_memory_high_watermark(0.0001)";
const DISK_ALARM: &str = "rabbit_disk_monitor:set_disk_free_limit(1000000000000000)";
/// RabbitMQ's own settings.
const USUAL_MEMORY: &str = "vm_memory_monitor:set_vm_memory_high_watermark(0.4)";
const USUAL_DISK: &str = "rabbit_disk_monitor:set_disk_free_limit(\"50MB\")";
/// A server does what it is told in this time.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than PostgreSQL has connections.
const SLOTS_AT_MOST: usize = 1000;
/// How often a slot that was given back is taken.
const TAKE_EVERY: Duration = Duration::from_millis(20);
/// Where nobody listens.
const NOWHERE: &str = "1";
/// Deletes every stream.
const DELETE_STREAMS: &str = "local gone = 0
    for _, key in ipairs(redis.call('KEYS', '*')) do
        if redis.call('TYPE', key).ok == 'stream' then gone = gone + redis.call('DEL', key) end
    end
    return gone";

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// RabbitMQ uses more memory than it should, and reads nothing from who publishes.
    MemoryAlarm,
    /// RabbitMQ has less disk space than it should, and reads nothing from who publishes.
    DiskAlarm,
    /// Others have all of PostgreSQL's connections, and those that there were are ended.
    NoSlots,
    /// PostgreSQL takes no writes, as after a failover that leads to a standby.
    ReadOnlyPostgres,
    /// Redis has no more memory, and takes no writes.
    FullRedis,
    /// Redis is a replica by now, and takes no writes.
    ReadOnlyRedis,
    /// Redis has lost all streams. There is nothing to heal.
    LostStreams,
}

/// What ends a condition when it is given back.
pub struct Suffering {
    condition: Condition,
    /// Connections that nobody else can have, and who takes more.
    slots: Option<tokio::task::JoinHandle<()>>,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::MemoryAlarm,
        Self::DiskAlarm,
        Self::NoSlots,
        Self::ReadOnlyPostgres,
        Self::FullRedis,
        Self::ReadOnlyRedis,
        Self::LostStreams,
    ];

    /// Whose it is.
    #[must_use]
    pub fn part(self) -> Part {
        match self {
            Self::MemoryAlarm | Self::DiskAlarm => Part::RabbitMq,
            Self::NoSlots | Self::ReadOnlyPostgres => Part::Postgres,
            Self::FullRedis | Self::ReadOnlyRedis | Self::LostStreams => Part::Redis,
        }
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MemoryAlarm => "memory alarm",
            Self::DiskAlarm => "disk alarm",
            Self::NoSlots => "no free postgres slots",
            Self::ReadOnlyPostgres => "read-only postgres",
            Self::FullRedis => "redis at maxmemory",
            Self::ReadOnlyRedis => "READONLY redis",
            Self::LostStreams => "lost redis streams",
        }
    }

    /// Begins it.
    pub async fn begin(self, servers: &Servers) -> anyhow::Result<Suffering> {
        let mut slots = None;
        match self {
            Self::MemoryAlarm => rabbitmq(servers, MEMORY_ALARM).await?,
            Self::DiskAlarm => rabbitmq(servers, DISK_ALARM).await?,
            Self::NoSlots => slots = Some(take_slots(servers).await?),
            Self::ReadOnlyPostgres => postgres(servers, "ALTER SYSTEM SET default_transaction_read_only = on").await?,
            // Less than an empty one needs.
            Self::FullRedis => redis(servers, &["CONFIG", "SET", "maxmemory", "1"]).await?,
            Self::ReadOnlyRedis => redis(servers, &["REPLICAOF", "127.0.0.1", NOWHERE]).await?,
            Self::LostStreams => redis(servers, &["EVAL", DELETE_STREAMS, "0"]).await?,
        }
        Ok(Suffering { condition: self, slots })
    }
}

impl Suffering {
    /// Ends it.
    pub async fn end(self, servers: &Servers) -> anyhow::Result<()> {
        match self.condition {
            Condition::MemoryAlarm => rabbitmq(servers, USUAL_MEMORY).await?,
            Condition::DiskAlarm => rabbitmq(servers, USUAL_DISK).await?,
            Condition::NoSlots => drop(self.slots.map(|slots| slots.abort())),
            Condition::ReadOnlyPostgres => {
                postgres(servers, "ALTER SYSTEM RESET default_transaction_read_only").await?;
            }
            Condition::FullRedis => redis(servers, &["CONFIG", "SET", "maxmemory", "0"]).await?,
            Condition::ReadOnlyRedis => redis(servers, &["REPLICAOF", "NO", "ONE"]).await?,
            Condition::LostStreams => {}
        }
        Ok(())
    }
}

// --- RabbitMQ ----------------------------------------------------------------------------------------------

async fn rabbitmq(servers: &Servers, expression: &str) -> anyhow::Result<()> {
    let program = servers.rabbitmq_control(expression);
    let answer = timeout(PATIENCE, program.run("")).await.context("RabbitMQ does not answer")??;
    anyhow::ensure!(answer.starts_with("{ok,"), "{expression}: {answer}");
    Ok(())
}

// --- PostgreSQL --------------------------------------------------------------------------------------------

/// Sets something for every session, also for those that there are.
async fn postgres(servers: &Servers, setting: &str) -> anyhow::Result<()> {
    let work = async {
        let (client, connection) = tokio_postgres::connect(servers.postgres.as_str(), NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(setting).await?;
        client.batch_execute("SELECT pg_reload_conf()").await
    };
    timeout(PATIENCE, work).await.context("PostgreSQL does not answer")?.context(setting.to_owned())
}

/// Takes all slots, ends the sessions of the services, and takes what becomes free, until it is aborted.
async fn take_slots(servers: &Servers) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let (client, connection) = tokio_postgres::connect(servers.postgres.as_str(), NoTls).await?;
    tokio::spawn(connection);
    let mut taken = Vec::new();
    while let Some(slot) = take_slot(servers).await? {
        taken.push(slot);
        if taken.len() > SLOTS_AT_MOST {
            bail!("PostgreSQL does not run out of slots");
        }
    }
    let servers = servers.clone();
    client
        .batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'switchboard%'",
        )
        .await?;
    Ok(tokio::spawn(async move {
        let _held = client;
        loop {
            match take_slot(&servers).await {
                Ok(Some(slot)) => taken.push(slot),
                _ => sleep(TAKE_EVERY).await,
            }
        }
    }))
}

/// A connection has its slot before it has said who it is; none if there is none left.
async fn take_slot(servers: &Servers) -> anyhow::Result<Option<TcpStream>> {
    let ask = async {
        let mut stream = TcpStream::connect(servers.address(Part::Postgres)?).await?;
        stream.write_all(&startup_message(servers.postgres.username())).await?;
        let mut answer = [0; 1];
        stream.read_exact(&mut answer).await?;
        anyhow::Ok((stream, answer))
    };
    let (stream, answer) = timeout(PATIENCE, ask).await.context("PostgreSQL does not answer")??;
    // It asks for the password, or has an error.
    Ok((answer == *b"R").then_some(stream))
}

/// PostgreSQL's protocol 3.0: the length, the version, and who connects.
fn startup_message(user: &str) -> Vec<u8> {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    for text in ["user", user, "database", "switchboard", ""] {
        body.extend(text.bytes().chain([0]));
    }
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &body].concat()
}

// --- Redis -------------------------------------------------------------------------------------------------

/// Runs one command.
async fn redis(servers: &Servers, command: &[&str]) -> anyhow::Result<()> {
    let password = servers.redis.password().unwrap_or_default();
    let work = async {
        let mut stream = TcpStream::connect(servers.address(Part::Redis)?).await?;
        for words in [&["AUTH", password], command] {
            stream.write_all(&encoded(words)).await?;
            let mut answer = [0; 512];
            let length = stream.read(&mut answer).await?;
            let answer = String::from_utf8_lossy(&answer[..length]);
            // Of a password nothing is repeated.
            anyhow::ensure!(!answer.is_empty() && !answer.starts_with('-'), "{}: {answer}", words[0]);
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, work).await.context("Redis does not answer")?
}

fn encoded(words: &[&str]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    text.into_bytes()
}
