//! Counts connections across gateways.
//!
//! A gateway and Redis know each other for a *term*: from one connection between them to its end, or until the gateway's
//! key is gone. Leases of a term count as long as the term does, and each term starts with all of the gateway's
//! connections. So leases lost with a break, a restart or an emptying of Redis need no mending: the next term has them.
//! While there is none, each gateway counts its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chat_events::gateway_api::Principal;
use chat_events::names;
use redis::aio::MultiplexedConnection;
use redis::{Client, Pipeline, PushInfo, PushKind, RedisError, Script, Value};
use telemetry::Vital;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::client::{client, connect, connection_config, failed};
use crate::backoff::Backoff;
use crate::leases::{ChangedOwners, Leaseholder};
use crate::{BusError, PubSubConfig};

/// How long a gateway counts that does not say that it lives.
const TERM_TTL: Duration = Duration::from_secs(15);
/// How often it says so.
const BEAT: Duration = Duration::from_secs(4);
/// How long leases are kept that nobody passes on.
const LEASES_TTL: Duration = Duration::from_secs(3600);
/// How often all are passed on though nothing changed, so that they stay.
const SETTLE_ALL: Duration = Duration::from_secs(1200);
/// Owners in one round trip: a few milliseconds of Redis's time.
const OWNERS_AT_ONCE: usize = 256;

/// How long is waited for more owners before they are passed on: of thousands who come within a second, each by itself would
/// cost more than its handshake's JSON.
const GATHERED_FOR: Duration = Duration::from_millis(20);

/// Counts in the background until it is dropped.
pub struct RedisLeases {
    renewal: Arc<Notify>,
    _stop: DropGuard,
}

impl RedisLeases {
    /// `gateway` is a name that no other gateway has or had. An error when there is no URL or none that can be read.
    pub fn start(
        config: &PubSubConfig,
        gateway: String,
        holder: Arc<dyn Leaseholder>,
        changed: Arc<ChangedOwners>,
        vital: &Vital,
    ) -> Result<Self, BusError> {
        let renewal = Arc::<Notify>::default();
        let keeper = Keeper {
            client: client(config)?,
            script: Script::new(include_str!("settle_leases.lua")),
            prefix: config.redis_prefix.clone(),
            gateway,
            terms: 0,
            holder,
            changed,
            renewal: Arc::clone(&renewal),
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        vital.spawn("leases", async move {
            stopped.run_until_cancelled(keeper.run()).await;
        });
        Ok(Self { renewal, _stop: stop.drop_guard() })
    }

    /// Begins another term over another connection: the present one may lead to a Redis that nobody else uses any more.
    pub fn renew(&self) {
        self.renewal.notify_one();
    }
}

struct Keeper {
    client: Client,
    script: Script,
    prefix: String,
    gateway: String,
    /// How many there have been.
    terms: u64,
    holder: Arc<dyn Leaseholder>,
    changed: Arc<ChangedOwners>,
    renewal: Arc<Notify>,
}

/// One connection to Redis, and the name under which the gateway is known by it.
struct Term {
    conn: MultiplexedConnection,
    name: String,
    broken: CancellationToken,
}

impl Keeper {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut is_told = false;
        loop {
            let error = match self.begin().await {
                Ok(mut term) => {
                    tracing::info!(term = %term.name, "connections are counted across gateways");
                    backoff.reset();
                    is_told = false;
                    self.serve(&mut term).await
                }
                Err(error) => error,
            };
            if !std::mem::replace(&mut is_told, true) {
                tracing::warn!(%error, "connections are counted on this gateway alone");
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    /// Begins a term with all connections that there are.
    async fn begin(&mut self) -> Result<Term, BusError> {
        let last = self.term_name();
        self.terms += 1;
        let name = self.term_name();
        let broken = CancellationToken::new();
        let config = connection_config().set_push_sender(self.listener(broken.clone()));
        let mut conn = connect(&self.client, &config, &format!("switchboard-leases:{}", self.prefix)).await?;
        let told = |error: RedisError| failed(&error);
        self.script.load_async(&mut conn).await.map_err(told)?;
        conn.subscribe(self.key(&name)).await.map_err(told)?;
        let mut known = redis::pipe();
        known.cmd("SET").arg(self.key(&name)).arg(1).arg("PX").arg(TERM_TTL.as_millis()).ignore();
        known.cmd("DEL").arg(self.key(&last)).ignore();
        known.exec_async(&mut conn).await.map_err(told)?;
        let mut term = Term { conn, name, broken };
        self.changed.forget();
        self.settle_all(&mut term).await?;
        Ok(term)
    }

    /// Until the term ends.
    async fn serve(&self, term: &mut Term) -> BusError {
        let (mut beat, mut all) = (interval(BEAT), interval(SETTLE_ALL));
        for timer in [&mut beat, &mut all] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            timer.reset();
        }
        let broken = term.broken.clone();
        loop {
            let step = tokio::select! {
                () = broken.cancelled() => Err(BusError("Redis: the connection ended".into())),
                () = self.renewal.notified() => Err(BusError("Redis: the link is renewed".into())),
                _ = beat.tick() => self.beat(term).await,
                () = self.changed.changed() => self.settle_changed(term).await,
                _ = all.tick() => self.settle_all(term).await,
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    /// A key that is gone cannot be brought back: others may have dropped the term's leases meanwhile.
    async fn beat(&self, term: &mut Term) -> Result<(), BusError> {
        let mut set = redis::cmd("SET");
        set.arg(self.key(&term.name)).arg(1).arg("XX").arg("PX").arg(TERM_TTL.as_millis());
        match set.query_async::<Option<String>>(&mut term.conn).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(BusError("Redis: this gateway's key was gone".into())),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn settle_changed(&self, term: &mut Term) -> Result<(), BusError> {
        tokio::time::sleep(GATHERED_FOR).await;
        loop {
            let owners = self.changed.take(OWNERS_AT_ONCE)?;
            if owners.is_empty() {
                return Ok(());
            }
            self.settle(term, &owners).await?;
        }
    }

    async fn settle_all(&self, term: &mut Term) -> Result<(), BusError> {
        for owners in self.holder.owners().chunks(OWNERS_AT_ONCE) {
            self.settle(term, owners).await?;
        }
        Ok(())
    }

    async fn settle(&self, term: &mut Term, owners: &[Principal]) -> Result<(), BusError> {
        let mut calls = redis::pipe();
        for owner in owners {
            self.add_call(&mut calls, term, *owner);
        }
        let surplus: Vec<Vec<String>> = calls.query_async(&mut term.conn).await.map_err(|error| failed(&error))?;
        for (owner, connections) in owners.iter().zip(surplus) {
            connections.iter().for_each(|connection| self.holder.give_up(*owner, connection));
        }
        Ok(())
    }

    fn add_call(&self, calls: &mut Pipeline, term: &Term, owner: Principal) {
        let key = format!("{}{}", self.prefix, names::connections(owner));
        let json = serde_json::to_string(&owner).expect("an owner is plain data");
        let call = calls.cmd("EVALSHA").arg(self.script.get_hash()).arg(1).arg(key);
        call.arg(self.holder.limit(owner)).arg(LEASES_TTL.as_millis()).arg(self.key("")).arg(&term.name).arg(json);
        for lease in self.holder.leases(owner) {
            call.arg(lease.connection).arg(lease.opened.elapsed().as_millis());
        }
    }

    fn term_name(&self) -> String {
        format!("{}.{}", self.gateway, self.terms)
    }

    fn key(&self, term: &str) -> String {
        format!("{}{}", self.prefix, names::gateway(term))
    }

    /// Runs inside the connection's task, so it never waits.
    fn listener(
        &self,
        broken: CancellationToken,
    ) -> impl Fn(PushInfo) -> Result<(), Infallible> + Send + Sync + use<> + 'static {
        let holder = Arc::clone(&self.holder);
        move |push| {
            match (&push.kind, &push.data[..]) {
                (PushKind::Message, [_channel, Value::BulkString(told)]) => match read(told) {
                    Some((connection, owner)) => holder.give_up(owner, connection),
                    None => tracing::warn!("word of a surplus connection could not be read"),
                },
                (PushKind::Disconnection, _) => broken.cancel(),
                _ => {}
            }
            Ok(())
        }
    }
}

/// `<connection> <owner>`
fn read(told: &[u8]) -> Option<(&str, Principal)> {
    let (connection, owner) = std::str::from_utf8(told).ok()?.split_once(' ')?;
    Some((connection, serde_json::from_str(owner).ok()?))
}

#[cfg(test)]
mod tests {
    use chat_events::ChatId;

    use super::*;

    #[test]
    fn word_of_a_surplus_connection_is_read_or_refused() {
        let owner = Principal::Client { session_id: ChatId(7) };
        let told = format!("ab-1 {}", serde_json::to_string(&owner).expect("JSON"));
        assert_eq!(read(told.as_bytes()), Some(("ab-1", owner)));
        for bad in ["", "ab-1", "ab-1 {}"] {
            assert_eq!(read(bad.as_bytes()), None);
        }
    }
}
