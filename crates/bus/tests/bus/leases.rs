//! Connections counted across gateways, on a real Redis.

use crate::config;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bus::redis::RedisLeases;
use bus::{ChangedOwners, Lease, Leaseholder};
use chat_events::gateway_api::Principal;
use chat_events::{ChatId, UserId, names};
use telemetry::Vital;
use test_support::wait::wait_until;
use test_support::{RedisPrefix, fresh_prefix};

const LIMIT: usize = 5;
const VISITOR: Principal = Principal::Client { session_id: ChatId(7) };

/// A gateway's connections, without the gateway.
#[derive(Default)]
struct Connections {
    open: Mutex<HashMap<Principal, Vec<Lease>>>,
    given_up: Mutex<Vec<String>>,
}

impl Leaseholder for Connections {
    fn owners(&self) -> Vec<Principal> {
        self.open.lock().expect("no panic").keys().copied().collect()
    }

    fn leases(&self, owner: Principal) -> Vec<Lease> {
        self.open.lock().expect("no panic").get(&owner).cloned().unwrap_or_default()
    }

    fn limit(&self, _owner: Principal) -> usize {
        LIMIT
    }

    fn give_up(&self, owner: Principal, connection: &str) {
        let mut open = self.open.lock().expect("no panic");
        if let Some(leases) = open.get_mut(&owner) {
            leases.retain(|lease| lease.connection != connection);
        }
        self.given_up.lock().expect("no panic").push(connection.to_owned());
    }
}

struct Gateway {
    name: &'static str,
    connections: Arc<Connections>,
    changed: Arc<ChangedOwners>,
    leases: Option<RedisLeases>,
}

impl Gateway {
    fn start(prefix: &RedisPrefix, name: &'static str) -> Self {
        let (connections, changed) = (Arc::<Connections>::default(), Arc::<ChangedOwners>::default());
        let leases = RedisLeases::start(
            &config::redis(prefix),
            name.into(),
            connections.clone(),
            changed.clone(),
            &Vital::new(),
        );
        Self { name, connections, changed, leases: Some(leases.expect("a URL")) }
    }

    /// Opens connections `<name>-<number>`, each a second younger than the one before.
    fn open(&self, owner: Principal, numbers: Range<u64>) {
        let now = Instant::now();
        for number in numbers {
            let opened = now - Duration::from_secs(1000 - number);
            let lease = Lease { connection: format!("{}-{number}", self.name), opened };
            self.connections.open.lock().expect("no panic").entry(owner).or_default().push(lease);
            self.changed.add(owner);
        }
    }

    fn close(&self, owner: Principal, number: u64) {
        let name = format!("{}-{number}", self.name);
        if let Some(leases) = self.connections.open.lock().expect("no panic").get_mut(&owner) {
            leases.retain(|lease| lease.connection != name);
        }
        self.changed.add(owner);
    }

    fn given_up(&self) -> Vec<String> {
        let mut given_up = self.connections.given_up.lock().expect("no panic").clone();
        given_up.sort_unstable();
        given_up
    }
}

/// The connections that are counted, without their terms.
async fn counted(prefix: &RedisPrefix, owner: Principal) -> Vec<String> {
    let key = format!("{}{}", prefix.prefix(), names::connections(owner));
    let mut zrange = redis::cmd("ZRANGE");
    let leases: Vec<String> =
        zrange.arg(key).arg(0).arg(-1).query_async(&mut prefix.connect().await).await.expect("Redis answers");
    leases.iter().map(|lease| lease.split_once('/').expect("a term").1.to_owned()).collect()
}

async fn until_counted(prefix: &RedisPrefix, owner: Principal, expected: &[&str]) {
    let mut last = Vec::new();
    let what = format!("{expected:?} to be counted");
    wait_until(&what, async || {
        last = counted(prefix, owner).await;
        (last == expected).then_some(())
    })
    .await;
}

/// The keys by which gateways are known.
async fn terms(prefix: &RedisPrefix) -> HashSet<String> {
    let mut keys = redis::cmd("KEYS");
    keys.arg(format!("{}{}*", prefix.prefix(), names::gateway("")));
    keys.query_async(&mut prefix.connect().await).await.expect("Redis answers")
}

#[tokio::test]
async fn the_oldest_gives_way_on_whichever_gateway_it_is() {
    let prefix = fresh_prefix();
    let (a, b) = (Gateway::start(&prefix, "a"), Gateway::start(&prefix, "b"));
    a.open(VISITOR, 0..3);
    until_counted(&prefix, VISITOR, &["a-0", "a-1", "a-2"]).await;
    b.open(VISITOR, 3..6);
    until_counted(&prefix, VISITOR, &["a-1", "a-2", "b-3", "b-4", "b-5"]).await;
    wait_until("the other gateway to be told", async || (a.given_up() == ["a-0"]).then_some(())).await;
    a.open(VISITOR, 6..7);
    until_counted(&prefix, VISITOR, &["a-2", "b-3", "b-4", "b-5", "a-6"]).await;
    assert_eq!((a.given_up(), b.given_up()), (vec!["a-0".to_owned(), "a-1".to_owned()], vec![]));
}

#[tokio::test]
async fn owners_do_not_count_for_each_other_and_those_who_left_do_not_count() {
    let prefix = fresh_prefix();
    let (a, b) = (Gateway::start(&prefix, "a"), Gateway::start(&prefix, "b"));
    let operator = Principal::Staff { user_id: UserId(7) };
    a.open(VISITOR, 0..5);
    b.open(operator, 0..5);
    until_counted(&prefix, VISITOR, &["a-0", "a-1", "a-2", "a-3", "a-4"]).await;
    a.close(VISITOR, 1);
    a.close(VISITOR, 3);
    until_counted(&prefix, VISITOR, &["a-0", "a-2", "a-4"]).await;
    b.open(VISITOR, 5..7);
    until_counted(&prefix, VISITOR, &["a-0", "a-2", "a-4", "b-5", "b-6"]).await;
    until_counted(&prefix, operator, &["b-0", "b-1", "b-2", "b-3", "b-4"]).await;
    assert!(a.given_up().is_empty() && b.given_up().is_empty());
}

#[tokio::test]
async fn the_leases_of_a_gateway_die_with_it_and_the_living_keep_theirs() {
    let prefix = fresh_prefix();
    let mut dead = Gateway::start(&prefix, "dead");
    let living = Gateway::start(&prefix, "living");
    // The oldest is on the gateway that lives.
    living.open(VISITOR, 0..1);
    until_counted(&prefix, VISITOR, &["living-0"]).await;
    dead.open(VISITOR, 1..5);
    until_counted(&prefix, VISITOR, &["living-0", "dead-1", "dead-2", "dead-3", "dead-4"]).await;
    let known = terms(&prefix).await;
    drop(dead.leases.take());
    // Its key lives on for a while, but nobody listens on its channel any more.
    wait_until("the connection of the dead to end", async || {
        let mut conn = prefix.connect().await;
        let mut listening: HashMap<String, u32> = HashMap::new();
        for term in &known {
            let one: (String, u32) =
                redis::cmd("PUBSUB").arg("NUMSUB").arg(term).query_async(&mut conn).await.expect("Redis answers");
            listening.insert(one.0, one.1);
        }
        (listening.values().sum::<u32>() == 1).then_some(())
    })
    .await;
    assert_eq!(terms(&prefix).await, known);
    living.open(VISITOR, 5..9);
    until_counted(&prefix, VISITOR, &["living-0", "living-5", "living-6", "living-7", "living-8"]).await;
    assert!(living.given_up().is_empty(), "a connection gave way to those of a dead gateway");
}

#[tokio::test]
async fn a_gateway_whose_key_is_gone_counts_no_more_and_registers_all_again() {
    let prefix = fresh_prefix();
    let (a, b) = (Gateway::start(&prefix, "a"), Gateway::start(&prefix, "b"));
    a.open(VISITOR, 0..4);
    until_counted(&prefix, VISITOR, &["a-0", "a-1", "a-2", "a-3"]).await;
    let of_a = terms(&prefix).await.into_iter().find(|term| term.contains(":a.")).expect("its key");
    // As after a time in which it was frozen.
    let () = redis::cmd("DEL").arg(&of_a).query_async(&mut prefix.connect().await).await.expect("deleted");
    b.open(VISITOR, 4..7);
    wait_until("its leases to be dropped", async || {
        counted(&prefix, VISITOR).await.contains(&"b-6".to_owned()).then_some(())
    })
    .await;
    // It finds out by its beat; then the oldest two are too many.
    until_counted(&prefix, VISITOR, &["a-2", "a-3", "b-4", "b-5", "b-6"]).await;
    wait_until("its oldest to be closed", async || (a.given_up() == ["a-0", "a-1"]).then_some(())).await;
    assert!(b.given_up().is_empty());
    assert!(!terms(&prefix).await.contains(&of_a), "a term never comes back");
}

#[tokio::test]
async fn a_renewed_link_begins_another_term_with_all_connections() {
    let prefix = fresh_prefix();
    let a = Gateway::start(&prefix, "a");
    a.open(VISITOR, 0..3);
    until_counted(&prefix, VISITOR, &["a-0", "a-1", "a-2"]).await;
    let before = terms(&prefix).await;
    a.leases.as_ref().expect("started").renew();
    wait_until("another term", async || {
        let now = terms(&prefix).await;
        (now.len() == 1 && now != before).then_some(())
    })
    .await;
    a.open(VISITOR, 3..4);
    until_counted(&prefix, VISITOR, &["a-0", "a-1", "a-2", "a-3"]).await;
    assert!(a.given_up().is_empty());
}

#[tokio::test]
async fn an_emptied_redis_is_filled_again() {
    let prefix = fresh_prefix();
    let (a, b) = (Gateway::start(&prefix, "a"), Gateway::start(&prefix, "b"));
    let many: Vec<Principal> = (1..=600).map(|id| Principal::User { user_id: UserId(id) }).collect();
    many.iter().for_each(|owner| a.open(*owner, 0..2));
    b.open(VISITOR, 0..3);
    until_counted(&prefix, many[599], &["a-0", "a-1"]).await;
    until_counted(&prefix, VISITOR, &["b-0", "b-1", "b-2"]).await;
    prefix.delete_keys().await;
    for owner in [many[0], many[300], many[599]] {
        until_counted(&prefix, owner, &["a-0", "a-1"]).await;
    }
    until_counted(&prefix, VISITOR, &["b-0", "b-1", "b-2"]).await;
    assert!(a.given_up().is_empty() && b.given_up().is_empty());
}

#[tokio::test]
async fn what_changed_while_the_connection_was_broken_is_known_afterwards() {
    let prefix = fresh_prefix();
    let (a, b) = (Gateway::start(&prefix, "a"), Gateway::start(&prefix, "b"));
    a.open(VISITOR, 0..5);
    until_counted(&prefix, VISITOR, &["a-0", "a-1", "a-2", "a-3", "a-4"]).await;
    kill_connections(&prefix).await;
    // Neither may be told of the other at once, but both in the end.
    a.close(VISITOR, 4);
    b.open(VISITOR, 5..7);
    until_counted(&prefix, VISITOR, &["a-1", "a-2", "a-3", "b-5", "b-6"]).await;
    wait_until("the oldest to be closed", async || (a.given_up() == ["a-0"]).then_some(())).await;
    assert!(b.given_up().is_empty());
}

/// Kills this test's connections. The server is shared with other tests.
async fn kill_connections(prefix: &RedisPrefix) {
    let mut conn = prefix.connect().await;
    let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut conn).await.expect("clients");
    let name = format!("name=switchboard-leases:{}", prefix.prefix());
    let mine: Vec<&str> = clients.lines().filter(|line| line.split(' ').any(|field| field == name)).collect();
    assert_eq!(mine.len(), 2);
    for line in mine {
        let id = line.split(' ').find_map(|field| field.strip_prefix("id=")).expect("an id");
        let () = redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query_async(&mut conn).await.expect("killed");
    }
}

#[tokio::test]
async fn gateways_that_open_and_close_at_once_end_with_the_newest_counted() {
    let prefix = fresh_prefix();
    let gateways = [Gateway::start(&prefix, "a"), Gateway::start(&prefix, "b"), Gateway::start(&prefix, "c")];
    for round in 0..60_u64 {
        for gateway in &gateways {
            gateway.open(VISITOR, round..round + 1);
            if round % 2 == 0 {
                gateway.close(VISITOR, round);
            }
        }
        tokio::task::yield_now().await;
    }
    wait_until("the gateways to hold what is counted", async || {
        let mut held: Vec<String> = gateways
            .iter()
            .flat_map(|gateway| gateway.connections.leases(VISITOR))
            .map(|lease| lease.connection)
            .collect();
        let mut counted = counted(&prefix, VISITOR).await;
        held.sort_unstable();
        counted.sort_unstable();
        (held.len() == LIMIT && held == counted).then_some(())
    })
    .await;
    // Of the newest round all stay; of the one before two of three.
    for gateway in &gateways {
        let newest = format!("{}-59", gateway.name);
        assert!(gateway.connections.leases(VISITOR).iter().any(|lease| lease.connection == newest));
    }
}

#[tokio::test]
async fn five_thousand_owners_who_come_within_a_moment_are_counted_within_seconds() {
    let prefix = fresh_prefix();
    let gateway = Gateway::start(&prefix, "a");
    gateway.open(VISITOR, 0..1);
    until_counted(&prefix, VISITOR, &["a-0"]).await;
    let start = Instant::now();
    for id in 1..=5000 {
        gateway.open(Principal::User { user_id: UserId(id) }, 0..1);
    }
    wait_until("all to be counted", async || {
        let mut keys = redis::cmd("KEYS");
        keys.arg(format!("{}connections:user:*", prefix.prefix()));
        let keys: Vec<String> = keys.query_async(&mut prefix.connect().await).await.expect("Redis answers");
        (keys.len() == 5000).then_some(())
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    println!("5,000 owners were counted in {:?}", start.elapsed());
}
