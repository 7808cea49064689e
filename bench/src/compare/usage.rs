//! What the operating system says of a process: processor time to the nanosecond, and memory.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// A tick of `/proc/<pid>/stat`: `USER_HZ` is 100 on every Linux that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// Processor time of a process so far. To the nanosecond by its threads; those that ended are only in the process's own
/// count, which is to the tick.
pub(crate) fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    Ok(of_threads(process)?.max(of_process(process)?))
}

/// Processor time of this process so far.
pub(crate) fn own_cpu_time() -> anyhow::Result<Duration> {
    cpu_time(std::process::id())
}

fn of_threads(process: u32) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // One that ends meanwhile has nothing to say any more.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let ran: u64 = text.split(' ').next().context("the time that a thread ran")?.parse()?;
        nanos += ran;
    }
    Ok(Duration::from_nanos(nanos))
}

/// In user mode and in the kernel: fields 14 and 15, counted from 1, of which the second is a name in brackets.
fn of_process(process: u32) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = text.rsplit_once(") ").context("the name in a stat line")?;
    let ticks: Vec<u32> = fields.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(TICK * ticks.iter().sum::<u32>())
}

/// Resident memory of a process, in KiB. From `smaps_rollup`, which is exact; `status` may lag by some pages for each core.
pub(crate) fn resident(process: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).context("a line of smaps_rollup")?;
    line.trim().trim_end_matches(" kB").parse().context("a number of KiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_used_time_and_memory() {
        let me = std::process::id();
        let before = cpu_time(me).expect("a clock");
        let mut sum = 0u64;
        while cpu_time(me).expect("a clock") < before + Duration::from_millis(5) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(own_cpu_time().expect("a clock") >= before);
        let block = std::hint::black_box(vec![1u8; 64 << 20]);
        assert!(resident(me).expect("smaps_rollup") > 64 << 10);
        drop(block);
    }
}
