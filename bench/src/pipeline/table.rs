//! What is printed.

use super::lone::Found as Lone;
use super::rate::{Backlog, Found};
use super::system::Shape;

/// For people: rates, processor time, single messages.
pub(crate) fn markdown(shape: Shape, rates: &[Found], lone: &[Lone]) -> String {
    let mut text = format!(
        "**{}**\n\n| messages a second | arrived a second | commit to socket p50 ms | p99 | POST to socket p50 ms | p99 | on their way, first third | last third | outbox rows, first third | last third | keeps up |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        shape.name()
    );
    for found in rates {
        text += &row(found);
        text.push('\n');
    }
    text += "\nProcessor time per message, µs:\n\n";
    text += &costs(rates);
    text += "\nSingle messages, one every 200 ms:\n\n\
             | posted | commit to socket p50 ms | p90 | p99 | max | POST to socket p50 ms | p90 | p99 | max |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for Lone { name, commit, post } in lone {
        text += &format!("| {name} | {commit} | {post} |\n");
    }
    text.push('\n');
    text
}

/// One rate.
pub(crate) fn row(found: &Found) -> String {
    let Found { rate, achieved, commit, post, on_their_way, outbox, .. } = found;
    let of = |Backlog { first, last }: &Backlog| format!("{first:.0} | {last:.0}");
    format!(
        "| {rate} | {achieved:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {} | {} | {} |",
        commit.p50,
        commit.p99,
        post.p50,
        post.p99,
        of(on_their_way),
        of(outbox),
        if found.keeps_up() { "yes" } else { "no" }
    )
}

fn costs(rates: &[Found]) -> String {
    let Some(first) = rates.first() else { return String::new() };
    let parts: Vec<_> = first.costs.iter().map(|cost| cost.part.as_str()).collect();
    let mut text = format!("| messages a second | {} |\n| --- |{}\n", parts.join(" | "), " --- |".repeat(parts.len()));
    for found in rates {
        let micros: Vec<_> = found.costs.iter().map(|cost| format!("{:.0}", cost.micros)).collect();
        text += &format!("| {} | {} |\n", found.rate, micros.join(" | "));
    }
    text
}

/// For machines.
pub(crate) fn line(shape: Shape, rates: &[Found], lone: &[Lone]) -> String {
    let shape = shape.name();
    let sustained = rates.iter().filter(|found| found.keeps_up()).map(|found| found.rate).max().unwrap_or_default();
    let at_500 = rates.iter().find(|found| found.rate == 500);
    let p99 = at_500.map_or_else(|| "-".to_owned(), |found| format!("{:.2}", found.commit.p99));
    let slowest = lone.iter().map(|found| found.commit.p50).fold(0.0, f64::max);
    format!("{shape}_sustained={sustained} {shape}_commit_p99_ms_at_500={p99} {shape}_lone_p50_ms={slowest:.2}")
}
