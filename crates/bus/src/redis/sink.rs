//! Appends events to streams and publishes them: a script per chat, all scripts of a batch in one round trip.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use chat_events::event::EventPointer;
use chat_events::names::{Channel, channels_of, chat_stream, last_beat};
use chat_events::{Beat, ChatId, EventKind};
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Script, ServerErrorKind};
use telemetry::Part;
use tokio::time::Instant;

use super::client::{client, connect, connection_config, failed, is_links_fault, soon};
use crate::backoff::Backoff;
use crate::order::InOrder;
use crate::{BusError, Envelope, Outcome, PubSubConfig, Sink};

/// Between tries to connect, at most.
const RECONNECT_AT_MOST: Duration = Duration::from_secs(1);

/// A lane's last beat can be looked at for a minute.
const BEAT_KEPT_MS: u64 = 60_000;

/// Redis's streams and channels.
pub struct RedisSink {
    client: Client,
    script: Script,
    prefix: String,
    stream_length: u32,
    stream_ttl_ms: u64,
    part: Part,
    conn: Option<MultiplexedConnection>,
    retry: Retry,
}

/// No more tries to connect before that time.
struct Retry {
    not_before: Instant,
    backoff: Backoff,
    why: String,
}

/// The answer of the script: how many events were taken, and why the next one was not.
type Reply = (usize, String);

impl RedisSink {
    /// Does not connect yet. An error when there is no URL or none that can be read.
    pub fn new(config: &PubSubConfig, part: Part) -> Result<Self, BusError> {
        Ok(Self {
            client: client(config)?,
            script: Script::new(include_str!("append_and_publish.lua")),
            prefix: config.redis_prefix.clone(),
            stream_length: config.stream_length,
            stream_ttl_ms: u64::try_from(config.stream_ttl.as_millis()).unwrap_or(u64::MAX).max(1),
            part,
            conn: None,
            retry: Retry { not_before: Instant::now(), backoff: Backoff::up_to(RECONNECT_AT_MOST), why: String::new() },
        })
    }

    async fn connected(&mut self) -> Result<MultiplexedConnection, BusError> {
        if let Some(conn) = &self.conn {
            return Ok(conn.clone());
        }
        if Instant::now() < self.retry.not_before {
            return Err(BusError(self.retry.why.clone()));
        }
        match self.open().await {
            Ok(conn) => {
                self.retry.backoff.reset();
                self.conn = Some(conn.clone());
                Ok(conn)
            }
            Err(error) => {
                self.retry.not_before = Instant::now() + self.retry.backoff.next_wait();
                self.retry.why.clone_from(&error.0);
                Err(error)
            }
        }
    }

    async fn open(&self) -> Result<MultiplexedConnection, BusError> {
        let mut conn =
            connect(&self.client, &connection_config(), &format!("switchboard-dispatcher:{}", self.prefix)).await?;
        load(&self.script, &mut conn).await.map_err(|error| failed(&error))?;
        Ok(conn)
    }

    /// One reply for each chat.
    async fn run(&mut self, chats: &[Vec<&Envelope>]) -> Result<Vec<RedisResult<Reply>>, BusError> {
        let mut conn = self.connected().await?;
        let commands: Vec<Cmd> = chats.iter().map(|envelopes| self.command(envelopes)).collect();
        let mut replies = send(&mut conn, commands.iter().cloned()).await.map_err(|error| self.broken(&error))?;
        let unknown: Vec<usize> = (0..replies.len()).filter(|at| is_unknown_script(&replies[*at])).collect();
        if !unknown.is_empty() {
            // Redis was restarted or flushed between the connections.
            load(&self.script, &mut conn).await.map_err(|error| self.broken(&error))?;
            let again = unknown.iter().map(|at| commands[*at].clone());
            let again = send(&mut conn, again).await.map_err(|error| self.broken(&error))?;
            unknown.into_iter().zip(again).for_each(|(at, reply)| replies[at] = reply);
        }
        if replies.iter().any(leads_elsewhere) {
            self.conn = None;
        }
        Ok(replies)
    }

    /// Runs commands that any healthy Redis answers at once, and says in this sink's health whether it did.
    async fn try_out(&mut self, commands: Pipeline) -> Result<(), BusError> {
        let answered = soon(async {
            let mut conn = self.connected().await?;
            commands.exec_async(&mut conn).await.map_err(|error| failed(&error))
        })
        .await;
        match &answered {
            Ok(()) => self.part.up(),
            Err(error) => {
                self.conn = None;
                self.part.down(error.0.clone());
            }
        }
        answered
    }

    fn broken(&mut self, error: &RedisError) -> BusError {
        self.conn = None;
        failed(error)
    }

    /// The script's call for the events of one chat.
    fn command(&self, envelopes: &[&Envelope]) -> Cmd {
        let first = &envelopes[0].event;
        let mut keys = vec![format!("{}{}", self.prefix, chat_stream(first.epoch, first.chat_id))];
        let mut others: HashMap<Channel, usize> = HashMap::new();
        for channel in envelopes.iter().flat_map(|envelope| other_channels(envelope)) {
            others.entry(channel).or_insert_with(|| {
                keys.push(self.channel_name(channel));
                keys.len()
            });
        }
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.script.get_hash()).arg(keys.len()).arg(&keys);
        command.arg(self.stream_length).arg(self.stream_ttl_ms).arg(self.channel_name(Channel::Chat(first.chat_id)));
        for envelope in envelopes {
            let channels: Vec<Channel> = other_channels(envelope).collect();
            let empties = u8::from(envelope.event.kind == EventKind::MessageDeleted);
            command.arg(envelope.event.seq.0).arg(empties).arg(&envelope.json[..]).arg(pointer(envelope, &channels));
            command.arg(channels.len());
            for channel in channels {
                command.arg(others[&channel]).arg(kept_in_stream(channel));
            }
        }
        command
    }

    fn channel_name(&self, channel: Channel) -> String {
        format!("{}{channel}", self.prefix)
    }

    /// A Redis that takes nothing at all is down, whether it breaks off or says why, as one does that is full.
    fn report(&self, replies: &[RedisResult<Reply>]) {
        let whys: Vec<String> = replies.iter().filter_map(refusal).collect();
        match whys.first() {
            Some(why) if whys.len() == replies.len() => self.part.down(why.clone()),
            _ => self.part.up(),
        }
    }
}

#[async_trait]
impl Sink for RedisSink {
    async fn publish(&mut self, batch: &[Envelope]) -> Vec<Outcome> {
        let (places, chats) = by_chat(batch);
        let replies = match self.run(&chats).await {
            Ok(replies) => replies,
            Err(error) => {
                self.part.down(error.0.clone());
                let outcomes = chats.iter().map(|envelopes| outcomes(envelopes, (0, error.0.clone())));
                return scatter(batch.len(), &places, outcomes);
            }
        };
        self.report(&replies);
        let replies = replies.into_iter().map(|reply| reply.unwrap_or_else(|error| (0, failed(&error).0)));
        let outcomes = chats.iter().zip(replies).map(|(envelopes, reply)| outcomes(envelopes, reply));
        scatter(batch.len(), &places, outcomes)
    }

    /// Written as well as published: a Redis that is full, or is a replica by now, must not pass for one that takes
    /// events.
    async fn beat(&mut self, beat: &Beat) -> Result<(), BusError> {
        let json = serde_json::to_vec(beat).map_err(|_| BusError("a beat is plain data".into()))?;
        let mut commands = redis::pipe();
        commands.atomic();
        let key = format!("{}{}", self.prefix, last_beat(beat.lane));
        commands.cmd("SET").arg(key).arg(&json).arg("PX").arg(BEAT_KEPT_MS).ignore();
        commands.cmd("PUBLISH").arg(self.channel_name(Channel::Beats)).arg(json).ignore();
        self.try_out(commands).await
    }

    async fn check(&mut self) {
        let mut ping = redis::pipe();
        ping.cmd("PING").ignore();
        let _told_in_health = self.try_out(ping).await;
    }
}

/// The events of each chat, and where they were in the batch.
fn by_chat(batch: &[Envelope]) -> (Vec<Vec<usize>>, Vec<Vec<&Envelope>>) {
    let mut index: HashMap<ChatId, usize> = HashMap::new();
    let (mut places, mut chats) = (Vec::new(), Vec::new());
    for (place, envelope) in batch.iter().enumerate() {
        let chat = *index.entry(envelope.event.chat_id).or_insert_with(|| {
            places.push(Vec::new());
            chats.push(Vec::new());
            places.len() - 1
        });
        places[chat].push(place);
        chats[chat].push(envelope);
    }
    (places, chats)
}

/// The outcomes of one chat's events.
fn outcomes(envelopes: &[&Envelope], (taken, why): Reply) -> Vec<Outcome> {
    let mut order = InOrder::default();
    let verdict = |at| if at < taken { Ok(()) } else { Err(why.clone()) };
    envelopes.iter().enumerate().map(|(at, envelope)| order.outcome(envelope.event.chat_id, verdict(at))).collect()
}

/// Back into the order of the batch.
fn scatter(len: usize, places: &[Vec<usize>], outcomes: impl Iterator<Item = Vec<Outcome>>) -> Vec<Outcome> {
    let mut all = vec![Outcome::Held; len];
    for (places, outcomes) in places.iter().zip(outcomes) {
        for (place, outcome) in places.iter().zip(outcomes) {
            all[*place] = outcome;
        }
    }
    all
}

/// The chat's own channel comes first and is told apart by the script.
fn other_channels(envelope: &Envelope) -> impl Iterator<Item = Channel> {
    channels_of(&envelope.event).into_iter().skip(1)
}

/// The part of an event that the stream of a channel keeps. All sessions are in one stream for longer than a deleted text
/// may stay; those of a site are in none.
fn kept_in_stream(channel: Channel) -> &'static str {
    match channel {
        Channel::Staff => "pointer",
        Channel::Site(_) => "nothing",
        Channel::Chat(_) | Channel::User(_) | Channel::Operators | Channel::Beats => "event",
    }
}

/// Where the event is, where a stream keeps that.
fn pointer(envelope: &Envelope, channels: &[Channel]) -> String {
    let pointer = || serde_json::to_string(&EventPointer::of(&envelope.event)).expect("a pointer is plain data");
    if channels.contains(&Channel::Staff) { pointer() } else { String::new() }
}

async fn load(script: &Script, conn: &mut MultiplexedConnection) -> RedisResult<()> {
    script.load_async(conn).await.map(|_sha| ())
}

async fn send(
    conn: &mut MultiplexedConnection,
    commands: impl Iterator<Item = Cmd>,
) -> RedisResult<Vec<RedisResult<Reply>>> {
    let mut pipe = redis::pipe();
    for command in commands {
        pipe.add_command(command);
    }
    pipe.ignore_errors().query_async(conn).await
}

/// Why nothing of a chat was taken.
fn refusal(reply: &RedisResult<Reply>) -> Option<String> {
    match reply {
        Ok((0, why)) if !why.is_empty() => Some(format!("Redis: {why}")),
        Ok(_) => None,
        Err(error) => Some(failed(error).0),
    }
}

/// Whether another connection may fare better. An error within a script is part of its answer.
fn leads_elsewhere(reply: &RedisResult<Reply>) -> bool {
    match reply {
        Ok((_, why)) => why.starts_with("READONLY"),
        Err(error) => is_links_fault(error),
    }
}

fn is_unknown_script(reply: &RedisResult<Reply>) -> bool {
    reply.as_ref().is_err_and(|error| error.kind() == ErrorKind::Server(ServerErrorKind::NoScript))
}
