//! Memory and descriptors of a process, read ten times a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::usage::{descriptors, resident};

const EVERY: Duration = Duration::from_millis(100);

/// What a process has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    /// In KiB.
    pub(crate) resident: u64,
    pub(crate) descriptors: usize,
}

/// Reads until it is dropped.
pub(crate) struct Gauge {
    process: u32,
    peak: Arc<Mutex<Reading>>,
    reading: JoinHandle<()>,
}

impl Gauge {
    pub(crate) fn start(process: u32) -> Self {
        let peak = Arc::<Mutex<Reading>>::default();
        let kept = peak.clone();
        let reading = tokio::spawn(async move {
            let mut ticks = interval(EVERY);
            loop {
                ticks.tick().await;
                // One that has ended is noticed by whoever asks for it now.
                let Ok(now) = read(process) else { return };
                let mut peak = kept.lock().unwrap_or_else(PoisonError::into_inner);
                peak.resident = peak.resident.max(now.resident);
                peak.descriptors = peak.descriptors.max(now.descriptors);
            }
        });
        Self { process, peak, reading }
    }

    pub(crate) fn now(&self) -> anyhow::Result<Reading> {
        read(self.process)
    }

    /// The most of each so far.
    pub(crate) fn peak(&self) -> Reading {
        *self.peak.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

fn read(process: u32) -> anyhow::Result<Reading> {
    Ok(Reading { resident: resident(process)?, descriptors: descriptors(process)? })
}
