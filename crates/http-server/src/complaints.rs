//! The log of what is no HTTP. Strangers decide how often that happens: so many lines and no more, with whom they are about
//! and never with what was sent.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines that are written at once.
const BURST: u32 = 10;
/// How long until one more may be.
const EVERY: Duration = Duration::from_secs(6);

/// How many lines may still be written.
#[derive(Debug)]
pub(crate) struct Complaints(Mutex<Left>);

#[derive(Debug)]
struct Left {
    lines: u32,
    since: Instant,
    left_out: u64,
}

impl Default for Complaints {
    fn default() -> Self {
        Self(Mutex::new(Left { lines: BURST, since: Instant::now(), left_out: 0 }))
    }
}

impl Complaints {
    /// A peer has sent something that cannot be read.
    pub(crate) fn malformed(&self, peer: Option<SocketAddr>, why: &str) {
        let peer = peer.map(|peer| peer.ip().to_string()).unwrap_or_default();
        match self.take(Instant::now()) {
            Some(left_out) => tracing::warn!(peer, why, left_out, "a request cannot be read"),
            None => tracing::debug!(peer, why, "a request cannot be read"),
        }
    }

    /// How many were left out since the last line, if one may be written.
    fn take(&self, now: Instant) -> Option<u64> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = now.saturating_duration_since(left.since).as_secs() / EVERY.as_secs();
        if more > 0 {
            left.lines = BURST.min(left.lines.saturating_add(u32::try_from(more).unwrap_or(BURST)));
            left.since = now;
        }
        if left.lines == 0 {
            left.left_out += 1;
            return None;
        }
        left.lines -= 1;
        Some(std::mem::take(&mut left.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_malformed_requests_is_a_few_lines_that_say_how_many_more_there_were() {
        let (complaints, now) = (Complaints::default(), Instant::now());
        let written = (0..1000).filter(|_| complaints.take(now).is_some()).count();
        assert_eq!(written, 10);
        assert_eq!(complaints.take(now + 2 * EVERY), Some(990));
        assert_eq!(complaints.take(now + 2 * EVERY), Some(0));
        assert_eq!(complaints.take(now + 2 * EVERY), None);
    }
}
