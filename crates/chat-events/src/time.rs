//! Times on the wire: RFC 3339 in UTC, always to the microsecond, as PostgreSQL writes them into events. So a message
//! has one text, wherever it is read.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serializer;

/// A time, as text.
#[must_use]
pub fn text(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A time.
pub fn micros<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(time))
}

/// A time, or null.
pub fn micros_or_null<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => micros(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_second_has_microseconds_too() {
        let time = DateTime::from_timestamp(1_800_000_000, 372_000_000).expect("a time");
        assert_eq!(micros(&time, serde_json::value::Serializer).expect("text"), "2027-01-15T08:00:00.372000Z");
        assert!(micros_or_null(&None, serde_json::value::Serializer).expect("null").is_null());
    }
}
