//! Work that waits for its turn: so much and no more, some of it before the rest, none of it that nobody wants any more.
//! The tool that each piece needs is made once for as many as are done at a time, and kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many jobs may wait in each turn: at 25 ms each, on two cores, for a second at most.
const ROOM: usize = 64;

/// Work that waits.
pub(crate) trait Job {
    /// Whether a caller still waits for it.
    fn is_wanted(&self) -> bool;
}

/// The order of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Before all others.
    First,
    /// When no first work is left.
    Later,
}

/// The waiting work, and its workers.
pub(super) struct Queue<J, T> {
    inner: Mutex<Inner<J, T>>,
    at_once: usize,
}

struct Inner<J, T> {
    first: VecDeque<J>,
    later: VecDeque<J>,
    workers: usize,
    /// The last that was put back is the first to be used again: so there are no more than ever were needed at a time.
    tools: Vec<T>,
}

/// A worker that takes work until there is none. It must be run.
pub(super) struct Worker<J, T> {
    queue: Arc<Queue<J, T>>,
    tool: Option<T>,
    has_ended: bool,
}

impl<J: Job, T: Default> Queue<J, T> {
    /// For so many workers at a time.
    pub(super) fn new(at_once: usize) -> Self {
        let inner = Inner { first: VecDeque::new(), later: VecDeque::new(), workers: 0, tools: Vec::new() };
        Self { inner: Mutex::new(inner), at_once }
    }

    /// Puts work at the end of the line of its turn. An error where there is no room.
    pub(super) fn push(&self, turn: Turn, job: J) -> Result<(), J> {
        let mut inner = self.lock();
        let line = match turn {
            Turn::First => &mut inner.first,
            Turn::Later => &mut inner.later,
        };
        if line.len() >= ROOM {
            // Work that nobody wants any more makes room only when it is needed.
            line.retain(J::is_wanted);
        }
        if line.len() >= ROOM {
            return Err(job);
        }
        line.push_back(job);
        Ok(())
    }

    /// Another worker, if there may be one more.
    pub(super) fn worker(queue: &Arc<Self>) -> Option<Worker<J, T>> {
        let mut inner = queue.lock();
        if inner.workers >= queue.at_once {
            return None;
        }
        inner.workers += 1;
        let tool = inner.tools.pop();
        Some(Worker { queue: queue.clone(), tool, has_ended: false })
    }

    /// How much waits.
    pub(super) fn waiting(&self) -> usize {
        let inner = self.lock();
        inner.first.len() + inner.later.len()
    }
}

impl<J, T> Queue<J, T> {
    fn lock(&self) -> MutexGuard<'_, Inner<J, T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J: Job, T: Default> Worker<J, T> {
    /// The next work that is wanted, and the tool to do it with. None: there is none, and the worker is none any more.
    pub(super) fn next(&mut self) -> Option<(J, &mut T)> {
        let mut inner = self.queue.lock();
        loop {
            let line = if inner.first.is_empty() { &mut inner.later } else { &mut inner.first };
            match line.pop_front() {
                Some(job) if job.is_wanted() => {
                    drop(inner);
                    return Some((job, self.tool.get_or_insert_default()));
                }
                Some(_) => {}
                // Under the lock: work that is pushed after this gets a worker of its own.
                None => {
                    Self::end(&mut inner, &mut self.tool, &mut self.has_ended);
                    return None;
                }
            }
        }
    }
}

impl<J, T> Worker<J, T> {
    fn end(inner: &mut Inner<J, T>, tool: &mut Option<T>, has_ended: &mut bool) {
        if !std::mem::replace(has_ended, true) {
            inner.workers -= 1;
            inner.tools.extend(tool.take());
        }
    }
}

/// Also where the work panics: else there would be one worker less for ever.
impl<J, T> Drop for Worker<J, T> {
    fn drop(&mut self) {
        Self::end(&mut self.queue.lock(), &mut self.tool, &mut self.has_ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbered(u32, bool);

    impl Job for Numbered {
        fn is_wanted(&self) -> bool {
            self.1
        }
    }

    type Numbers = Queue<Numbered, Vec<u32>>;

    fn done(worker: &mut Worker<Numbered, Vec<u32>>) -> Vec<u32> {
        std::iter::from_fn(|| worker.next().map(|(job, _)| job.0)).collect()
    }

    #[test]
    fn those_who_go_first_go_first_and_who_has_given_up_is_passed_over() {
        let queue = Arc::new(Numbers::new(1));
        for (turn, job) in [
            (Turn::Later, Numbered(1, true)),
            (Turn::Later, Numbered(2, false)),
            (Turn::First, Numbered(3, false)),
            (Turn::First, Numbered(4, true)),
            (Turn::Later, Numbered(5, true)),
        ] {
            assert!(queue.push(turn, job).is_ok());
        }
        assert_eq!(done(&mut Queue::worker(&queue).unwrap()), [4, 1, 5]);
    }

    #[test]
    fn there_is_room_for_so_many_that_are_wanted() {
        let queue = Numbers::new(1);
        let room = u32::try_from(ROOM).unwrap();
        assert!((0..room).all(|number| queue.push(Turn::Later, Numbered(number, number != 7)).is_ok()));
        assert!(queue.push(Turn::Later, Numbered(room, true)).is_ok(), "in the place of the one that gave up");
        assert!(queue.push(Turn::Later, Numbered(room, true)).is_err());
        assert!(queue.push(Turn::First, Numbered(room, true)).is_ok(), "who goes first has room of its own");
    }

    #[test]
    fn there_are_no_more_workers_and_tools_than_are_needed_at_a_time() {
        let queue = Arc::new(Numbers::new(2));
        for round in 0..10 {
            assert!(queue.push(Turn::Later, Numbered(round, true)).is_ok());
            let mut worker = Queue::worker(&queue).unwrap();
            worker.next().unwrap().1.push(round);
            assert!(worker.next().is_none());
        }
        assert_eq!(queue.lock().tools, [(0..10).collect::<Vec<_>>()], "one after the other needs one");
        let both = [Queue::worker(&queue).unwrap(), Queue::worker(&queue).unwrap()];
        assert!(Queue::worker(&queue).is_none());
        drop(both);
        assert!(Queue::worker(&queue).is_some(), "one that ends before its time gives its place back");
    }
}
