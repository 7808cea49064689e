//! What is done to the system, and in which order: drawn from a seed. Pure.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::cluster::PubSub;
use crate::cluster::condition::Condition;
use crate::part::Part;

/// A part is kept down for at least this long.
const SHORTEST_OUTAGE: Duration = Duration::from_millis(500);

/// Parts of one sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Either chat-service.
    ChatService,
    /// Either dispatcher.
    Dispatcher,
    /// Either gateway.
    Gateway,
    /// Redis; killed, it comes back empty.
    Redis,
    /// RabbitMQ.
    RabbitMq,
    /// PostgreSQL.
    Postgres,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9`, and a start after the outage.
    Kill(Class),
    /// `SIGSTOP`, and `SIGCONT` after the outage.
    Freeze(Class),
    /// A server runs on, but falls into a condition for the outage.
    Suffer(Condition),
    /// All connections between two parts are reset, and new ones refused during the outage.
    Cut,
    /// Nothing goes through between two parts during the outage, and neither is told.
    Stall,
    /// All connections between two parts end in one direction only.
    HalfClose,
    /// A client reads nothing during the outage, while much is written to it.
    SlowClient,
    /// A client vanishes without a word and comes back; its gateway is not told.
    HalfOpenClient,
    /// Every service is asked to end and started again, one after the other.
    RollingRestart,
}

/// One fault, planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// Decides who is hit, together with where traffic is.
    pub choice: u64,
    /// How long it lasts.
    pub outage: Duration,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::ChatService, Self::Dispatcher, Self::Gateway, Self::Redis, Self::RabbitMq, Self::Postgres];

    /// Its parts.
    #[must_use]
    pub fn parts(self) -> Vec<Part> {
        match self {
            Self::ChatService => vec![Part::ChatService(1), Part::ChatService(2)],
            Self::Dispatcher => vec![Part::Dispatcher(1), Part::Dispatcher(2)],
            Self::Gateway => vec![Part::Gateway(1), Part::Gateway(2)],
            Self::Redis => vec![Part::Redis],
            Self::RabbitMq => vec![Part::RabbitMq],
            Self::Postgres => vec![Part::Postgres],
        }
    }
}

/// Every kind that there is with this pub/sub.
#[must_use]
pub fn kinds(pubsub: PubSub) -> Vec<Kind> {
    let classes = Class::ALL.into_iter().filter(|class| pubsub == PubSub::Redis || *class != Class::Redis);
    let classes: Vec<Class> = classes.collect();
    let of_classes =
        classes.iter().map(|class| Kind::Kill(*class)).chain(classes.iter().map(|class| Kind::Freeze(*class)));
    let conditions = Condition::ALL.into_iter();
    let conditions = conditions.filter(|condition| pubsub == PubSub::Redis || condition.part() != Part::Redis);
    let others =
        [Kind::Cut, Kind::Stall, Kind::HalfClose, Kind::SlowClient, Kind::HalfOpenClient, Kind::RollingRestart];
    of_classes.chain(conditions.map(Kind::Suffer)).chain(others).collect()
}

/// The faults of a run: each kind once in each round, in an order of its own.
#[must_use]
pub fn schedule(seed: u64, rounds: u32, longest: Duration, pubsub: PubSub) -> Vec<Fault> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut faults = Vec::new();
    for _ in 0..rounds {
        let mut round = kinds(pubsub);
        round.shuffle(&mut random);
        faults.extend(round.into_iter().map(|kind| draw(kind, longest, &mut random)));
    }
    faults
}

/// What lasts for minutes where it happens: nothing that a service uses may grow with it.
#[must_use]
pub fn endurance(seed: u64, outage: Duration, pubsub: PubSub) -> Vec<Fault> {
    let mut random = StdRng::seed_from_u64(seed);
    let kinds = [
        Kind::Suffer(Condition::MemoryAlarm),
        Kind::Suffer(Condition::DiskAlarm),
        Kind::Freeze(Class::RabbitMq),
        Kind::Freeze(Class::Redis),
        Kind::Freeze(Class::Postgres),
    ];
    let kinds = kinds.into_iter().filter(|kind| pubsub == PubSub::Redis || *kind != Kind::Freeze(Class::Redis));
    kinds.map(|kind| Fault { kind, choice: random.random(), outage }).collect()
}

/// The faults of a short run: every `kill -9`, every condition, and what only clients and connections suffer.
#[must_use]
pub fn short_schedule(seed: u64, longest: Duration, pubsub: PubSub) -> Vec<Fault> {
    let is_in = |kind: &Kind| !matches!(kind, Kind::Freeze(_) | Kind::RollingRestart);
    schedule(seed, 1, longest, pubsub).into_iter().filter(|fault| is_in(&fault.kind)).collect()
}

fn draw(kind: Kind, longest: Duration, random: &mut StdRng) -> Fault {
    let outage = random.random_range(SHORTEST_OUTAGE..=longest.max(SHORTEST_OUTAGE));
    Fault { kind, choice: random.random(), outage }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parts()[0].program())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(Class::Redis) => f.write_str("kill -9 redis, empty"),
            Self::Kill(class) => write!(f, "kill -9 {class}"),
            Self::Freeze(class) => write!(f, "SIGSTOP {class}"),
            Self::Suffer(condition) => f.write_str(condition.name()),
            Self::Cut => f.write_str("cut connections"),
            Self::Stall => f.write_str("stalled connections"),
            Self::HalfClose => f.write_str("half-closed connections"),
            Self::SlowClient => f.write_str("slow client"),
            Self::HalfOpenClient => f.write_str("half-open client"),
            Self::RollingRestart => f.write_str("rolling restart"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(4);

    #[test]
    fn a_seed_always_gives_the_same_schedule() {
        let draw = |seed| schedule(seed, 3, LONGEST, PubSub::Redis);
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn each_kind_comes_once_in_each_round() {
        for pubsub in [PubSub::Redis, PubSub::Pg] {
            let mut counts: HashMap<Kind, u32> = HashMap::new();
            for fault in schedule(7, 3, LONGEST, pubsub) {
                *counts.entry(fault.kind).or_default() += 1;
                assert!((SHORTEST_OUTAGE..=LONGEST).contains(&fault.outage));
            }
            assert_eq!(counts.len(), kinds(pubsub).len());
            assert!(counts.values().all(|count| *count == 3), "{counts:?}");
        }
    }

    #[test]
    fn redis_is_hit_only_where_it_is_used() {
        let redis = |pubsub| kinds(pubsub).contains(&Kind::Kill(Class::Redis));
        assert!(redis(PubSub::Redis) && !redis(PubSub::Pg));
    }

    #[test]
    fn a_short_run_kills_every_sort_of_part() {
        let faults = short_schedule(7, LONGEST, PubSub::Redis);
        let kills = faults.iter().filter(|fault| matches!(fault.kind, Kind::Kill(_))).count();
        assert_eq!(kills, Class::ALL.len());
    }
}
