//! What the operating system says of a process: processor time to the nanosecond, also with its children, memory and descriptors.

use std::fs;
use std::ops::Range;
use std::time::Duration;

use anyhow::Context;

/// A tick of `/proc/<pid>/stat`: `USER_HZ` is 100 on every Linux that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// Where fields of a stat line are, counted after the name: 4, 14 and 15, 16 and 17 of proc(5).
const PARENT: usize = 1;
const OWN: Range<usize> = 11..13;
const ENDED_CHILDREN: Range<usize> = 13..15;

/// Processor time of a process so far. To the nanosecond by its threads; those that ended are only in the process's own
/// count, which is to the tick.
pub(crate) fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    Ok(of_threads(process)?.max(of_process(process)?))
}

/// The same of a process and of its children, those that have ended too: of these only the process tells, to the tick, as
/// soon as it has taken note of their end. One that ends while this reads may be missing in this reading.
pub(crate) fn cpu_time_with_children(process: u32) -> anyhow::Result<Duration> {
    let own = cpu_time(process)? + ticks(&stat(process)?, ENDED_CHILDREN)?;
    let living = children(process)?.into_iter().filter_map(|child| cpu_time(child).ok());
    Ok(own + living.sum::<Duration>())
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

fn of_process(process: u32) -> anyhow::Result<Duration> {
    ticks(&stat(process)?, OWN)
}

/// Of those that live.
fn children(parent: u32) -> anyhow::Result<Vec<u32>> {
    let processes = fs::read_dir("/proc")?.flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = parent.to_string();
    // One that has ended meanwhile has no parent any more.
    Ok(ids.filter(|id| stat(*id).is_ok_and(|fields| fields.get(PARENT) == Some(&parent))).collect())
}

/// The fields of a stat line after the name, which may hold spaces: the first is number 3 of proc(5).
fn stat(process: u32) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = text.rsplit_once(") ").context("the name in a stat line")?;
    Ok(fields.split(' ').map(str::to_owned).collect())
}

/// Time in user mode and in the kernel, which are neighbours.
fn ticks(fields: &[String], which: Range<usize>) -> anyhow::Result<Duration> {
    let ticks = fields.get(which).context("the times in a stat line")?;
    let ticks: Vec<u32> = ticks.iter().map(|field| field.parse()).collect::<Result<_, _>>()?;
    Ok(TICK * ticks.iter().sum::<u32>())
}

/// Resident memory of a process, in KiB. From `smaps_rollup`, which is exact; `status` may lag by some pages for each core.
pub(crate) fn resident(process: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).context("a line of smaps_rollup")?;
    line.trim().trim_end_matches(" kB").parse().context("a number of KiB")
}

/// Open descriptors of a process.
pub(crate) fn descriptors(process: u32) -> anyhow::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{process}/fd"))?.count())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

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
        let before = descriptors(me).expect("its folder");
        let file = fs::File::open("/proc/self/stat").expect("a file");
        assert!(descriptors(me).expect("its folder") > before);
        drop(file);
    }

    #[test]
    fn a_childs_time_counts_while_it_lives_and_after_its_end() {
        let me = std::process::id();
        let before = cpu_time_with_children(me).expect("a clock");
        let mut child = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("a child");
        while cpu_time(child.id()).expect("a clock") < 10 * TICK {}
        let living = cpu_time_with_children(me).expect("a clock");
        child.kill().expect("a child");
        child.wait().expect("a child");
        assert!(living >= before + 10 * TICK, "{before:?} {living:?}");
        let ended = cpu_time_with_children(me).expect("a clock");
        // Of time in user mode and in the kernel, a part of a tick of each may be lost.
        assert!(ended + 2 * TICK >= living, "{living:?} {ended:?}");
    }
}
