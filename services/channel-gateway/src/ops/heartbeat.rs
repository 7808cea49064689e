//! Whether the way from PostgreSQL to this gateway is open: each lane beats once a second, all the way. Silence turns
//! the part `pipeline` of `/readyz` down (delivery is late then, and everything else served), and makes the gateway renew
//! a link that claims to be fine.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::PubSub;
use bus::redis::RedisLeases;
use chat_events::{Beat, LaneCount};
use chrono::Utc;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use telemetry::{Metrics, Part};
use tokio::time::{Instant, MissedTickBehavior};

/// A lane that was silent for longer is down: two beats were lost, and a metric and an alert have to say so within 5 s.
const SILENT_AFTER: Duration = Duration::from_secs(3);

/// A link over which nothing came for longer is renewed.
const DEAF_AFTER: Duration = Duration::from_secs(4);

/// How often silence is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often a link over which nothing comes is renewed. The fault is more likely to be elsewhere; but after each
/// renewal all chats are compared with PostgreSQL, which is the only delivery there is meanwhile.
const RENEW_EVERY: Duration = Duration::from_secs(10);

type Seconds = Family<LaneLabel, Gauge<f64, AtomicU64>>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneLabel {
    lane: i16,
}

/// When each lane was heard last, and the health that follows from it.
pub struct Heartbeat {
    lanes: Mutex<Lanes>,
    part: Part,
    lag: Seconds,
    silence: Seconds,
}

impl Heartbeat {
    /// Down until every lane has been heard. Registers `pipeline_lag_seconds` and `pipeline_silence_seconds`.
    #[must_use]
    pub fn new(part: Part, metrics: &Metrics) -> Arc<Self> {
        let (lag, silence) = (Seconds::default(), Seconds::default());
        let help = "From the commit of a lane's last beat in PostgreSQL until it was heard here";
        metrics.register("pipeline_lag_seconds", help, lag.clone());
        let help = "Time since a lane was last heard here";
        metrics.register("pipeline_silence_seconds", help, silence.clone());
        Arc::new(Self { lanes: Mutex::new(Lanes::awaited(Instant::now())), part, lag, silence })
    }

    /// A beat came.
    pub fn heard(&self, beat: &Beat) {
        self.lanes().heard(beat, Instant::now());
        // A clock that is behind the database's must not make time negative.
        let lag = (Utc::now() - beat.committed_at).as_seconds_f64().max(0.0);
        self.lag.get_or_create(&LaneLabel { lane: beat.lane.0 }).set(lag);
    }

    /// Looks for silence, for ever. Where `leases` are kept they go over the same server, and are renewed with the link.
    pub async fn watch(self: Arc<Self>, pubsub: Arc<dyn PubSub>, leases: Option<Arc<RedisLeases>>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewal = Renewal::default();
        loop {
            let now = looks.tick().await;
            self.tell(now);
            let quiet_since = self.lanes().quiet_since();
            if renewal.is_due(pubsub.is_connected(), quiet_since, now) {
                tracing::warn!("no lane is heard over the link to the bus, which claims to be fine: it is renewed");
                pubsub.renew();
                leases.iter().for_each(|leases| leases.renew());
            }
        }
    }

    fn tell(&self, now: Instant) {
        let lanes = self.lanes();
        match lanes.trouble(now) {
            None => self.part.up(),
            Some(why) => self.part.down(why),
        }
        for (lane, heard) in &lanes.heard {
            self.silence.get_or_create(&LaneLabel { lane: *lane }).set((now - *heard).as_secs_f64());
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When each lane was heard last.
struct Lanes {
    awaited_since: Instant,
    /// As the last beat says.
    count: Option<LaneCount>,
    heard: BTreeMap<i16, Instant>,
}

impl Lanes {
    fn awaited(since: Instant) -> Self {
        Self { awaited_since: since, count: None, heard: BTreeMap::new() }
    }

    fn heard(&mut self, beat: &Beat, now: Instant) {
        self.count = Some(beat.lanes);
        // There may be fewer than there were.
        self.heard.retain(|lane, _| *lane < beat.lanes.get());
        self.heard.insert(beat.lane.0, now);
    }

    /// Why the pipeline is not to be relied on, if so.
    fn trouble(&self, now: Instant) -> Option<String> {
        let Some(count) = self.count else { return Some("no lane has been heard yet".into()) };
        let is_heard = |lane: &i16| self.heard.get(lane).is_some_and(|heard| now - *heard <= SILENT_AFTER);
        let silent: Vec<String> =
            count.lanes().map(|lane| lane.0).filter(|lane| !is_heard(lane)).map(|lane| lane.to_string()).collect();
        (!silent.is_empty())
            .then(|| format!("silent for over {} s: lane {}", SILENT_AFTER.as_secs(), silent.join(", ")))
    }

    /// When anything was heard last.
    fn quiet_since(&self) -> Instant {
        self.heard.values().copied().max().unwrap_or(self.awaited_since)
    }
}

/// When a link is to be given up that claims to be fine.
#[derive(Default)]
struct Renewal {
    /// Since when it has stood without a break.
    stands_since: Option<Instant>,
    last: Option<Instant>,
}

impl Renewal {
    fn is_due(&mut self, is_connected: bool, quiet_since: Instant, now: Instant) -> bool {
        if !is_connected {
            self.stands_since = None;
            return false;
        }
        let stands_since = *self.stands_since.get_or_insert(now);
        let is_quiet = now - quiet_since.max(stands_since) > DEAF_AFTER;
        let is_due = is_quiet && self.last.is_none_or(|last| now - last >= RENEW_EVERY);
        if is_due {
            *self = Self { stands_since: None, last: Some(now) };
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use chat_events::Lane;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn beat(lane: i16, lanes: i32) -> Beat {
        let lanes = LaneCount::new(lanes).expect("in range");
        Beat { lane: Lane(lane), lanes, committed_at: Utc::now() }
    }

    #[test]
    fn the_pipeline_is_up_when_every_lane_has_been_heard_and_down_when_one_falls_silent() {
        let start = Instant::now();
        let mut lanes = Lanes::awaited(start);
        assert_eq!(lanes.trouble(start).as_deref(), Some("no lane has been heard yet"));
        lanes.heard(&beat(0, 2), start);
        assert_eq!(lanes.trouble(start).as_deref(), Some("silent for over 3 s: lane 1"));
        lanes.heard(&beat(1, 2), start);
        assert_eq!(lanes.trouble(start + 3 * SECOND), None);
        lanes.heard(&beat(1, 2), start + 3 * SECOND);
        assert_eq!(lanes.trouble(start + 4 * SECOND).as_deref(), Some("silent for over 3 s: lane 0"));
        lanes.heard(&beat(0, 2), start + 6 * SECOND);
        assert_eq!(lanes.trouble(start + 6 * SECOND), None);
        assert_eq!(lanes.quiet_since(), start + 6 * SECOND);
    }

    #[test]
    fn lanes_that_are_no_more_are_not_missed_and_new_ones_are() {
        let start = Instant::now();
        let mut lanes = Lanes::awaited(start);
        (0..4).for_each(|lane| lanes.heard(&beat(lane, 4), start));
        let later = start + 60 * SECOND;
        (0..2).for_each(|lane| lanes.heard(&beat(lane, 2), later));
        assert_eq!(lanes.trouble(later), None);
        lanes.heard(&beat(0, 3), later);
        assert_eq!(lanes.trouble(later).as_deref(), Some("silent for over 3 s: lane 2"));
    }

    #[test]
    fn a_link_that_stands_and_is_quiet_is_renewed_and_then_given_time() {
        let start = Instant::now();
        let mut renewal = Renewal::default();
        let due: Vec<u64> =
            (0..=30).filter(|second| renewal.is_due(true, start, start + Duration::from_secs(*second))).collect();
        assert_eq!(due, [5, 15, 25]);
    }

    #[test]
    fn a_link_that_broke_by_itself_or_over_which_something_comes_is_left_alone() {
        let start = Instant::now();
        let mut broken = Renewal::default();
        assert!((0..60).all(|second| !broken.is_due(second % 4 != 0, start, start + second * SECOND)));
        let mut heard = Renewal::default();
        assert!((0..60).all(|second| !heard.is_due(true, start + second * SECOND, start + second * SECOND)));
    }
}
