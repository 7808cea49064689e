//! Which parts of a service are up. It is ready while all parts are up that it needs to serve requests; a part whose
//! outage only delays later messages makes it degraded, and it goes on serving.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::Metrics;

/// All parts of one process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, Part>>>);

/// One part: its owner says when it goes up and down. A service that stops takes one down as well, so that nothing new
/// is sent to it.
#[derive(Debug, Clone)]
pub struct Part {
    name: Arc<str>,
    if_down: IfDown,
    state: Arc<Mutex<State>>,
}

/// The effect of a part's outage on its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IfDown {
    /// It cannot serve requests: other instances are to be asked instead.
    NotReady,
    /// All requests are served; some messages come later. Taking it out would help nobody, since all instances share
    /// that outage.
    Degraded,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Up,
    Down { why: String, since: DateTime<Utc> },
}

/// The status of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every part is up.
    Ready,
    /// It serves requests, but some messages are late.
    Degraded,
    /// It cannot serve.
    NotReady,
}

/// The answer of `/readyz`.
#[derive(Debug, Clone, Serialize)]
pub struct Readiness {
    /// In a word.
    pub status: Status,
    /// Whether it can serve requests.
    pub ready: bool,
    /// Each part.
    pub parts: BTreeMap<String, PartState>,
}

/// One part, as `/readyz` says it.
#[derive(Debug, Clone)]
pub struct PartState {
    if_down: IfDown,
    state: State,
}

impl Health {
    /// Without any part, which is ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A part without which the service cannot serve requests. A new one starts down: "starting".
    #[must_use]
    pub fn part(&self, name: &str) -> Part {
        self.part_that(name, IfDown::NotReady)
    }

    /// A part whose outage only delays messages of the service to others.
    #[must_use]
    pub fn delaying_part(&self, name: &str) -> Part {
        self.part_that(name, IfDown::Degraded)
    }

    fn part_that(&self, name: &str, if_down: IfDown) -> Part {
        let new = || Part { name: name.into(), if_down, state: Arc::new(Mutex::new(State::down("starting"))) };
        lock(&self.0).entry(name.to_owned()).or_insert_with(new).clone()
    }

    /// How the service is, and each of its parts.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let state = |(name, part): (&String, &Part)| (name.clone(), part.shown());
        let parts: BTreeMap<_, _> = lock(&self.0).iter().map(state).collect();
        let is_down = |means| parts.values().any(|part| part.if_down == means && part.state != State::Up);
        let status = if is_down(IfDown::NotReady) {
            Status::NotReady
        } else if is_down(IfDown::Degraded) {
            Status::Degraded
        } else {
            Status::Ready
        };
        Readiness { status, ready: status != Status::NotReady, parts }
    }

    /// Shows each part as the metric `part_up`: 1 or 0.
    pub fn register(&self, metrics: &Metrics) {
        metrics.collect(PartsUp(self.clone()));
    }
}

impl Part {
    /// It works.
    pub fn up(&self) {
        let before = std::mem::replace(&mut *lock(&self.state), State::Up);
        if before != State::Up {
            tracing::info!(part = &*self.name, "part is up");
        }
    }

    /// It does not. The reason is shown at `/readyz` and in the log: it must hold no secret.
    pub fn down(&self, why: impl Into<String>) {
        let why = why.into();
        let mut state = lock(&self.state);
        match &mut *state {
            State::Down { why: before, .. } => *before = why,
            State::Up => {
                tracing::warn!(part = &*self.name, why, "part is down");
                *state = State::down(why);
            }
        }
    }

    /// Whether it works.
    #[must_use]
    pub fn is_up(&self) -> bool {
        *lock(&self.state) == State::Up
    }

    fn shown(&self) -> PartState {
        PartState { if_down: self.if_down, state: lock(&self.state).clone() }
    }
}

impl State {
    fn down(why: impl Into<String>) -> Self {
        Self::Down { why: why.into(), since: Utc::now() }
    }
}

impl Serialize for PartState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("up", &(self.state == State::Up))?;
        map.serialize_entry("if_down", &self.if_down)?;
        if let State::Down { why, since } = &self.state {
            map.serialize_entry("why", why)?;
            map.serialize_entry("since", since)?;
        }
        map.end()
    }
}

/// The metric `part_up`. The names of parts are the program's own, so there are few.
#[derive(Debug)]
struct PartsUp(Health);

impl Collector for PartsUp {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let parts: Vec<Part> = lock(&self.0.0).values().cloned().collect();
        let help = "Whether a part works; if_down says what its outage means for the service";
        let mut family = encoder.encode_descriptor("part_up", help, None, MetricType::Gauge)?;
        for part in parts {
            let if_down = match part.if_down {
                IfDown::NotReady => "not_ready",
                IfDown::Degraded => "degraded",
            };
            let labels = [("part", &*part.name), ("if_down", if_down)];
            ConstGauge::new(i64::from(part.is_up())).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// A panic of another holder leaves nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_every_part_is_up() {
        let health = Health::new();
        assert!(health.readiness().ready);
        let (postgres, redis) = (health.part("postgres"), health.part("redis"));
        assert_eq!(serde_json::to_value(health.readiness()).expect("JSON")["parts"]["redis"]["why"], "starting");
        postgres.up();
        assert_eq!(health.readiness().status, Status::NotReady);
        redis.up();
        assert_eq!(health.readiness().status, Status::Ready);
    }

    #[test]
    fn a_part_that_only_delays_degrades_and_takes_nothing_out() {
        let (health, metrics) = (Health::new(), Metrics::new());
        health.register(&metrics);
        let (postgres, broker) = (health.part("postgres"), health.delaying_part("rabbitmq lane 0"));
        postgres.up();
        let degraded = health.readiness();
        assert!(degraded.ready && degraded.status == Status::Degraded);
        let shown = serde_json::to_value(&degraded).expect("JSON");
        assert_eq!(shown["status"], "degraded");
        assert_eq!(shown["parts"]["rabbitmq lane 0"]["if_down"], "degraded");
        assert_eq!(shown["parts"]["postgres"]["if_down"], "not_ready");
        let text = metrics.encode();
        assert!(text.contains("part_up{part=\"rabbitmq lane 0\",if_down=\"degraded\"} 0\n"), "{text}");
        assert!(text.contains("part_up{part=\"postgres\",if_down=\"not_ready\"} 1\n"), "{text}");
        postgres.down("gone");
        assert_eq!(health.readiness().status, Status::NotReady);
        postgres.up();
        broker.up();
        assert_eq!(health.readiness().status, Status::Ready);
    }

    #[test]
    fn a_part_that_is_down_says_why_and_since_when() {
        let health = Health::new();
        let redis = health.part("redis");
        redis.up();
        redis.down("connection refused");
        let first = serde_json::to_value(health.readiness()).expect("JSON");
        redis.down("timed out");
        let second = serde_json::to_value(health.readiness()).expect("JSON");
        assert_eq!(first["ready"], false);
        assert_eq!(first["parts"]["redis"]["why"], "connection refused");
        assert_eq!(second["parts"]["redis"]["why"], "timed out");
        assert_eq!(first["parts"]["redis"]["since"], second["parts"]["redis"]["since"]);
    }

    #[test]
    fn a_part_asked_for_twice_is_the_same() {
        let health = Health::new();
        health.part("relay").up();
        assert!(health.part("relay").is_up());
    }
}
