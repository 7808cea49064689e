//! What processes have used of the processors, as Linux tells it.

use std::fs;

/// Whose use is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) service: Option<u32>,
    /// Its children count with it.
    pub(crate) postgres: Option<u32>,
}

/// In microseconds; 0 where it is not known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuUse {
    pub(crate) service: f64,
    pub(crate) postgres: f64,
    /// This process.
    pub(crate) load: f64,
}

/// Linux counts in hundredths of a second for whoever asks (`USER_HZ`).
const TICK_MICROS: f64 = 10_000.0;

impl Cpu {
    /// Since each process began.
    pub(crate) fn now(self) -> CpuUse {
        CpuUse {
            service: self.service.and_then(own).unwrap_or_default(),
            postgres: self.postgres.map(with_children).unwrap_or_default(),
            load: own(std::process::id()).unwrap_or_default(),
        }
    }
}

impl CpuUse {
    /// What came to it since then, for each of so many.
    pub(crate) fn since(self, then: Self, count: f64) -> Self {
        Self {
            service: (self.service - then.service) / count,
            postgres: (self.postgres - then.postgres) / count,
            load: (self.load - then.load) / count,
        }
    }
}

/// The fields of `/proc/<pid>/stat` after the name, which may hold spaces: the first is number 3 of proc(5).
fn fields(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

fn ticks(fields: &[String], numbers: &[usize]) -> f64 {
    numbers.iter().filter_map(|number| fields.get(number - 3)?.parse::<f64>().ok()).sum::<f64>() * TICK_MICROS
}

fn own(pid: u32) -> Option<f64> {
    Some(ticks(&fields(pid)?, &[14, 15]))
}

/// Of the process, of its children, and of those that have ended.
fn with_children(parent: u32) -> f64 {
    let of_parent = fields(parent).map(|fields| ticks(&fields, &[14, 15, 16, 17])).unwrap_or_default();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = parent.to_string();
    let children = ids.filter_map(fields).filter(|fields| fields.get(1) == Some(&parent));
    of_parent + children.map(|fields| ticks(&fields, &[14, 15])).sum::<f64>()
}
