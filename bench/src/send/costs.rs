//! Processor time of the service, of PostgreSQL and of the senders for one message.

use std::time::Duration;

use crate::figures::micros;
use crate::usage::{cpu_time, cpu_time_with_children, own_cpu_time};

/// Whose time is asked for, beside the senders'. What is not named counts as zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Processes {
    pub(crate) service: Option<u32>,
    /// The first of PostgreSQL's. Its backends are its children, and may end meanwhile.
    pub(crate) postgres: Option<u32>,
}

/// Processor time so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    service: Duration,
    postgres: Duration,
    load: Duration,
}

/// Of one message, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) service: f64,
    pub(crate) postgres: f64,
    pub(crate) load: f64,
}

impl Clocks {
    pub(crate) fn read(processes: Processes) -> anyhow::Result<Self> {
        Ok(Self {
            service: processes.service.map(cpu_time).transpose()?.unwrap_or_default(),
            postgres: processes.postgres.map(cpu_time_with_children).transpose()?.unwrap_or_default(),
            load: own_cpu_time()?,
        })
    }

    /// What each used meanwhile for each of that many messages.
    pub(crate) fn until(self, later: Self, messages: f64) -> Cost {
        let of = |before, after: Duration| micros(after.saturating_sub(before)) / messages;
        Cost {
            service: of(self.service, later.service),
            postgres: of(self.postgres, later.postgres),
            load: of(self.load, later.load),
        }
    }
}
