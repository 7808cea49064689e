//! Any server, and any service of a row, may be away, freeze, or swallow what it is told: the gateway's `/readyz` says
//! so within 5 s: `degraded` where all that is asked is served and only delivery waits, `not_ready` where it cannot serve. All is well within 10 s of its return, with no restart. These tests run alone, since they measure;
//! `HEALING_OUTAGE_SECONDS=60` makes outages last longer than until they are seen. What is away for one second while people
//! write is in `writers`: nothing of that is lost.

mod writers;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use system_tests::chain::free_address;
use system_tests::order::Seen;
use system_tests::{Chain, Shape, Socket, Visitor};
use test_support::{Process, Program, wait_until};
use tokio::time::Instant;
use uuid::Uuid;
use writers::Writers;

/// How soon `/readyz` must say it.
const SEEN_WITHIN: Duration = Duration::from_secs(5);
/// How soon after the return messages must flow, and every service be ready.
const WELL_WITHIN: Duration = Duration::from_secs(10);
/// A dead link behind sockets that look healthy is found in 5 s and replaced in 10.
const REPLACED_WITHIN: Duration = Duration::from_secs(15);

/// A visitor who writes, and an operator who listens all the while on one socket.
struct Talk {
    visitor: Visitor,
    socket: Socket,
    /// What came, in order and once.
    seen: Seen,
}

impl Talk {
    async fn begin(chain: &Chain) -> Self {
        let (operator, visitor) = (chain.operator("Olga").await, chain.visitor("Ann").await);
        let mut socket = operator.socket(chain.gateway()).await;
        socket.connected().await;
        let mut talk = Self { visitor, socket, seen: Seen::new() };
        talk.until_it_flows(chain).await;
        talk
    }

    /// Many requests at once; whether all were served.
    fn crowd(&self, chain: &Chain) -> impl Future<Output = bool> + use<> {
        let path = format!("/chat/session/{}/messages", self.visitor.session);
        let request = || chain.rest().request(Method::GET, &path).bearer_auth(&self.visitor.token);
        let answers: Vec<_> = (0..40).map(|_| request().timeout(2 * REPLACED_WITHIN).send()).collect();
        async { join_all(answers).await.into_iter().all(|answer| answer.is_ok_and(|it| it.status().is_success())) }
    }

    /// How long until a message that is written now has been taken and has come.
    async fn until_it_flows(&mut self, chain: &Chain) -> Duration {
        let started = Instant::now();
        let (body, client_id) = (format!("message {}", Uuid::new_v4()), Uuid::new_v4());
        let message = json!({"body": body, "client_id": client_id});
        let path = format!("/chat/session/{}/messages", self.visitor.session);
        wait_until("a message to be taken", async || {
            let request = chain.rest().request(Method::POST, &path).bearer_auth(&self.visitor.token).json(&message);
            let answer = request.timeout(Duration::from_secs(1)).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        while !self.has_seen(&body) {
            self.seen.frame(&self.socket.next().await);
        }
        started.elapsed()
    }

    /// A message is stored and answered, whatever happens to its delivery.
    async fn is_taken(&self, chain: &Chain) {
        let path = format!("/chat/session/{}/messages", self.visitor.session);
        let message = json!({"body": "while delivery waits", "client_id": Uuid::new_v4()});
        let request = chain.rest().request(Method::POST, &path).bearer_auth(&self.visitor.token).json(&message);
        let answer = request.timeout(Duration::from_secs(5)).send().await.expect("an answer");
        assert_eq!(answer.status(), 201);
    }

    fn has_seen(&self, body: &str) -> bool {
        self.seen.bodies(self.visitor.session).iter().any(|seen| seen == body)
    }

    /// Everything that was stored comes, each message once.
    async fn until_it_has(&mut self, stored: &[String]) {
        let seen = self.seen.bodies(self.visitor.session);
        let mut missing: BTreeSet<&String> = stored.iter().filter(|body| !seen.contains(body)).collect();
        while !missing.is_empty() {
            let frame = self.socket.next().await;
            self.seen.frame(&frame);
            missing.retain(|body| frame["data"]["body"] != **body);
        }
    }
}

/// Something vanishes until that is seen, and comes back. Where only delivery waits for it, nothing is taken out and every
/// message is taken.
async fn vanishes(
    mut chain: Chain,
    what: &str,
    seen_as: &str,
    leave: impl AsyncFnOnce(&mut Chain),
    come_back: impl AsyncFnOnce(&mut Chain),
) {
    let mut talk = Talk::begin(&chain).await;
    leave(&mut chain).await;
    let seen = chain.until(seen_as).await;
    if seen_as == "degraded" {
        talk.is_taken(&chain).await;
        for (service, status) in chain.ready_answers().await {
            // One that is itself away does not answer.
            assert!(status.is_none_or(|status| status == 200), "{what}: {service} is taken out");
        }
    }
    tokio::time::sleep(outage_goes_on()).await;
    come_back(&mut chain).await;
    let (flows, ready) = tokio::join!(talk.until_it_flows(&chain), chain.until_ready());
    eprintln!(
        "{what}: {seen_as} after {seen:.1?}, messages flow {flows:.1?} and all is ready {ready:.1?} after the return"
    );
    assert!(seen <= SEEN_WITHIN, "{what}: seen after {seen:?}");
    assert!(flows <= WELL_WITHIN && ready <= WELL_WITHIN, "{what}: flows after {flows:?}, ready after {ready:?}");
}

/// Something is away for a second while people write.
async fn blinks(
    mut chain: Chain,
    what: &str,
    leave: impl AsyncFnOnce(&mut Chain),
    come_back: impl AsyncFnOnce(&mut Chain),
) {
    let mut talk = Talk::begin(&chain).await;
    let writers = Writers::begin(&chain, &talk.visitor).await;
    writers.until_all_write().await;
    leave(&mut chain).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    come_back(&mut chain).await;
    let (flows, ready) = tokio::join!(talk.until_it_flows(&chain), chain.until_ready());
    let stored = writers.end().await;
    talk.until_it_has(&stored).await;
    let count = stored.len();
    eprintln!(
        "{what}: messages flow {flows:.1?} and all is ready {ready:.1?} after the return; {count} written meanwhile"
    );
    assert!(flows <= WELL_WITHIN && ready <= WELL_WITHIN, "{what}: flows after {flows:?}, ready after {ready:?}");
}

fn outage_goes_on() -> Duration {
    let seconds = std::env::var("HEALING_OUTAGE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// Present connections swallow what they are told, and say nothing.
async fn wedges(chain: Chain, what: &str, wedge: impl FnOnce(&Chain)) {
    let mut talk = Talk::begin(&chain).await;
    // Many requests at once, so that there are many connections, and then all of them are stuck.
    assert!(talk.crowd(&chain).await, "a crowd is served");
    wedge(&chain);
    let stuck = tokio::spawn(talk.crowd(&chain));
    let flows = talk.until_it_flows(&chain).await;
    let ready = flows + chain.until_ready().await;
    eprintln!("{what}: messages flow after {flows:.1?}, all is ready after {ready:.1?}");
    stuck.abort();
    assert!(ready <= REPLACED_WITHIN, "{what}: flows after {flows:?}, ready after {ready:?}");
}

/// The servers come back one by one, seconds after the services were started.
async fn starts_before_its_servers(shape: Shape) {
    let chain = Chain::start_before_its_servers(shape).await;
    assert!(chain.until("not_ready").await <= SEEN_WITHIN);
    let pipeline = chain.readiness().await.expect("an answer")["parts"]["pipeline"].clone();
    assert_eq!(pipeline["why"], "no lane has been heard yet");
    for link in [&chain.links.redis, &chain.links.rabbitmq, &chain.links.postgres] {
        link.refuse(false);
    }
    let ready = chain.until_ready().await;
    eprintln!("{shape:?} before its servers: all is ready {ready:.1?} after they are there");
    assert!(ready <= WELL_WITHIN, "ready after {ready:?}");
    Talk::begin(&chain).await;
}

macro_rules! a_link {
    ($($name:ident: $shape:ident by $link:ident is $seen_as:literal;)+) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn refuses() {
                let chain = Chain::start(Shape::$shape).await;
                let leave = async |chain: &mut Chain| {
                    chain.links.$link.refuse(true);
                    chain.links.$link.cut();
                };
                let what = concat!(stringify!($name), " refuses");
                vanishes(chain, what, $seen_as, leave, async |chain| chain.links.$link.refuse(false)).await;
            }

            #[tokio::test]
            async fn freezes() {
                let chain = Chain::start(Shape::$shape).await;
                let leave = async |chain: &mut Chain| chain.links.$link.stall(true);
                let what = concat!(stringify!($name), " freezes");
                vanishes(chain, what, $seen_as, leave, async |chain| chain.links.$link.stall(false)).await;
            }

            #[tokio::test]
            async fn is_away_for_a_second() {
                let chain = Chain::start(Shape::$shape).await;
                let leave = async |chain: &mut Chain| {
                    chain.links.$link.refuse(true);
                    chain.links.$link.cut();
                };
                let what = concat!(stringify!($name), " is away for a second");
                blinks(chain, what, leave, async |chain| chain.links.$link.refuse(false)).await;
            }

            #[tokio::test]
            async fn swallows() {
                let chain = Chain::start(Shape::$shape).await;
                wedges(chain, concat!(stringify!($name), " swallows"), |chain| chain.links.$link.wedge()).await;
            }
        }
    )+};
}

a_link! {
    postgres: Distributed by postgres is "not_ready";
    rabbitmq: Distributed by rabbitmq is "degraded";
    redis: Distributed by redis is "degraded";
    chat_service: Distributed by chat_service is "not_ready";
    standalones_postgres: Standalone by postgres is "not_ready";
}

macro_rules! a_service {
    ($($module:ident: $name:literal is $seen_as:literal;)+) => {$(
        mod $module {
            use super::*;

            #[tokio::test]
            async fn is_killed() {
                let chain = Chain::start(Shape::Distributed).await;
                let leave = async |chain: &mut Chain| chain.kill($name);
                let come_back = async |chain: &mut Chain| chain.start_again($name).await;
                vanishes(chain, concat!($name, " is killed"), $seen_as, leave, come_back).await;
            }

            #[tokio::test]
            async fn freezes() {
                let chain = Chain::start(Shape::Distributed).await;
                let leave = async |chain: &mut Chain| chain.freeze($name);
                vanishes(chain, concat!($name, " freezes"), $seen_as, leave, async |chain| chain.thaw($name)).await;
            }
        }
    )+};
}

a_service! {
    chat_services_process: "chat-service" is "not_ready";
    dispatchers_process: "dispatcher" is "degraded";
}

#[tokio::test]
async fn services_start_before_their_servers() {
    starts_before_its_servers(Shape::Distributed).await;
}

#[tokio::test]
async fn standalone_starts_before_its_postgres() {
    starts_before_its_servers(Shape::Standalone).await;
}

#[tokio::test]
async fn the_gateway_tells_how_late_each_lane_is() {
    for shape in [Shape::Standalone, Shape::Distributed] {
        let chain = Chain::start(shape).await;
        for lane in 0..4 {
            let lag = chain.metric(&format!("pipeline_lag_seconds{{lane=\"{lane}\"}}")).await.expect("a lag");
            let silence =
                chain.metric(&format!("pipeline_silence_seconds{{lane=\"{lane}\"}}")).await.expect("a silence");
            assert!((0.0..2.0).contains(&lag) && (0.0..4.5).contains(&silence), "{shape:?}: {lag} {silence}");
        }
        // Beats are no events.
        assert_eq!(chain.metric("events_delivered_total").await, Some(0.0));
    }
}

/// A Redis of the test's own, that it may do anything to.
async fn own_redis() -> (Process, SocketAddr, MultiplexedConnection) {
    let address = free_address();
    let arguments = ["--port", &address.port().to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    let program = Program::at("redis", "redis-server".into());
    let process = arguments.into_iter().fold(program, Program::arg).start();
    let client = ::redis::Client::open(format!("redis://{address}")).expect("a URL");
    let connection = wait_until("Redis", async || client.get_multiplexed_async_connection().await.ok()).await;
    (process, address, connection)
}

/// As after a failover: the old server still answers to who is connected, and nobody publishes there any more.
#[tokio::test]
async fn a_subscription_that_stands_and_brings_nothing_is_renewed() {
    let (_old_process, old_address, mut old) = own_redis().await;
    let (_new_process, new_address, _new) = own_redis().await;
    let chain = Chain::start_on_redis(vec![old_address, new_address]).await;
    let mut talk = Talk::begin(&chain).await;
    let run = async |old: &mut MultiplexedConnection, words: &[&str]| {
        ::redis::cmd(words[0]).arg(&words[1..]).query_async::<::redis::Value>(old).await.expect("Redis does it")
    };
    run(&mut old, &["CONFIG", "SET", "port", "0"]).await;
    let clients: String = ::redis::cmd("CLIENT").arg("LIST").query_async(&mut old).await.expect("clients");
    let dispatchers = clients.lines().filter(|client| client.contains(" name=switchboard-dispatcher:"));
    let ids: Vec<&str> = dispatchers.map(|client| client.split(['=', ' ']).nth(1).expect("an id")).collect();
    assert!(!ids.is_empty(), "{clients}");
    for id in ids {
        run(&mut old, &["CLIENT", "KILL", "ID", id]).await;
    }
    let seen = chain.until("degraded").await;
    let (flows, ready) = tokio::join!(talk.until_it_flows(&chain), chain.until_ready());
    eprintln!(
        "redis elsewhere: degraded after {seen:.1?}, messages flow {flows:.1?} and all is ready {ready:.1?} after that"
    );
    assert!(seen <= SEEN_WITHIN && flows <= WELL_WITHIN && ready <= WELL_WITHIN, "{seen:?} {flows:?} {ready:?}");
    let left: String = ::redis::cmd("CLIENT").arg("LIST").query_async(&mut old).await.expect("clients");
    assert!(!left.contains("name=switchboard-"), "{left}");
}
