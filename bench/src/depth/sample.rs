//! Doing the same in several places in turn, so that what else the machine does concerns them alike.

use std::time::{Duration, Instant};

use anyhow::Context;
use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::filling::Filled;
use super::session::{Session, buffers};
use super::work::{Spot, Work};
use crate::figures::{median, micros, number};

/// Chats that are written and read in at a time: what is in use fits PostgreSQL's memory, however much there is.
const ACTIVE: i64 = 50;
/// PostgreSQL may settle for one plan for all parameters after five executions.
const UNTIL_SETTLED: usize = 10;

/// Chats to do it in, and two connections: one for time, one for plans.
pub(crate) struct Place {
    quiet: Session,
    explained: Session,
    spots: Vec<Spot>,
}

/// What was found in one place.
#[derive(Debug)]
pub(crate) struct Samples {
    /// Time of one, on the client's side.
    pub(crate) times: Vec<Duration>,
    /// Buffers that one touched.
    pub(crate) buffers: Vec<i64>,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

impl Place {
    /// Chats that are in use.
    pub(crate) async fn active(filled: &Filled) -> anyhow::Result<Self> {
        let step = (filled.filling.chats / ACTIVE).max(1);
        Self::of(filled, (0..ACTIVE.min(filled.filling.chats)).map(|n| (n * step + 1, 2))).await
    }

    /// Any chats, others for each beginning: what is read there was not read before.
    pub(crate) async fn cold(filled: &Filled, beginning: usize) -> anyhow::Result<Self> {
        let beginning = i64::try_from(beginning)?;
        // A step that shares no divisor with a round number of chats comes past all of them.
        let any = |n: i64| (beginning + n) * 7919 % filled.filling.chats + 1;
        Self::of(filled, (0..filled.filling.chats.min(2000)).map(|n| (any(n), 2))).await
    }

    /// The deep chat, at many of its middles.
    pub(crate) async fn deep(filled: &Filled) -> anyhow::Result<Self> {
        let chat = filled.filling.chats + i64::from(filled.filling.deep > 0);
        Self::of(filled, (0..ACTIVE).map(|n| (chat, n + 2))).await
    }

    /// In each chat, its middle at that part of it: a half, a third.
    async fn of(filled: &Filled, chats: impl Iterator<Item = (i64, i64)>) -> anyhow::Result<Self> {
        let url = filled.database.url();
        let mut connection = filled.database.connect().await;
        let mut spots = Vec::new();
        for (chat, part) in chats {
            let top = filled.top(chat);
            let seq = (top - top / part).max(51);
            let query = diesel::sql_query("SELECT id FROM messages WHERE chat_id = $1 AND seq = $2");
            let Id { id } = query
                .bind::<BigInt, _>(chat)
                .bind::<BigInt, _>(seq)
                .get_result(&mut connection)
                .await
                .with_context(|| format!("no message {seq} in chat {chat}"))?;
            spots.push(Spot { chat, top, middle: id });
        }
        Ok(Self { quiet: Session::quiet(url).await?, explained: Session::explained(url).await?, spots })
    }

    fn spot(&self, turn: usize) -> Spot {
        self.spots[turn % self.spots.len()]
    }

    async fn timed(&mut self, work: Work, turn: usize) -> anyhow::Result<Duration> {
        let spot = self.spot(turn);
        let begun = Instant::now();
        work.run(&mut self.quiet, spot).await?;
        Ok(begun.elapsed())
    }

    async fn counted(&mut self, work: Work, turn: usize) -> anyhow::Result<i64> {
        let spot = self.spot(turn);
        work.run(&mut self.explained, spot).await?;
        let plans = self.explained.plans();
        anyhow::ensure!(!plans.is_empty(), "auto_explain told nothing");
        Ok(plans.iter().map(buffers).sum())
    }
}

impl Samples {
    /// In microseconds.
    pub(crate) fn time(&self) -> f64 {
        median(self.times.iter().copied().map(micros))
    }

    /// Of one execution.
    pub(crate) fn buffers(&self) -> f64 {
        median(self.buffers.iter().map(|count| number(count.unsigned_abs())))
    }
}

/// That often in each place, for time and then for buffers.
pub(crate) async fn measure<const N: usize>(
    work: Work,
    places: &mut [Place; N],
    times: usize,
) -> anyhow::Result<[Samples; N]> {
    let mut samples: [Samples; N] = std::array::from_fn(|_| Samples { times: Vec::new(), buffers: Vec::new() });
    // What is in use is in memory, and plans are made.
    let warm_up = UNTIL_SETTLED.max(usize::try_from(ACTIVE)?);
    for turn in 0..warm_up + times {
        for (place, samples) in places.iter_mut().zip(&mut samples) {
            let time = place.timed(work, turn).await?;
            let buffers = place.counted(work, turn).await?;
            if turn >= warm_up {
                samples.times.push(time);
                samples.buffers.push(buffers);
            }
        }
    }
    Ok(samples)
}
