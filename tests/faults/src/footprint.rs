//! What the services use of the machine while something is done to what is around them: memory, threads and descriptors,
//! which must not grow with an outage.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::part::Part;

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What one process uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Resident memory, in MiB.
    pub memory: u64,
    /// Threads.
    pub threads: u64,
    /// Files and sockets.
    pub descriptors: u64,
}

/// What a service used before, at the most, and after all had been well again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trail {
    /// Before.
    pub start: Footprint,
    /// The most of each.
    pub peak: Footprint,
    /// After.
    pub end: Footprint,
}

/// How much more a service may use while something is away. A pool fills up, and who waits holds a buffer; what is made anew
/// again and again goes far beyond it. A request that waits for PostgreSQL holds its socket for 15 s: 120 at 8 a second.
const ROOM: Footprint = Footprint { memory: 96, threads: 12, descriptors: 180 };

impl Trail {
    /// What of it, before, at the most, and how much more it may be.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, u64, u64, u64); 3] {
        [
            ("resident MiB", self.start.memory, self.peak.memory, ROOM.memory),
            ("threads", self.start.threads, self.peak.threads, ROOM.threads),
            ("descriptors", self.start.descriptors, self.peak.descriptors, ROOM.descriptors),
        ]
    }
}

/// Looks at the services now and then.
pub struct Tracker {
    processes: Vec<(Part, u32)>,
    start: BTreeMap<Part, Footprint>,
    peak: Arc<Mutex<BTreeMap<Part, Footprint>>>,
    looking: JoinHandle<()>,
}

impl Footprint {
    /// Of a process that runs.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let folder = format!("/proc/{pid}");
        let status = fs::read_to_string(Path::new(&folder).join("status")).ok()?;
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        };
        let kibibytes: u64 = field("VmRSS:")?;
        let descriptors = fs::read_dir(Path::new(&folder).join("fd")).ok()?.count();
        Some(Self { memory: kibibytes / 1024, threads: field("Threads:")?, descriptors: descriptors as u64 })
    }

    fn most(self, other: Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            threads: self.threads.max(other.threads),
            descriptors: self.descriptors.max(other.descriptors),
        }
    }
}

impl Tracker {
    /// Begins to look at these processes.
    #[must_use]
    pub fn begin(processes: Vec<(Part, u32)>) -> Self {
        let start = look(&processes);
        let peak = Arc::new(Mutex::new(start.clone()));
        let looking = tokio::spawn({
            let (processes, peak) = (processes.clone(), Arc::clone(&peak));
            async move {
                loop {
                    sleep(LOOK_EVERY).await;
                    let seen = look(&processes);
                    let mut peak = peak.lock().unwrap_or_else(PoisonError::into_inner);
                    for (part, footprint) in seen {
                        peak.entry(part).and_modify(|most| *most = most.most(footprint)).or_insert(footprint);
                    }
                }
            }
        });
        Self { processes, start, peak, looking }
    }

    /// What it saw, of the processes that lived all the while.
    #[must_use]
    pub fn end(self) -> BTreeMap<Part, Trail> {
        self.looking.abort();
        let end = look(&self.processes);
        let peak = self.peak.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let trail = |(part, start): (Part, Footprint)| {
            let (end, peak) = (*end.get(&part)?, *peak.get(&part)?);
            Some((part, Trail { start, peak: peak.most(end), end }))
        };
        self.start.into_iter().filter_map(trail).collect()
    }
}

fn look(processes: &[(Part, u32)]) -> BTreeMap<Part, Footprint> {
    processes.iter().filter_map(|(part, pid)| Some((*part, Footprint::of(*pid)?))).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_comes_and_goes_is_in_the_peak() {
        let tracker = Tracker::begin(vec![(Part::ChatService(1), std::process::id())]);
        let sockets: Vec<_> = (0..50).map(|_| TcpListener::bind("127.0.0.1:0").expect("a socket")).collect();
        sleep(LOOK_EVERY * 3).await;
        drop(sockets);
        let trail = tracker.end()[&Part::ChatService(1)];
        assert!(trail.start.memory > 0 && trail.start.threads > 0);
        assert!(trail.peak.descriptors >= trail.start.descriptors + 50, "{trail:?}");
        assert!(trail.end.descriptors < trail.start.descriptors + 50, "{trail:?}");
    }
}
