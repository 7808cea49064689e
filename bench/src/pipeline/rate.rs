//! One rate for some seconds. Messages are due at fixed times, whether or not the ones before are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::costs::{Clocks, Cost};
use super::listener::Arrivals;
use super::poster::Poster;
use super::system::System;
use crate::figures::{number, size};
use crate::percentiles::Percentiles;
use crate::visitor::Visitor;

const WARM_UP: Duration = Duration::from_secs(2);
/// How often it is looked at what is on its way.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// One rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) rate: u32,
    pub(crate) seconds: u64,
    pub(crate) connections: usize,
}

/// What was found at one rate.
pub(crate) struct Found {
    pub(crate) rate: u32,
    /// Messages that came to their sockets in a second.
    pub(crate) achieved: f64,
    pub(crate) commit: Percentiles,
    pub(crate) post: Percentiles,
    /// Stored and not arrived.
    pub(crate) on_their_way: Backlog,
    /// Rows of the outbox.
    pub(crate) outbox: Backlog,
    /// Processor time of each part.
    pub(crate) costs: Vec<Cost>,
}

/// How much lay somewhere, on average in the first and in the last third of the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    pub(crate) first: f64,
    pub(crate) last: f64,
}

impl Backlog {
    fn of(counts: &[u64]) -> Self {
        let third = (counts.len() / 3).max(1).min(counts.len());
        let mean = |part: &[u64]| number(part.iter().sum()) / size(part.len().max(1));
        Self { first: mean(&counts[..third]), last: mean(&counts[counts.len() - third..]) }
    }
}

impl Found {
    /// Whether all came that was due, and what lies on the way is no more at the end than messages of 100 ms above what it
    /// was at the beginning.
    pub(crate) fn keeps_up(&self) -> bool {
        let rate = f64::from(self.rate);
        self.achieved > 0.97 * rate && self.on_their_way.last - self.on_their_way.first < 0.1 * rate
    }
}

/// Runs it.
pub(crate) async fn measure(
    load: Load,
    system: &System,
    visitors: &Arc<[Visitor]>,
    arrivals: &Arrivals,
) -> anyhow::Result<Found> {
    let begin = Instant::now() + Duration::from_millis(50);
    let (counts_from, end) = (begin + WARM_UP, begin + WARM_UP + Duration::from_secs(load.seconds));
    let next = Arc::new(AtomicU32::new(0));
    let mut posters = JoinSet::new();
    for _ in 0..load.connections {
        let poster = Poster::connect(system.entry, arrivals.started()).await?;
        posters.spawn(post_until(end, begin, load.rate, next.clone(), poster, visitors.clone(), arrivals.clone()));
    }
    sleep_until(counts_from).await;
    arrivals.take();
    let (before, came_before, since) = (Clocks::read(system).await?, arrivals.count(), Instant::now());
    let (on_their_way, outbox) = look_until(end, system, arrivals).await?;
    let seconds = since.elapsed().as_secs_f64();
    let (after, came) = (Clocks::read(system).await?, arrivals.count() - came_before);
    let samples = arrivals.take();
    while let Some(done) = posters.join_next().await {
        done??;
    }
    Ok(Found {
        rate: load.rate,
        achieved: number(came) / seconds,
        commit: Percentiles::of(samples.iter().map(|sample| sample.from_commit)),
        post: Percentiles::of(samples.iter().map(|sample| sample.from_post)),
        on_their_way: Backlog::of(&on_their_way),
        outbox: Backlog::of(&outbox),
        costs: before.until(&after, came),
    })
}

/// Takes the next message that is due, again and again.
async fn post_until(
    end: Instant,
    begin: Instant,
    rate: u32,
    next: Arc<AtomicU32>,
    mut poster: Poster,
    visitors: Arc<[Visitor]>,
    arrivals: Arrivals,
) -> anyhow::Result<()> {
    loop {
        let mine = next.fetch_add(1, Ordering::Relaxed);
        let due = begin + Duration::from_secs_f64(f64::from(mine) / f64::from(rate));
        if due.max(Instant::now()) >= end {
            return Ok(());
        }
        sleep_until(due).await;
        let visitor = &visitors[usize::try_from(mine)? % visitors.len()];
        poster.post(visitor).await?;
        arrivals.stored();
    }
}

#[derive(QueryableByName)]
struct Rows {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

/// What was on its way, and what lay in the outbox, at each look.
async fn look_until(end: Instant, system: &System, arrivals: &Arrivals) -> anyhow::Result<(Vec<u64>, Vec<u64>)> {
    let mut connection = system.database.connect().await;
    let (mut on_their_way, mut outbox) = (Vec::new(), Vec::new());
    while Instant::now() < end {
        sleep_until((Instant::now() + LOOK_EVERY).min(end)).await;
        let Rows { rows } =
            diesel::sql_query("SELECT count(*) AS rows FROM outbox").get_result(&mut connection).await?;
        on_their_way.push(arrivals.on_their_way());
        outbox.push(rows.unsigned_abs());
    }
    Ok((on_their_way, outbox))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_looked_at_where_it_begins_and_ends() {
        let Backlog { first, last } = Backlog::of(&[1, 3, 50, 50, 8, 10]);
        assert!((first - 2.0).abs() < 1e-9 && (last - 9.0).abs() < 1e-9, "{first} {last}");
        assert!(Backlog::of(&[]).last.abs() < 1e-9);
    }
}
