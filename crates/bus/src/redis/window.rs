//! Reads the last events of a chat back from its stream. Redis may have lost any part of it: the reader checks.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_events::names::chat_stream;
use chat_events::{ChatId, Epoch, Event, Seq};
use redis::Client;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamRangeReply;

use super::client::{connect, connection_config, failed};
use crate::BusError;

/// History has another source: a reader that waits longer than this reads it there.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// After a failure the stream is not tried for this long.
const REST: Duration = Duration::from_secs(1);

/// A connection of its own: a long answer must not hold up live events.
pub(super) struct Window {
    client: Client,
    prefix: String,
    link: Mutex<Link>,
}

#[derive(Default)]
struct Link {
    conn: Option<MultiplexedConnection>,
    rests_until: Option<Instant>,
}

impl Window {
    pub(super) fn new(client: Client, prefix: String) -> Self {
        Self { client, prefix, link: Mutex::default() }
    }

    /// The events that the stream holds after a position, in order, at most so many.
    pub(super) async fn read(
        &self,
        epoch: Epoch,
        chat: ChatId,
        after: Seq,
        count: usize,
    ) -> Result<Vec<Event>, BusError> {
        if self.link().rests_until.is_some_and(|until| Instant::now() < until) {
            return Err(BusError("Redis: does not answer".into()));
        }
        let read = tokio::time::timeout(ANSWER_WITHIN, self.range(epoch, chat, after, count)).await;
        let read = read.unwrap_or_else(|_| Err(BusError("Redis: no answer in time".into())));
        if read.is_err() {
            *self.link() = Link { conn: None, rests_until: Some(Instant::now() + REST) };
        }
        read
    }

    async fn range(&self, epoch: Epoch, chat: ChatId, after: Seq, count: usize) -> Result<Vec<Event>, BusError> {
        let mut conn = self.connected().await?;
        let key = format!("{}{}", self.prefix, chat_stream(epoch, chat));
        let mut command = redis::cmd("XRANGE");
        command.arg(key).arg(format!("{}-0", after.next())).arg("+").arg("COUNT").arg(count);
        let reply: StreamRangeReply = command.query_async(&mut conn).await.map_err(|error| failed(&error))?;
        let events = reply.ids.iter().map(|entry| {
            let json: Vec<u8> = entry.get("e").unwrap_or_default();
            serde_json::from_slice(&json).map_err(|why| BusError(format!("Redis: an event cannot be read: {why}")))
        });
        events.collect()
    }

    async fn connected(&self) -> Result<MultiplexedConnection, BusError> {
        let known = self.link().conn.clone();
        if let Some(conn) = known {
            return Ok(conn);
        }
        let conn = connect(&self.client, &connection_config(), &format!("switchboard-window:{}", self.prefix)).await?;
        self.link().conn = Some(conn.clone());
        Ok(conn)
    }

    fn link(&self) -> std::sync::MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
