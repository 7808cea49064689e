//! Servers that others would build: `bench/peers`. Each checks a JWT when a socket connects, and gives to all what comes
//! from Redis.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use chrono::Utc;
use jsonwebtoken::{EncodingKey, Header};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde_json::json;
use test_support::{Process, Program, RedisPrefix, fresh_prefix};
use uuid::Uuid;

use super::on_its_core;
use crate::gateway::crowd::seat::{Exchange, Guest};
use crate::gateway::message::payload;
use crate::programs::started;

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PeerKind {
    Ws,
    SocketIo,
    FastApi,
}

pub(crate) struct Peer {
    pub(crate) process: Process,
    kind: PeerKind,
    address: SocketAddr,
    token: String,
    channel: String,
    connection: MultiplexedConnection,
    // Last: its keys go when the server is gone.
    _redis: RedisPrefix,
}

impl PeerKind {
    /// Its folder in `bench/peers`.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::SocketIo => "socketio",
            Self::FastApi => "fastapi",
        }
    }

    fn program(self) -> anyhow::Result<Program> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("peers").join(self.folder());
        let (interpreter, script, installed) = match self {
            Self::Ws | Self::SocketIo => (PathBuf::from("node"), "server.js", folder.join("node_modules")),
            Self::FastApi => {
                let python = root.with_file_name(".run").join("bench").join("venv").join("bin").join("python");
                (python.clone(), "server.py", python)
            }
        };
        ensure!(installed.exists(), "{} is not installed: use `make bench`", self.folder());
        Ok(on_its_core(self.folder(), &interpreter).arg(folder.join(script).to_string_lossy()))
    }
}

impl Peer {
    pub(crate) async fn start(kind: PeerKind) -> anyhow::Result<Self> {
        let redis = fresh_prefix();
        let (secret, channel) = (Uuid::new_v4().to_string(), format!("{}bench", redis.prefix()));
        let program = kind.program()?.env("REDIS_URL", redis.url()).env("CHANNEL", &channel);
        let (process, address) = started(program.env("JWT_SECRET", &secret)).await;
        let claims = json!({"sub": "1234", "name": "User 1234", "aud": "bench", "exp": Utc::now().timestamp() + 7200});
        let token = jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes()))?;
        let connection = redis.connect().await;
        Ok(Self { process, kind, address, token, channel, connection, _redis: redis })
    }

    pub(crate) fn guest(&self) -> Guest {
        let (target, dialogue) = match self.kind {
            PeerKind::Ws | PeerKind::FastApi => (format!("/ws?token={}", self.token), VecDeque::new()),
            // Engine.IO opens with 0; Socket.IO connects with 40, which is answered with 40.
            PeerKind::SocketIo => {
                let connect = format!("40{}", json!({"token": self.token}));
                let steps = [Exchange { hear: "0{", say: Some(connect) }, Exchange { hear: "40{", say: None }];
                ("/socket.io/?EIO=4&transport=websocket".to_owned(), steps.into())
            }
        };
        Guest { address: self.address, target, dialogue }
    }

    pub(crate) async fn publish(&mut self, number: u32) -> anyhow::Result<()> {
        let listeners: usize = match self.kind {
            PeerKind::Ws | PeerKind::FastApi => {
                self.connection.publish(&self.channel, payload(number).to_string()).await?
            }
            PeerKind::SocketIo => {
                let channel = format!("{}#/#chat#", self.channel);
                self.connection.publish(channel, emitted(number)?).await?
            }
        };
        ensure!(listeners == 1, "{listeners} processes listen to {}", self.channel);
        Ok(())
    }
}

/// As `@socket.io/redis-emitter` publishes it: an event for the room `chat`.
fn emitted(number: u32) -> anyhow::Result<Vec<u8>> {
    let packet = json!({"type": 2, "data": ["message", payload(number)], "nsp": "/"});
    let options = json!({"rooms": ["chat"], "except": [], "flags": {}});
    Ok(rmp_serde::to_vec(&json!(["emitter", packet, options]))?)
}
