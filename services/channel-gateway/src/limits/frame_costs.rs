//! The cost of frames that have chat-service read much. A connection has an allowance beside its rate of frames, so that a frame
//! of a thousand cursors does not count as little as a ping. Pure.

use std::time::{Duration, Instant};

/// The allowance, in cursors: some resumes of all chats, one after the other.
const ALLOWANCE: u32 = 4000;
/// It comes back at this rate.
const PER_SECOND: u32 = 200;
/// A renewal has the account and the list of its chats read.
pub(crate) const RENEWAL: u32 = 200;
/// The part of a `resume` that does not depend on its cursors.
const RESUME: u32 = 10;

/// The cost of a `resume` with so many cursors.
#[must_use]
pub(crate) fn of_resume(cursors: usize) -> u32 {
    u32::try_from(cursors).unwrap_or(u32::MAX).saturating_add(RESUME)
}

/// The spent part of a connection's allowance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    amount: f64,
    at: Instant,
}

impl Spent {
    /// Nothing so far.
    #[must_use]
    pub(crate) fn nothing(now: Instant) -> Self {
        Self { amount: 0.0, at: now }
    }

    /// Pays for a frame; with an error nothing is paid, and after that time the frame can be.
    pub(crate) fn pay(&mut self, cost: u32, now: Instant) -> Result<(), Duration> {
        let back = now.saturating_duration_since(self.at).as_secs_f64() * f64::from(PER_SECOND);
        (self.amount, self.at) = ((self.amount - back).max(0.0), now);
        // A frame above the whole allowance is served when all of it is there.
        let after = self.amount + f64::from(cost.min(ALLOWANCE));
        let beyond = after - f64::from(ALLOWANCE);
        if beyond > 0.0 {
            return Err(Duration::from_secs_f64(beyond / f64::from(PER_SECOND)));
        }
        self.amount = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_spent_and_comes_back() {
        let start = Instant::now();
        let mut spent = Spent::nothing(start);
        assert!((0..4).all(|_| spent.pay(1000, start).is_ok()));
        assert_eq!(spent.pay(1000, start), Err(Duration::from_secs(5)));
        assert_eq!(spent.pay(100, start), Err(Duration::from_millis(500)), "a refusal costs nothing");
        assert_eq!(spent.pay(1000, start + Duration::from_secs(5)), Ok(()));
        assert_eq!(spent.pay(u32::MAX, start + Duration::from_secs(5)), Err(Duration::from_secs(20)));
        assert_eq!(spent.pay(u32::MAX, start + Duration::from_secs(25)), Ok(()));
        assert_eq!(of_resume(usize::MAX), u32::MAX);
    }
}
