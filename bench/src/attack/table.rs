//! What is printed.

use std::fmt::Write;

use super::Found;
use super::attacker::Answers;
use super::gauge::Reading;
use super::neighbours::Heard;
use crate::figures::number;

pub(crate) const HEAD: &str = "| attack | MiB before | most | after | descriptors before | most | after | \
    neighbours before, p50 and p99 ms | meanwhile | after | a login right after, ms | what came of it |\n\
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

/// For people.
pub(crate) fn markdown(all: &[Found]) -> String {
    all.iter().fold(format!("{HEAD}\n"), |text, found| text + &row(found) + "\n")
}

/// One attack.
pub(crate) fn row(found: &Found) -> String {
    let Found { name, before, peak, after, heard, login, answers } = found;
    let mib = |reading: &Reading| format!("{:.0}", number(reading.resident) / 1024.0);
    let [calm, meanwhile, quiet] = heard.each_ref().map(times);
    let login = login.map_or_else(|| "none".to_owned(), |took| took.as_millis().to_string());
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {calm} | {meanwhile} | {quiet} | {login} | {} |",
        mib(before),
        mib(peak),
        mib(after),
        before.descriptors,
        peak.descriptors,
        after.descriptors,
        listed(answers)
    )
}

fn times(heard: &Heard) -> String {
    let Heard { times, words, missing } = heard;
    let lost = if *missing > 0 { format!(", {missing} of {words} never") } else { String::new() };
    format!("{:.1}, {:.1}{lost}", times.p50, times.p99)
}

fn listed(answers: &Answers) -> String {
    let mut text = String::new();
    for (answer, count) in answers {
        let between = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{between}{answer}: {count}");
    }
    text
}

/// For machines: the worst of all.
pub(crate) fn line(all: &[Found]) -> String {
    let most = |of: fn(&Found) -> f64| all.iter().map(of).fold(0.0, f64::max);
    format!(
        "attacks={} most_mib={:.0} most_mib_after={:.0} most_descriptors={:.0} worst_p99_ms={:.1} missing={}",
        all.len(),
        most(|found| number(found.peak.resident) / 1024.0),
        most(|found| number(found.after.resident) / 1024.0),
        most(|found| crate::figures::size(found.peak.descriptors)),
        most(|found| found.heard[1].times.p99),
        all.iter().flat_map(|found| &found.heard).map(|heard| heard.missing).sum::<usize>()
    )
}
