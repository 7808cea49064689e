//! How long to wait before the next try: doubling, capped, with jitter so that many do not come back at once.

use std::time::Duration;

/// The first wait.
const START: Duration = Duration::from_millis(50);

/// Waits that double up to a cap. Each is between half and all of its step.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    step: Duration,
    cap: Duration,
}

impl Backoff {
    /// Steps from 50 ms to `cap`.
    pub(crate) fn up_to(cap: Duration) -> Self {
        Self { step: START, cap }
    }

    /// The next wait.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let wait = self.step.mul_f64(rand::random_range(0.5..=1.0));
        self.step = (self.step * 2).min(self.cap);
        wait
    }

    /// After a success: the next wait is short again.
    pub(crate) fn reset(&mut self) {
        self.step = START;
    }
}

/// For links to servers: 50 ms to 2 s.
impl Default for Backoff {
    fn default() -> Self {
        Self::up_to(Duration::from_secs(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_start_over_after_a_success() {
        let mut backoff = Backoff::default();
        let first = backoff.next_wait();
        assert!(first >= START / 2 && first <= START);
        let waits: Vec<Duration> = (0..20).map(|_| backoff.next_wait()).collect();
        let last = waits[19];
        assert!(last >= Duration::from_secs(1) && last <= Duration::from_secs(2));
        backoff.reset();
        assert!(backoff.next_wait() <= START);
    }
}
