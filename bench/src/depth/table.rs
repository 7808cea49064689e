//! The ratios.

use super::Line;
use super::sample::Samples;

/// For people.
pub(crate) fn markdown(lines: &[Line]) -> String {
    let mut table = String::from(
        "| | buffers, small | large | ratio | deep chat | ratio | time µs, small | large | ratio | deep chat | ratio | chats not in memory |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (work, [small, large, deep, cold]) in lines {
        let of = |pick: fn(&Samples) -> f64, digits: usize| {
            let [small, large, deep] = [small, large, deep].map(pick);
            format!(
                "{small:.digits$} | {large:.digits$} | {:.2} | {deep:.digits$} | {:.2}",
                large / small,
                deep / small
            )
        };
        let (buffers, time) = (of(Samples::buffers, 0), of(Samples::time, 0));
        table += &format!("| {} | {buffers} | {time} | {:.0} |\n", work.name(), cold.time());
    }
    table
}

/// For machines: the greatest ratio of each kind, and where it is.
pub(crate) fn line(lines: &[Line]) -> String {
    let ratios = |pick: fn(&Samples) -> f64| {
        lines.iter().flat_map(move |(work, [small, large, deep, _])| {
            [large, deep].map(|place| (pick(place) / pick(small), work.short_name()))
        })
    };
    let greatest = |pick| ratios(pick).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default();
    let (buffers, time) = (greatest(Samples::buffers), greatest(Samples::time));
    format!("depth_buffers_ratio={:.2}({}) depth_time_ratio={:.2}({})", buffers.0, buffers.1, time.0, time.1)
}
