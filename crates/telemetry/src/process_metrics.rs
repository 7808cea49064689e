//! Memory, processor time and open files of this process, under the names that Prometheus's own clients use.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Linux counts processor time for programs in hundredths of a second, whatever its own clock (man 5 proc, USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads `/proc/self` at each scrape. Unreadable values are left out.
#[derive(Debug)]
pub(crate) struct ProcessMetrics {
    /// About when the process started, in seconds since 1970.
    started: f64,
}

impl ProcessMetrics {
    pub(crate) fn starting_now() -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: started.as_secs_f64() }
    }
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut add = |name, help, metric: &dyn Encodable| metric.encode_as(name, help, &mut encoder);
        add("process_start_time_seconds", "When the process started", &ConstGauge::new(self.started))?;
        if let Some(bytes) = resident_bytes() {
            add("process_resident_memory_bytes", "Memory in use", &ConstGauge::new(bytes))?;
        }
        if let Some(files) = open_files() {
            add("process_open_fds", "Open files and sockets", &ConstGauge::new(files))?;
        }
        if let Some(seconds) = cpu_seconds() {
            add("process_cpu_seconds", "Processor time used", &ConstCounter::new(seconds))?;
        }
        Ok(())
    }
}

trait Encodable {
    fn encode_as(&self, name: &str, help: &str, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result;
}

impl<M: EncodeMetric> Encodable for M {
    fn encode_as(&self, name: &str, help: &str, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        self.encode(encoder.encode_descriptor(name, help, None, self.metric_type())?)
    }
}

fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kibibytes.trim().strip_suffix(" kB")?.parse::<i64>().ok()? * 1024)
}

fn open_files() -> Option<i64> {
    // The listing itself is one of them.
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok().map(|files| files - 1)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold anything: fields are counted behind it. utime and stime are 14 and 15 of all.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / TICKS_PER_SECOND)
}
