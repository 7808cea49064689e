//! Which parts of a service are up. It is ready when all of them are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// All parts of one process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, Part>>>);

/// One part: whoever looks after it says when it goes up and down. A service that stops takes one down as well, so
/// that nothing new is sent to it.
#[derive(Debug, Clone)]
pub struct Part {
    name: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Up,
    Down { why: String, since: DateTime<Utc> },
}

/// What `/readyz` says.
#[derive(Debug, Clone, Serialize)]
pub struct Readiness {
    /// Whether every part is up.
    pub ready: bool,
    /// Each part.
    pub parts: BTreeMap<String, PartState>,
}

/// One part, as `/readyz` says it.
#[derive(Debug, Clone)]
pub struct PartState(State);

impl Health {
    /// Without any part, which is ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The part of that name. A new one starts down: "starting".
    #[must_use]
    pub fn part(&self, name: &str) -> Part {
        let new = || Part { name: name.into(), state: Arc::new(Mutex::new(State::down("starting"))) };
        lock(&self.0).entry(name.to_owned()).or_insert_with(new).clone()
    }

    /// Whether every part is up, and which are not.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let state = |(name, part): (&String, &Part)| (name.clone(), PartState(lock(&part.state).clone()));
        let parts: BTreeMap<_, _> = lock(&self.0).iter().map(state).collect();
        Readiness { ready: parts.values().all(|part| part.0 == State::Up), parts }
    }

    /// Whether every part is up.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        lock(&self.0).values().all(Part::is_up)
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
}

impl State {
    fn down(why: impl Into<String>) -> Self {
        Self::Down { why: why.into(), since: Utc::now() }
    }
}

impl Serialize for PartState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("up", &(self.0 == State::Up))?;
        if let State::Down { why, since } = &self.0 {
            map.serialize_entry("why", why)?;
            map.serialize_entry("since", since)?;
        }
        map.end()
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
        assert!(health.is_ready());
        let (postgres, redis) = (health.part("postgres"), health.part("redis"));
        assert_eq!(serde_json::to_value(health.readiness()).expect("JSON")["parts"]["redis"]["why"], "starting");
        postgres.up();
        assert!(!health.is_ready());
        redis.up();
        assert!(health.is_ready() && health.readiness().ready);
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
