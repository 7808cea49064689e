//! The listeners of a room, and a delivery to them that goes in portions: pure, so that every interleaving can be tested.
//!
//! Between two portions listeners come and go. A listener that was there when the delivery began, and stays, gets it
//! once. A later listener gets nothing: the frame was committed before, so it is in the history that a newcomer reads.

/// Listeners in no order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Listeners<T> {
    all: Vec<T>,
    /// Of a delivery that is under way: those below `next` had it, those from `end` on came later.
    delivery: Option<Span>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Span {
    next: usize,
    end: usize,
}

impl<T> Default for Listeners<T> {
    fn default() -> Self {
        Self { all: Vec::new(), delivery: None }
    }
}

impl<T> Listeners<T> {
    /// All of them.
    pub(crate) fn all(&self) -> &[T] {
        &self.all
    }

    /// One comes.
    pub(crate) fn push(&mut self, listener: T) {
        self.all.push(listener);
    }

    /// The first that is meant goes.
    pub(crate) fn remove(&mut self, is_meant: impl FnMut(&T) -> bool) -> Option<T> {
        self.all.iter().position(is_meant).map(|index| self.remove_at(index))
    }

    /// All that are meant go.
    pub(crate) fn remove_all(&mut self, mut is_meant: impl FnMut(&T) -> bool) {
        let mut index = 0;
        while let Some(listener) = self.all.get(index) {
            // The listener that takes the place of a removed one was not looked at yet.
            if is_meant(listener) {
                self.remove_at(index);
            } else {
                index += 1;
            }
        }
    }

    /// The last of each part of a delivery closes the gap: nobody changes parts.
    fn remove_at(&mut self, index: usize) -> T {
        let mut gap = index;
        if let Some(Span { next, end }) = &mut self.delivery {
            if gap < *next {
                *next -= 1;
                self.all.swap(gap, *next);
                gap = *next;
            }
            if gap < *end {
                *end -= 1;
                self.all.swap(gap, *end);
                gap = *end;
            }
        }
        self.all.swap_remove(gap)
    }

    /// A delivery to all who are there begins.
    pub(crate) fn begin(&mut self) {
        self.delivery = Some(Span { next: 0, end: self.all.len() });
    }

    /// The next listeners of the delivery, at most so many; none when all had it, and it is over.
    pub(crate) fn portion(&mut self, most: usize) -> &[T] {
        let Some(Span { next, end }) = &mut self.delivery else { return &[] };
        let from = *next;
        *next = end.saturating_sub(from).min(most) + from;
        let to = *next;
        if from == to {
            self.delivery = None;
        }
        &self.all[from..to]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn a_delivery_goes_to_all_in_portions() {
        let mut listeners = Listeners::default();
        (0..5).for_each(|n| listeners.push(n));
        listeners.begin();
        assert_eq!([listeners.portion(2), &[]].concat(), [0, 1]);
        assert_eq!([listeners.portion(2), &[]].concat(), [2, 3]);
        assert_eq!([listeners.portion(2), &[]].concat(), [4]);
        assert!(listeners.portion(2).is_empty() && listeners.portion(2).is_empty());
    }

    #[test]
    fn whoever_stays_gets_it_once_and_who_comes_later_does_not() {
        let mut random = SmallRng::seed_from_u64(1);
        for _ in 0..2000 {
            let mut listeners = Listeners::default();
            let count = random.random_range(0..12);
            (0..count).for_each(|n| listeners.push(n));
            listeners.begin();
            let (mut there, mut had, mut came) = ((0..count).collect::<BTreeSet<_>>(), Vec::new(), count);
            loop {
                let portion = listeners.portion(random.random_range(1..4)).to_vec();
                if portion.is_empty() {
                    break;
                }
                assert!(portion.iter().all(|n| there.contains(n)), "nobody who came later, or went");
                had.extend(portion);
                for _ in 0..random.random_range(0..4) {
                    if random.random() {
                        listeners.push(came);
                        came += 1;
                    } else {
                        let gone = random.random_range(0..came);
                        listeners.remove(|n| *n == gone);
                        there.remove(&gone);
                    }
                }
            }
            let once: BTreeSet<i32> = had.iter().copied().collect();
            assert_eq!(once.len(), had.len(), "nobody twice");
            assert!(there.is_subset(&once), "all who stayed");
        }
    }
}
