//! A Redis that answers and takes nothing: full, or a replica by now. It is the test's own.

use std::net::TcpListener;
use std::time::Duration;

use crate::events::message;
use bus::redis::RedisSink;
use bus::{Outcome, PubSubBackend, PubSubConfig, Sink};
use redis::aio::MultiplexedConnection;
use telemetry::{Health, Part};
use test_support::{Process, Program, wait_until};

/// A Redis that may be hurt, and the sink that it is.
struct Own {
    _process: Process,
    conn: MultiplexedConnection,
    sink: RedisSink,
    part: Part,
}

impl Own {
    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number").port();
        let arguments = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let program = Program::at("redis", "redis-server".into());
        let process = arguments.into_iter().fold(program, Program::arg).start();
        let url = format!("redis://127.0.0.1:{port}");
        let client = redis::Client::open(url.as_str()).expect("a URL");
        let conn = wait_until("Redis", async || client.get_multiplexed_async_connection().await.ok()).await;
        let config = PubSubConfig {
            backend: PubSubBackend::Redis,
            redis_url: Some(url.into()),
            redis_ca_file: None,
            redis_prefix: String::new(),
            stream_length: 1000,
            stream_ttl: Duration::from_secs(3600),
        };
        let part = Health::new().part("redis");
        let sink = RedisSink::new(&config, part.clone()).expect("a URL");
        Self { _process: process, conn, sink, part }
    }

    async fn run(&mut self, words: &[&str]) {
        redis::cmd(words[0]).arg(&words[1..]).exec_async(&mut self.conn).await.expect("Redis does it");
    }

    /// Nothing is taken, the part is down, and both are over when it is well again.
    async fn takes_nothing_between(&mut self, begin: &[&str], end: &[&str], why: &str) {
        assert_eq!(self.sink.publish(&[message(4, 1)]).await, [Outcome::Taken]);
        assert!(self.part.is_up());
        self.run(begin).await;
        for _ in 0..3 {
            let outcomes = self.sink.publish(&[message(4, 2), message(4, 3), message(5, 1)]).await;
            let [Outcome::Refused(said), Outcome::Held, Outcome::Refused(_)] = &outcomes[..] else {
                panic!("{outcomes:?}")
            };
            assert!(said.contains(why), "{said}");
            assert!(!self.part.is_up(), "a Redis that takes nothing is down");
        }
        self.run(end).await;
        let all = [message(4, 2), message(4, 3), message(5, 1)];
        wait_until("all to be taken", async || {
            (self.sink.publish(&all).await == vec![Outcome::Taken; 3]).then_some(())
        })
        .await;
        assert!(self.part.is_up());
    }
}

#[tokio::test]
async fn a_redis_without_memory_is_down_and_takes_all_once_it_has_some() {
    let mut own = Own::start().await;
    let (full, well) = (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]);
    own.takes_nothing_between(&full, &well, "OOM").await;
}

#[tokio::test]
async fn a_redis_that_became_a_replica_is_down_and_takes_all_once_it_is_the_master_again() {
    let mut own = Own::start().await;
    let (replica, master) = (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]);
    own.takes_nothing_between(&replica, &master, "READONLY").await;
}
