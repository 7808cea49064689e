//! The distributed shape with one of each service, and a [`Scene`] in it. All limits are as they are by default.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use anyhow::{Context, ensure};
use chat_events::names::Channel;
use chat_events::{ChatId, ChatKind, Epoch, Event, EventKind, Seq, Visibility};
use chrono::Utc;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use reqwest::Client;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use test_support::process::wait_until_ready;
use test_support::{Database, Process, RedisPrefix, Vhost, fresh_database, fresh_prefix, fresh_vhost};
use uuid::Uuid;

use super::on_its_core;
use super::scene::{CHAT, Scene};
use crate::gateway::crowd::seat::{Exchange, Guest};
use crate::gateway::message::{body, payload};
use crate::programs::{Distributed, Secrets, binary, started};

pub(crate) struct Switchboard {
    // Dropped in this order: processes before what they use.
    pub(crate) gateway: Process,
    pub(crate) chat_service: Process,
    _dispatcher: Process,
    address: SocketAddr,
    rest: String,
    http: Client,
    scene: Scene,
    /// What each of its people shows: an access token, or a session and its token.
    tokens: Vec<String>,
    /// The chat's `seq`, as the last message had it.
    top: i64,
    /// The last `seq` of each chat that was published to by itself.
    tops: HashMap<i64, i64>,
    bus: MultiplexedConnection,
    _database: Database,
    servers: (Vhost, RedisPrefix),
}

impl Switchboard {
    /// With so many pollers, or as many as by default.
    pub(crate) async fn start(scene: Scene, pollers: Option<usize>) -> anyhow::Result<Self> {
        let (database, vhost) = tokio::join!(fresh_database(), fresh_vhost());
        let redis = fresh_prefix();
        database.run_sql(&scene.sql()).await;
        let programs = Distributed { database: &database, vhost: &vhost, redis: &redis, secrets: Secrets::new() };
        let (chat_service, asked) = started(programs.chat_service()?).await;
        let rest = format!("http://{asked}");
        let dispatcher = programs.dispatcher()?.start();
        let pinned = on_its_core("channel-gateway", &binary("channel-gateway")?);
        let gateway = programs.gateway(pinned, &rest);
        let gateway = match pollers {
            Some(pollers) => gateway.env("CHANNEL__POLLERS", pollers.to_string()),
            None => gateway,
        };
        let (gateway, address) = started(gateway).await;
        wait_until_ready(&format!("{rest}/readyz")).await;
        wait_until_ready(&format!("http://{address}/readyz")).await;
        let tokens =
            (1..=scene.people()).map(|number| scene.credential(&programs.secrets, number)).collect::<Result<_, _>>()?;
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
            tops: HashMap::new(),
            bus: redis.connect().await,
            _database: database,
            servers: (vhost, redis),
        })
    }

    fn token(&self, number: usize) -> &str {
        &self.tokens[number % self.tokens.len()]
    }

    /// Someone who is told only what is new.
    pub(crate) fn guest(&self, number: usize) -> Guest {
        let target = format!("/channel/ws?{}{}", self.scene.query(), self.token(number));
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

    /// How often a task of the gateway's hub waited for another one.
    pub(crate) async fn lock_waits(&self) -> anyhow::Result<f64> {
        let metrics = self.http.get(format!("http://{}/metrics", self.address)).send().await?.text().await?;
        let waits = metrics.lines().find_map(|line| line.strip_prefix("hub_lock_waits_total "));
        Ok(waits.context("no hub_lock_waits_total")?.parse()?)
    }

    /// As the dispatcher publishes it, but for the stream, which nobody here reads.
    pub(crate) async fn publish_to(&mut self, chat: i64, number: u32) -> anyhow::Result<()> {
        let seq = self.tops.entry(chat).or_default();
        *seq += 1;
        let mut data = payload(number)["data"].take();
        (data["chat_id"], data["seq"], data["changed_seq"]) = (chat.into(), (*seq).into(), (*seq).into());
        let event = Event {
            epoch: Epoch(1),
            kind: EventKind::MessageSent,
            chat_id: ChatId(chat),
            chat_kind: ChatKind::Group,
            seq: Seq(*seq),
            visibility: Visibility::Public,
            site_id: None,
            assigned_user_id: None,
            user_ids: vec![],
            committed_at: Utc::now(),
            traceparent: None,
            data: to_raw_value(&data)?,
            activity: None,
        };
        let channel = format!("{}{}", self.servers.1.prefix(), Channel::Chat(ChatId(chat)));
        let listeners: usize = self.bus.publish(channel, serde_json::to_string(&event)?).await?;
        ensure!(listeners == 1, "{listeners} gateways listen to chat {chat}");
        Ok(())
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
