//! Percentiles of durations, in milliseconds.

use std::time::Duration;

/// The usual ones.
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    /// All zero where there are no durations.
    pub(crate) fn of(durations: impl Iterator<Item = Duration>) -> Self {
        let mut millis: Vec<f64> = durations.map(|duration| duration.as_secs_f64() * 1000.0).collect();
        millis.sort_by(f64::total_cmp);
        let last = millis.len().saturating_sub(1);
        let at = |percent: usize| millis.get((millis.len() * percent / 100).min(last)).copied().unwrap_or_default();
        Self { p50: at(50), p90: at(90), p99: at(99), max: at(100) }
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} | {:.2} | {:.2} | {:.2}", self.p50, self.p90, self.p99, self.max)
    }
}
