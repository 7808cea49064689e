//! Does the faults. A fault counts only if messages were in flight through what it hit: at that moment there was a
//! message that was answered and not yet shown by all who are entitled, and message bodies had gone through the
//! connections of that part within the last quarter of a second. The injector waits for such a moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::clients::client::Command;
use crate::cluster::Cluster;
use crate::faults::{Class, Fault, Kind};
use crate::footprint::{Tracker, Trail};
use crate::load::{Listener, Load};
use crate::part::Part;
use crate::proxy::{Direction, Edge};
use crate::record::At;
use crate::recorder::{InFlight, Recorder};

/// A message body went through so lately.
const LATELY: Duration = Duration::from_millis(250);
/// How long a moment with messages in flight is waited for.
const AIM_PATIENCE: Duration = Duration::from_secs(3);
/// After this part of the patience any part of the class will do: one of two dispatchers may have nothing to do.
const PREFERENCE: Duration = Duration::from_millis(600);
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Everything is shown within this time after the healing, or it counts as lost. Gateways compare what they sent with
/// PostgreSQL every 30 s at the latest.
const FLOW_PATIENCE: Duration = Duration::from_secs(40);
/// Nothing older than this is in flight when traffic flows.
const FLOWING: Duration = Duration::from_secs(1);
/// How many messages, and of how many bytes, are written to a client that does not read. A kernel may keep 4 MiB of a
/// stream for it, and the gateway 256 KiB.
const FLOOD: (usize, usize) = (250, 25_000);
/// A connection that the gateway gave up is seen to be over within this time.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// One fault, done.
#[derive(Debug, Clone)]
pub struct Hit {
    /// What.
    pub kind: Kind,
    /// Whom.
    pub target: String,
    /// When.
    pub at: At,
    /// What was in flight then.
    pub in_flight: InFlight,
    /// Whether messages were in flight through what it hit.
    pub counts: bool,
    /// How long it lasted, with the start of what was killed.
    pub outage: Duration,
    /// From the hit until a message that was sent after it had been shown by all.
    pub flowed_after: Option<Duration>,
    /// From the hit until nothing was left behind.
    pub caught_up_after: Option<Duration>,
    /// From the healing until message bodies went through the part again; none if others do its work.
    pub part_after: Option<Duration>,
    /// What the services used meanwhile that were not hit.
    pub trails: BTreeMap<Part, Trail>,
}

/// Whom a fault can be done to.
#[derive(Clone)]
enum Target {
    Part(Part),
    Edge(Arc<Edge>),
    Client(Box<Listener>),
}

/// Does faults.
pub struct Injector {
    cluster: Cluster,
    load: Load,
    recorder: Recorder,
    /// A fault and its aftermath take at least so long.
    pace: Duration,
}

impl Injector {
    /// In a system under load.
    #[must_use]
    pub fn new(cluster: Cluster, load: Load, recorder: Recorder, pace: Duration) -> Self {
        Self { cluster, load, recorder, pace }
    }

    /// The system that faults are done to.
    pub fn cluster(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// Does one fault, heals it, and waits until traffic flows again.
    pub async fn strike(&mut self, fault: Fault) -> anyhow::Result<Hit> {
        let started = Instant::now();
        let mut random = StdRng::seed_from_u64(fault.choice);
        let targets = self.targets(fault.kind, &mut random);
        let (target, counts) = self.aim(&targets).await;
        self.recorder.expect_flow();
        let tracker = Tracker::begin(self.cluster.processes());
        let (at, hit, in_flight) = (self.recorder.now(), Instant::now(), self.recorder.in_flight());
        let felt = self.hit(fault, &target, &mut random).await?;
        let mut done = Hit {
            kind: fault.kind,
            target: self.name(&target),
            at,
            in_flight,
            counts: counts && felt,
            outage: hit.elapsed(),
            flowed_after: None,
            caught_up_after: None,
            part_after: None,
            trails: BTreeMap::new(),
        };
        self.watch(&mut done, &target, hit).await;
        if done.caught_up_after.is_none() {
            self.recorder.give_up(FLOW_PATIENCE);
        }
        sleep(self.pace.saturating_sub(started.elapsed())).await;
        done.trails = tracker.end();
        if let Target::Part(part) = target {
            done.trails.remove(&part);
        }
        Ok(done)
    }

    // --- whom to hit ---------------------------------------------------------------------------------------

    /// Who may be hit, the preferred first.
    fn targets(&self, kind: Kind, random: &mut StdRng) -> Vec<Target> {
        let mut targets: Vec<Target> = match kind {
            Kind::Kill(class) | Kind::Freeze(class) => class.parts().into_iter().map(Target::Part).collect(),
            Kind::Suffer(condition) => vec![Target::Part(condition.part())],
            Kind::Cut | Kind::Stall | Kind::HalfClose => {
                self.cluster.edges().iter().cloned().map(Target::Edge).collect()
            }
            Kind::SlowClient | Kind::HalfOpenClient => {
                self.load.listeners().into_iter().map(|listener| Target::Client(Box::new(listener))).collect()
            }
            Kind::RollingRestart => Class::Gateway.parts().into_iter().map(Target::Part).collect(),
        };
        targets.shuffle(random);
        targets
    }

    /// Waits for a moment with messages in flight through a target. Without one the first is hit, and does not count.
    async fn aim(&self, targets: &[Target]) -> (Target, bool) {
        let started = Instant::now();
        while started.elapsed() < AIM_PATIENCE {
            let choice = if started.elapsed() < PREFERENCE { &targets[..1] } else { targets };
            if self.recorder.in_flight().unseen > 0
                && let Some(target) = choice.iter().find(|target| self.is_busy(target))
            {
                return (target.clone(), true);
            }
            sleep(LOOK_EVERY).await;
        }
        (targets[0].clone(), false)
    }

    fn is_busy(&self, target: &Target) -> bool {
        match target {
            Target::Part(part) => self.cluster.edges_of(*part).any(|edge| edge.meter.had_marks(LATELY)),
            Target::Edge(edge) if carries_hints(edge) => edge.meter.had_bytes(LATELY),
            Target::Edge(edge) => edge.meter.had_marks(LATELY),
            // What is in flight is on its way to all who are in that chat: a visitor only now and then.
            Target::Client(listener) => self.recorder.has_seen_within(listener.viewer, Duration::from_secs(2)),
        }
    }

    fn name(&self, target: &Target) -> String {
        match target {
            Target::Part(part) => part.to_string(),
            Target::Edge(edge) => format!("{} to {}", edge.from, edge.to),
            Target::Client(listener) => listener.name.clone(),
        }
    }

    // --- how to hit ----------------------------------------------------------------------------------------

    /// Hits and heals. Whether the target felt it.
    async fn hit(&mut self, fault: Fault, target: &Target, random: &mut StdRng) -> anyhow::Result<bool> {
        match (fault.kind, target) {
            (Kind::Kill(_), Target::Part(part)) => {
                self.cluster.kill(*part).await?;
                sleep(fault.outage).await;
                self.cluster.start_part(*part)?;
                self.cluster.await_ready(*part).await?;
            }
            (Kind::Freeze(_), Target::Part(part)) => {
                self.cluster.freeze(*part)?;
                sleep(fault.outage).await;
                self.cluster.thaw(*part)?;
            }
            (Kind::Suffer(condition), _) => {
                let suffering = self.cluster.impair(condition).await?;
                sleep(fault.outage).await;
                self.cluster.relieve(suffering).await?;
            }
            (Kind::RollingRestart, _) => {
                for part in Part::SERVICES {
                    self.cluster.restart(part).await?;
                }
            }
            (kind, Target::Edge(edge)) => hit_edge(kind, edge, fault.outage, random).await,
            (Kind::SlowClient, Target::Client(listener)) => return Ok(self.slow(listener, fault.outage).await),
            (_, Target::Client(listener)) => return Ok(self.strand(listener)),
            (_, Target::Part(_)) => {}
        }
        Ok(true)
    }

    /// It stops reading while more is written to it than the buffers on its way hold, and for a while longer.
    async fn slow(&self, listener: &Listener, outage: Duration) -> bool {
        let before = self.recorder.ends(listener.viewer);
        let (resume, until) = oneshot::channel();
        if listener.commands.send(Command::StopReading(until)).is_err() {
            return false;
        }
        self.load.flood(listener, FLOOD.0, FLOOD.1).await;
        sleep(outage).await;
        drop(resume);
        // The gateway has ended the connection; the client reads up to there.
        let deadline = Instant::now() + END_PATIENCE;
        while self.recorder.ends(listener.viewer) == before && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
        }
        self.recorder.ends(listener.viewer) > before
    }

    fn strand(&self, listener: &Listener) -> bool {
        let gateways = self.cluster.edges_of(Part::Clients).filter(|edge| edge.to.program() == "channel-gateway");
        gateways.map(|edge| edge.strand(listener.from)).sum::<usize>() > 0
    }

    // --- what follows --------------------------------------------------------------------------------------

    async fn watch(&self, done: &mut Hit, target: &Target, hit: Instant) {
        let healed = Instant::now();
        let marks = self.passed(target);
        while healed.elapsed() < FLOW_PATIENCE {
            if done.part_after.is_none() && self.passed(target) > marks {
                done.part_after = Some(healed.elapsed());
            }
            done.flowed_after = self.recorder.flows_since().map(|flowed| flowed - hit);
            if done.caught_up_after.is_none() && self.recorder.in_flight().oldest < FLOWING {
                done.caught_up_after = Some(hit.elapsed());
            }
            let part_is_back = done.part_after.is_some() || healed.elapsed() > self.pace;
            if done.flowed_after.is_some() && done.caught_up_after.is_some() && part_is_back {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// What has gone through a target so far.
    fn passed(&self, target: &Target) -> u64 {
        match target {
            Target::Part(part) => self.cluster.edges_of(*part).map(|edge| edge.meter.marks()).sum(),
            Target::Edge(edge) if carries_hints(edge) => edge.meter.bytes(),
            Target::Edge(edge) => edge.meter.marks(),
            Target::Client(listener) => self.recorder.shown_by(listener.viewer),
        }
    }
}

/// With LISTEN and NOTIFY only hints go between PostgreSQL and the dispatchers and gateways, and no message bodies.
fn carries_hints(edge: &Edge) -> bool {
    edge.to == Part::Postgres && !matches!(edge.from, Part::ChatService(_))
}

async fn hit_edge(kind: Kind, edge: &Edge, outage: Duration, random: &mut StdRng) {
    match kind {
        Kind::Cut => {
            edge.refuse(true);
            edge.cut();
        }
        Kind::HalfClose => edge.half_close(if random.random() { Direction::There } else { Direction::Back }),
        _ => edge.stall(true),
    }
    sleep(outage).await;
    edge.heal();
}
