//! Rows that cannot be read: by hand, by another version or by a fault of ours something got into the database that does not
//! fit its type. Such a row fails nothing but itself: it is left out, or shown without the part that is bad, counted, and
//! told to the log now and then.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use serde::de::DeserializeOwned;
use serde_json::Value;
use telemetry::Metrics;

/// The kind of value that cannot be read: the label of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum What {
    Activity,
    Chat,
    Mark,
    Member,
    Message,
    Metadata,
    Session,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    what: What,
}

/// Lines a second in the log; the metric counts all.
const LINES: NonZeroU32 = NonZeroU32::MIN;
const LINES_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// Where a time cannot be told: 1970.
const NO_TIME: &str = "1970-01-01T00:00:00.000000Z";

/// Counts and tells of rows that cannot be read. Clones are cheap.
#[derive(Debug, Clone)]
pub(crate) struct BadRows {
    counts: Family<Labels, Counter>,
    lines: Arc<DefaultDirectRateLimiter>,
}

impl Default for BadRows {
    fn default() -> Self {
        let lines = RateLimiter::direct(Quota::per_second(LINES).allow_burst(LINES_AT_ONCE));
        Self { counts: Family::default(), lines: Arc::new(lines) }
    }
}

impl BadRows {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register(
            "rows_unreadable",
            "Reads of rows, or of parts of them, that were left out",
            this.counts.clone(),
        );
        this
    }

    /// Counts a row that is left out. The words must not hold the content of the row.
    pub(crate) fn skip(&self, what: What, id: i64, why: &str) {
        self.counts.get_or_create(&Labels { what }).inc();
        if self.lines.check().is_ok() {
            tracing::error!(?what, id, why, "a row that cannot be read is left out");
        }
    }

    /// A value that is JSON of the given type, or none and counted.
    pub(crate) fn json<T: DeserializeOwned>(&self, what: What, id: i64, json: &str) -> Option<T> {
        let read = serde_json::from_str(json).ok();
        if read.is_none() {
            self.skip(what, id, "it does not fit its type");
        }
        read
    }

    /// The same of something that may be worth showing without its bad parts.
    pub(crate) fn mended<T: DeserializeOwned>(
        &self,
        what: What,
        id: i64,
        json: &str,
        mend: impl FnOnce(&mut Parts<'_>),
    ) -> Option<T> {
        if let Ok(whole) = serde_json::from_str(json) {
            return Some(whole);
        }
        let mut value: Value = self.json(what, id, json)?;
        mend(&mut Parts { bad_rows: self, id, value: &mut value });
        let read = serde_json::from_value(value).ok();
        if read.is_none() {
            self.skip(what, id, "it does not fit its type");
        }
        read
    }
}

/// An object of which something is bad.
pub(crate) struct Parts<'a> {
    bad_rows: &'a BadRows,
    id: i64,
    value: &'a mut Value,
}

impl Parts<'_> {
    /// Makes a field null that does not fit its type.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self, field: &str, what: What) {
        let Some(part) = self.value.get_mut(field) else { return };
        if serde_json::from_value::<Option<T>>(part.clone()).is_err() {
            *part = Value::Null;
            self.bad_rows.skip(what, self.id, field_is_bad(what));
        }
    }

    /// Takes items out of a list that do not fit their type.
    pub(crate) fn items<T: DeserializeOwned>(&mut self, field: &str, what: What) {
        let Some(items) = self.value.get_mut(field).and_then(Value::as_array_mut) else { return };
        items.retain(|item| {
            let is_good = serde_json::from_value::<T>(item.clone()).is_ok();
            if !is_good {
                self.bad_rows.skip(what, self.id, field_is_bad(what));
            }
            is_good
        });
    }

    /// Puts 1970 in the place of a time that clients cannot read.
    pub(crate) fn time(&mut self, field: &str, what: What) {
        let Some(time) = self.value.get_mut(field) else { return };
        if serde_json::from_value::<chrono::DateTime<chrono::Utc>>(time.clone()).is_err() {
            *time = NO_TIME.into();
            self.bad_rows.skip(what, self.id, "a time is out of range");
        }
    }
}

fn field_is_bad(what: What) -> &'static str {
    match what {
        What::Session => "the session of a chat does not fit its type",
        What::Mark => "a mark of a chat does not fit its type",
        _ => "a part of it does not fit its type",
    }
}
