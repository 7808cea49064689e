//! A RabbitMQ that is short of memory or disk space, or frozen: it costs nothing while it lasts, and loses nothing but signals.
//! The RabbitMQ is the test's own. `OUTAGE_SECONDS=300` makes outages last longer.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config;
use crate::events::{beat, mark, message, part};
use bus::amqp::{AmqpSignals, AmqpSink, AmqpSource, signal_sink};
use bus::{Batch, Envelope, LaneMetrics, Outcome, SignalMetrics, SignalSink, Sink, Source};
use chat_events::names::EXCHANGE;
use chat_events::{Lane, LaneCount};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use telemetry::Vital;
use test_support::{Process, Program, RedisPrefix, fresh_prefix, wait_until};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

const LANE: Lane = Lane(0);
const MEMORY_ALARM: &str = "vm_memory_monitor:set_vm_memory_high_watermark(0.0001)";
const USUAL_MEMORY: &str = "vm_memory_monitor:set_vm_memory_high_watermark(0.4)";
/// Signals between two messages.
const SIGNALS: i64 = 400;
/// For giving all of them to the sink, which waits for nobody: an outage takes many times as long, and a busy machine lets nobody wait
/// for this long.
const SIGNALS_TAKE_AT_MOST: Duration = Duration::from_secs(2);
/// Between two messages.
const PAUSE: Duration = Duration::from_millis(150);
/// One that is frozen is found so in 5 s; after that every try makes a link.
const OUTAGE_SECONDS: u64 = 14;

fn outage() -> Duration {
    let seconds = std::env::var("OUTAGE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(OUTAGE_SECONDS))
}

/// A RabbitMQ that may be hurt.
struct Own {
    process: Process,
    url: String,
    script: PathBuf,
    area: String,
}

impl Own {
    async fn start(name: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/local/faults.sh");
        let area = format!(".run/test/own-{name}");
        let process = Program::at("rabbitmq", script.clone())
            .arg("alone")
            .arg("rabbitmq")
            .env("FAULTS_AREA", &area)
            .env("DIES_WITH_US", "KILL")
            .start();
        let address =
            async || process.log().iter().find_map(|line| line.strip_prefix("url: ").map(|url| url.trim().to_owned()));
        let url = wait_until("the address of RabbitMQ", address).await;
        let served = async || Connection::connect(&url, ConnectionProperties::default()).await.ok().map(drop);
        // It takes most of a minute where much else goes on.
        for _ in 0..9 {
            if timeout(Duration::from_secs(25), wait_quietly(&served)).await.is_ok() {
                break;
            }
        }
        Self { process, url, script, area }
    }

    fn control(&self, expression: &str) {
        let program = Program::at("rabbitmq control", self.script.clone()).env("FAULTS_AREA", &self.area);
        let answer = program.arg("control").arg(expression).run("");
        assert!(answer.starts_with("{ok,"), "{expression}: {answer}");
    }

    /// Descriptors of the server that are sockets.
    fn sockets(&self) -> usize {
        sockets_of(self.process.id())
    }
}

async fn wait_quietly(done: &impl AsyncFn() -> Option<()>) {
    while done().await.is_none() {
        sleep(Duration::from_millis(200)).await;
    }
}

fn sockets_of(process: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{process}/fd")).expect("a process").flatten();
    files.filter(|file| fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))).count()
}

/// What this process uses.
#[derive(Debug, Clone, Copy)]
struct Footprint {
    mebibytes: u64,
    threads: u64,
    sockets: usize,
}

impl Footprint {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("Linux");
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.split_whitespace().next().expect("a number").parse().expect("a number")
        };
        Self { mebibytes: field("VmRSS:") / 1024, threads: field("Threads:"), sockets: sockets_of(std::process::id()) }
    }

    fn most(self, other: Self) -> Self {
        Self {
            mebibytes: self.mebibytes.max(other.mebibytes),
            threads: self.threads.max(other.threads),
            sockets: self.sockets.max(other.sockets),
        }
    }
}

/// Signals from one end to the other, beside the relay of a lane.
struct Signals {
    sink: SignalSink,
    taken: SignalMetrics,
    _stop: DropGuard,
    _prefix: RedisPrefix,
}

impl Signals {
    fn start(own: &Own) -> Self {
        let (prefix, taken, stop) = (fresh_prefix(), SignalMetrics::default(), CancellationToken::new());
        let vital = Vital::new();
        let to_redis = bus::redis::signal_sink(&config::redis(&prefix), &vital).expect("a URL");
        let taker = AmqpSignals::new(own.url.as_str().into(), part(), to_redis, taken.clone());
        tokio::spawn(taker.run(stop.clone()));
        let sink = signal_sink(own.url.as_str().into(), &vital);
        Self { sink, taken, _stop: stop.drop_guard(), _prefix: prefix }
    }

    /// Many at once.
    fn send(&self) {
        let started = Instant::now();
        (0..SIGNALS).for_each(|seq| self.sink.send(mark(seq)));
        assert!(started.elapsed() < SIGNALS_TAKE_AT_MOST, "{:?}", started.elapsed());
    }

    async fn until_they_come(&self) {
        let taken = self.taken.taken();
        wait_until("signals to come", async || {
            self.send();
            (self.taken.taken() > taken).then_some(())
        })
        .await;
    }
}

/// The relay of a lane, and what it could not publish yet.
struct Relay {
    signals: Signals,
    sink: AmqpSink,
    written: i64,
    waiting: Vec<Envelope>,
    why: Option<String>,
}

impl Relay {
    /// One more message, and a beat; what waits goes first.
    async fn turn(&mut self) {
        self.signals.send();
        self.written += 1;
        self.waiting.push(message(4, self.written));
        let outcomes = self.sink.publish(&self.waiting).await;
        self.why = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Refused(why) => Some(why.clone()),
            _ => None,
        });
        let mut outcomes = outcomes.into_iter();
        self.waiting.retain(|_| outcomes.next() != Some(Outcome::Taken));
        let _told = self.sink.beat(&beat()).await;
        sleep(PAUSE).await;
    }

    /// Goes on for the time of an outage; the most that was used meanwhile.
    async fn endure(&mut self) -> Footprint {
        let (until, mut most) = (Instant::now() + outage(), Footprint::now());
        while Instant::now() < until {
            self.turn().await;
            most = most.most(Footprint::now());
        }
        most
    }

    async fn until_all_is_published(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.waiting.is_empty() || self.why.is_some() {
            assert!(Instant::now() < deadline, "still waits: {:?}", self.why);
            self.turn().await;
        }
    }
}

/// Takes until the message has come; each comes at least once, and none before the one that it follows.
async fn take_until(source: &mut AmqpSource, top: &mut i64, last: i64) {
    let take = async {
        while *top < last {
            match source.next().await {
                Ok(Batch::Events(batch)) => {
                    let taken = vec![Outcome::Taken; batch.len()];
                    let _lost_with_the_link = source.settle(&batch, &taken).await;
                    for Envelope { event, .. } in &batch {
                        assert!(event.seq.0 <= *top + 1, "{} after {top}", event.seq);
                        *top = (*top).max(event.seq.0);
                    }
                }
                Ok(Batch::Beat(_)) => {
                    let _lost_with_the_link = source.forget_beat().await;
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    };
    timeout(Duration::from_secs(60), take).await.expect("everything that was published comes");
}

/// What an outage is, and how it ends.
enum Trouble {
    Alarm { begin: &'static str, end: &'static str, why: &'static str },
    Freeze,
}

/// `last` is the last message of the troubles before: its receipt may be lost, and then it comes again.
async fn is_endured(own: &Own, last: &mut i64, name: &str, trouble: Trouble) {
    let sink = AmqpSink::new(own.url.as_str().into(), LaneCount::new(1).expect("in range"), part());
    let mut source = AmqpSource::new(own.url.as_str().into(), LANE, LaneMetrics::unregistered(), part());
    let mut relay = Relay { signals: Signals::start(own), sink, written: *last, waiting: Vec::new(), why: None };
    let mut top = *last;
    // The first link, and the first of everything.
    for _ in 0..5 {
        relay.turn().await;
    }
    relay.until_all_is_published().await;
    take_until(&mut source, &mut top, relay.written).await;
    relay.signals.until_they_come().await;
    let dropped_before = relay.signals.sink.dropped();
    let (before, at_broker) = (Footprint::now(), own.sockets());

    match &trouble {
        Trouble::Alarm { begin, .. } => own.control(begin),
        Trouble::Freeze => own.process.freeze(),
    }
    let most = relay.endure().await;
    let (why, at_broker_then) = (relay.why.clone(), own.sockets());
    let dropped = relay.signals.sink.dropped() - dropped_before;
    match &trouble {
        Trouble::Alarm { end, .. } => own.control(end),
        Trouble::Freeze => own.process.thaw(),
    }
    relay.until_all_is_published().await;
    take_until(&mut source, &mut top, relay.written).await;
    relay.signals.until_they_come().await;
    assert!(dropped > 0, "{name}: signals are dropped and counted");
    let after = wait_until("old links to be gone", async || {
        let now = Footprint::now();
        (now.threads <= before.threads && now.sockets <= before.sockets).then_some(now)
    })
    .await;
    eprintln!(
        "{name}: {before:?}, at the most {most:?}, after it {after:?}; at the broker {at_broker}, {at_broker_then}; {dropped} \
         signals dropped"
    );
    let room = match trouble {
        Trouble::Alarm { why: wanted, .. } => {
            assert_eq!(why.as_deref(), Some(wanted));
            assert!(at_broker_then <= at_broker, "no other connection is opened: {at_broker_then}");
            0
        }
        // The relay, and each end of the signals: those that are just being tried.
        Trouble::Freeze => 3,
    };
    assert!(most.threads <= before.threads + room, "{most:?}");
    assert!(most.sockets <= before.sockets + usize::try_from(room).expect("small"), "{most:?}");
    assert!(most.mebibytes <= before.mebibytes + 48, "{most:?}");
    *last = top;
}

#[tokio::test]
async fn alarms_and_a_frozen_rabbitmq_cost_nothing_and_lose_nothing() {
    let own = Own::start("rabbitmq").await;
    let mut last = 0;
    let (begin, end, why) = (MEMORY_ALARM, USUAL_MEMORY, "RabbitMQ is blocked (low on memory)");
    is_endured(&own, &mut last, "memory alarm", Trouble::Alarm { begin, end, why }).await;
    let begin = "rabbit_disk_monitor:set_disk_free_limit(1000000000000000)";
    let end = "rabbit_disk_monitor:set_disk_free_limit(\"50MB\")";
    let why = "RabbitMQ is blocked (low on disk)";
    is_endured(&own, &mut last, "disk alarm", Trouble::Alarm { begin, end, why }).await;
    is_endured(&own, &mut last, "frozen", Trouble::Freeze).await;
}

/// What cannot be read is buried over a link of its own: the lane's link would be blocked by it, acknowledgements and all.
#[tokio::test]
async fn a_lane_goes_on_while_its_dead_letters_wait_for_a_blocked_broker() {
    let own = Own::start("dead-letters").await;
    let metrics = LaneMetrics::unregistered();
    let mut source = AmqpSource::new(own.url.as_str().into(), LANE, metrics.clone(), part());
    let sink = AmqpSink::new(own.url.as_str().into(), LaneCount::new(1).expect("in range"), part());
    let mut relay = Relay { signals: Signals::start(&own), sink, written: 0, waiting: Vec::new(), why: None };
    relay.turn().await;
    relay.until_all_is_published().await;
    let connection = Connection::connect(&own.url, ConnectionProperties::default()).await.expect("RabbitMQ");
    let channel = connection.create_channel().await.expect("a channel");
    let (key, options) = ("chat.message.sent.0", BasicPublishOptions::default());
    let junk = channel.basic_publish(EXCHANGE.into(), key.into(), options, b"no event", BasicProperties::default());
    junk.await.expect("published");
    relay.turn().await;
    relay.until_all_is_published().await;
    let last = relay.written;
    own.control(MEMORY_ALARM);
    let deadline = Instant::now() + Duration::from_secs(30);
    while relay.why.is_none() {
        assert!(Instant::now() < deadline, "the alarm is not felt");
        relay.turn().await;
    }

    let mut top = 0;
    take_until(&mut source, &mut top, last).await;
    // Time to bury, and to have tried again.
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        if let Ok(Ok(Batch::Beat(_))) = timeout(Duration::from_secs(1), source.next()).await {
            source.forget_beat().await.expect("acknowledged");
        }
    }
    assert_eq!(metrics.unreadable(), 0, "nothing is buried while the broker is blocked");
    own.control(USUAL_MEMORY);
    wait_until("the dead letter", async || {
        let _nothing = timeout(Duration::from_secs(1), source.next()).await;
        (metrics.unreadable() == 1).then_some(())
    })
    .await;
}
