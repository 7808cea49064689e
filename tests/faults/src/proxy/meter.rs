//! Counts what goes through a proxy: bytes, and message bodies, which all begin with a mark.
//!
//! No part compresses or encrypts what it sends to another here, and only what clients send over a socket is masked: so
//! the mark is found in PostgreSQL's protocol, AMQP, Redis's and HTTP alike.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What every message body of the run begins with.
pub const MARK: &str = "~fm:";

/// Of one edge, both ways together.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    marks: AtomicU64,
    bytes: AtomicU64,
    /// Milliseconds after `started`, plus one; zero for never.
    last_mark: AtomicU64,
    last_bytes: AtomicU64,
}

/// Finds the mark also where it was cut in two.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    matched: usize,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            marks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            last_mark: AtomicU64::new(0),
            last_bytes: AtomicU64::new(0),
        }
    }
}

impl Meter {
    pub(crate) fn note(&self, finder: &mut Finder, bytes: &[u8]) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.last_bytes.store(now, Ordering::Relaxed);
        let found = finder.count(bytes);
        if found > 0 {
            self.marks.fetch_add(found, Ordering::Relaxed);
            self.last_mark.store(now, Ordering::Relaxed);
        }
    }

    /// How many message bodies have gone through.
    #[must_use]
    pub fn marks(&self) -> u64 {
        self.marks.load(Ordering::Relaxed)
    }

    /// How many bytes have gone through.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether a message body went through within that time.
    #[must_use]
    pub fn had_marks(&self, within: Duration) -> bool {
        self.is_within(&self.last_mark, within)
    }

    /// Whether anything went through within that time.
    #[must_use]
    pub fn had_bytes(&self, within: Duration) -> bool {
        self.is_within(&self.last_bytes, within)
    }

    fn is_within(&self, last: &AtomicU64, within: Duration) -> bool {
        let last = last.load(Ordering::Relaxed);
        let then = self.started + Duration::from_millis(last.saturating_sub(1));
        last > 0 && then.elapsed() <= within
    }
}

impl Finder {
    /// How often the mark is complete in these bytes. No part of the mark repeats its beginning, so that a failed
    /// match starts anew at once.
    fn count(&mut self, bytes: &[u8]) -> u64 {
        let mark = MARK.as_bytes();
        let mut found = 0;
        for byte in bytes {
            if *byte == mark[self.matched] {
                self.matched += 1;
            } else {
                self.matched = usize::from(*byte == mark[0]);
            }
            if self.matched == mark.len() {
                found += 1;
                self.matched = 0;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_whole_or_cut() {
        let meter = Meter::default();
        let mut finder = Finder::default();
        for piece in ["~f", "m:1 ~~fm:2 ~f", "~fm:3", "~", "fm", ":"] {
            meter.note(&mut finder, piece.as_bytes());
        }
        assert_eq!((meter.marks(), meter.bytes()), (4, 24));
        assert!(meter.had_marks(Duration::from_secs(60)));
    }

    #[test]
    fn bytes_without_a_mark_are_no_messages() {
        let meter = Meter::default();
        assert!(!meter.had_bytes(Duration::from_secs(60)));
        meter.note(&mut Finder::default(), b"PING");
        assert!(meter.had_bytes(Duration::from_secs(60)) && !meter.had_marks(Duration::from_secs(60)));
    }
}
