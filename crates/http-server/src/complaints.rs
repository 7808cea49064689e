//! The log of bytes that are no HTTP. Strangers decide how often that happens: so many lines and no more, with whom
//! they are about and never with the bytes themselves.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rate_limits::Buckets;

/// Lines that are written at once, and in a minute.
const LINES: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// How many lines may still be written.
#[derive(Debug)]
pub(crate) struct Complaints {
    lines: Option<Buckets<()>>,
    left_out: AtomicU64,
}

impl Default for Complaints {
    fn default() -> Self {
        Self { lines: Buckets::per_minute(LINES.get(), LINES), left_out: AtomicU64::new(0) }
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
        if self.lines.as_ref().is_some_and(|lines| lines.take_at(&(), now).is_err()) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.left_out.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// How long until one more may be.
    const EVERY: Duration = Duration::from_secs(6);

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
