//! A sign of life that runs the whole way from the outbox to the gateways, each second, for each lane.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{Lane, LaneCount};

/// One beat of a lane, as sent to RabbitMQ, Redis and NOTIFY. It tells of no chat: nobody but the parts of the pipeline
/// and the gateways' health takes note of it, and one that is lost is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Which lane is alive.
    pub lane: Lane,
    /// How many lanes must be.
    pub lanes: LaneCount,
    /// When PostgreSQL wrote it: the start of the lag.
    pub committed_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_is_read_back_and_a_wrong_number_of_lanes_is_refused() {
        let json = r#"{"lane":3,"lanes":4,"committed_at":"2026-01-01T00:00:00Z"}"#;
        let beat: Beat = serde_json::from_str(json).expect("a beat");
        assert_eq!((beat.lane, beat.lanes.get()), (Lane(3), 4));
        assert_eq!(serde_json::to_string(&beat).expect("JSON"), json);
        assert!(serde_json::from_str::<Beat>(&json.replace("\"lanes\":4", "\"lanes\":0")).is_err());
    }
}
