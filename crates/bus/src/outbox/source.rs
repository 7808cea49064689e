//! Reads a lane, numbers and deletes confirmed rows, sets aside chats that are refused.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use chat_events::{Beat, Epoch, Lane};
use secrecy::SecretString;
use telemetry::Part;
use tokio::time::Instant;

use super::beat;
use super::lane_lock::{HeldLane, PING_EVERY, Standby};
use super::lane_waker::LaneWaker;
use super::numbering::{Leaving, number};
use super::rows::{self, OutboxKey, PAGE, Row};
use crate::backoff::Backoff;
use crate::{Batch, BusError, Envelope, LaneMetrics, Outcome, Source, order};

/// Gateways count on a beat this often. The rows are looked at after each, so that a row without a notice is found.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// A refused chat waits at most this long.
const SET_ASIDE_AT_MOST: Duration = Duration::from_secs(1);

/// With so many chats refused the next part is down, and there is no use in trying more of them.
const MOST_SET_ASIDE: usize = 1000;

/// One lane of the outbox. Of all sources of a lane, in whatever process, one at a time gives events.
pub struct OutboxSource {
    database_url: SecretString,
    lane: Lane,
    epoch: Epoch,
    waker: LaneWaker,
    metrics: LaneMetrics,
    part: Part,
    link: Link,
    beat_due: Instant,
    cursor: OutboxKey,
    set_aside: HashMap<i64, SetAside>,
    /// Rows of the last page that cannot be read.
    unreadable: Vec<Leaving>,
}

enum Link {
    Down,
    Waiting(Box<Standby>),
    Held(HeldLane),
}

struct SetAside {
    until: Instant,
    backoff: Backoff,
}

impl OutboxSource {
    /// Reads the lane of that database, once it holds the lane. The part is up as long as PostgreSQL answers, also
    /// while another process holds the lane.
    #[must_use]
    pub fn new(
        database_url: SecretString,
        lane: Lane,
        epoch: Epoch,
        waker: LaneWaker,
        metrics: LaneMetrics,
        part: Part,
    ) -> Self {
        Self {
            database_url,
            lane,
            epoch,
            waker,
            metrics,
            part,
            link: Link::Down,
            beat_due: Instant::now(),
            cursor: OutboxKey::START,
            set_aside: HashMap::new(),
            unreadable: Vec::new(),
        }
    }

    /// Comes back with the lane held.
    async fn hold_lane(&mut self) -> Result<(), BusError> {
        loop {
            match &mut self.link {
                Link::Held(held) if held.is_lost() => return Err(BusError("PostgreSQL: the lane is lost".into())),
                Link::Held(_) => return Ok(()),
                Link::Down => {
                    self.link = Link::Waiting(Box::new(Standby::connect(&self.database_url, self.lane).await?));
                }
                Link::Waiting(standby) => {
                    let locked = standby.try_lock().await?;
                    self.part.up();
                    if locked {
                        self.start_holding();
                    } else {
                        tokio::time::sleep(PING_EVERY).await;
                    }
                }
            }
        }
    }

    fn start_holding(&mut self) {
        if let Link::Waiting(standby) = std::mem::replace(&mut self.link, Link::Down) {
            tracing::info!(lane = %self.lane, "this process relays the lane");
            self.link = Link::Held(standby.hold(self.metrics.clone()));
            self.waker.set_held(self.lane, true);
            self.beat_due = Instant::now();
            self.cursor = OutboxKey::START;
            self.set_aside.clear();
        }
    }

    fn let_go(&mut self, error: &BusError) {
        self.release();
        self.part.down(error.to_string());
    }

    fn release(&mut self) {
        self.waker.set_held(self.lane, false);
        self.link = Link::Down;
        // The next holder tells the age.
        self.metrics.set_outbox_age(0.0);
    }

    async fn read_on(&mut self) -> Result<Batch, BusError> {
        loop {
            self.hold_lane().await?;
            if self.beat_due <= Instant::now() {
                return Ok(Batch::Beat(self.beat().await?));
            }
            let held_back = self.held_back();
            if held_back.len() < MOST_SET_ASIDE {
                let envelopes = self.read_page(held_back).await?;
                if !envelopes.is_empty() {
                    return Ok(Batch::Events(envelopes));
                }
                if !self.unreadable.is_empty() {
                    self.take_out(Vec::new()).await?;
                    continue;
                }
                if self.cursor != OutboxKey::START {
                    continue;
                }
            }
            self.wait().await?;
        }
    }

    /// Goes before the next page rather than in its place among the rows: it must not wait for a sweep of a long backlog.
    async fn beat(&mut self) -> Result<Beat, BusError> {
        let beat = beat::write(self.held()?.conn(), self.lane, self.waker.lanes()).await?;
        self.beat_due = Instant::now() + BEAT_EVERY;
        Ok(beat)
    }

    /// The next page. A short one ends the sweep, and the next begins at the start again: a row may have been
    /// committed behind the cursor meanwhile.
    async fn read_page(&mut self, held_back: Vec<i64>) -> Result<Vec<Envelope>, BusError> {
        let rows = rows::read(self.held()?.conn(), self.lane, self.cursor, held_back).await?;
        self.cursor = match rows.last() {
            Some(last) if rows.len() == PAGE => last.key(),
            _ => OutboxKey::START,
        };
        self.unreadable.clear();
        Ok(rows.into_iter().filter_map(|row| self.envelope(row)).collect())
    }

    /// A row that cannot be read is set aside when its turn comes, for people to look at, and holds nothing else up.
    fn envelope(&mut self, row: Row) -> Option<Envelope> {
        let key = row.key();
        match row.into_envelope(self.lane, self.epoch) {
            Ok(envelope) => Some(envelope),
            Err(fault) => {
                self.unreadable.push(Leaving { key, fault: Some(fault.to_string()) });
                None
            }
        }
    }

    /// Numbers and deletes published rows, and with them the unreadable rows of the page that nothing holds back.
    async fn take_out(&mut self, mut leaving: Vec<Leaving>) -> Result<(), BusError> {
        let unreadable = std::mem::take(&mut self.unreadable);
        leaving.extend(unreadable.iter().cloned());
        if leaving.is_empty() {
            return Ok(());
        }
        number(self.held()?.conn(), self.lane, leaving).await?;
        self.waker.numbered();
        for Leaving { key, fault } in unreadable {
            self.metrics.count_unreadable();
            let why = fault.unwrap_or_default();
            tracing::error!(lane = %self.lane, chat_id = key.chat_id, seq = key.seq, why, "an outbox row was set aside");
        }
        Ok(())
    }

    /// The rest of a refused chat is not read in this sweep, not even when its wait is over first.
    fn leave_chat(&mut self, chat: i64) {
        if self.cursor.chat_id == chat {
            self.cursor.seq = i64::MAX;
        }
    }

    /// Until there may be something to read.
    async fn wait(&self) -> Result<(), BusError> {
        let now = Instant::now();
        let due = self.set_aside.values().map(|aside| aside.until).filter(|until| *until > now).min();
        let until = due.map_or(self.beat_due, |due| due.min(self.beat_due));
        let held = self.held()?;
        tokio::select! {
            () = self.waker.committed_to(self.lane), if self.set_aside.len() < MOST_SET_ASIDE => Ok(()),
            () = tokio::time::sleep_until(until) => Ok(()),
            () = held.lost() => Err(BusError("PostgreSQL: the lane is lost".into())),
        }
    }

    fn held(&self) -> Result<&HeldLane, BusError> {
        match &self.link {
            Link::Held(held) => Ok(held),
            _ => Err(BusError("PostgreSQL: the lane is not held".into())),
        }
    }

    fn held_back(&self) -> Vec<i64> {
        let now = Instant::now();
        self.set_aside.iter().filter(|(_, aside)| aside.until > now).map(|(chat, _)| *chat).collect()
    }

    /// A chat with a refusal waits; one whose events were taken is no longer special.
    fn remember(&mut self, batch: &[Envelope], outcomes: &[Outcome]) {
        for (envelope, outcome) in batch.iter().zip(outcomes) {
            let chat = envelope.event.chat_id.0;
            match outcome {
                Outcome::Taken => {
                    self.set_aside.remove(&chat);
                }
                Outcome::Refused(_) => {
                    let aside = self.set_aside.entry(chat).or_insert_with(|| SetAside {
                        until: Instant::now(),
                        backoff: Backoff::up_to(SET_ASIDE_AT_MOST),
                    });
                    aside.until = Instant::now() + aside.backoff.next_wait();
                    self.leave_chat(chat);
                }
                Outcome::Held => {}
            }
        }
    }
}

fn key_of(Envelope { event, .. }: &Envelope) -> OutboxKey {
    OutboxKey { chat_id: event.chat_id.0, seq: event.seq.0 }
}

/// Whether an event below it in its chat was not taken.
fn is_held_back(row: OutboxKey, batch: &[Envelope], outcomes: &[Outcome]) -> bool {
    let mut left = batch.iter().zip(outcomes).filter(|(_, outcome)| **outcome != Outcome::Taken);
    left.any(|(envelope, _)| key_of(envelope).chat_id == row.chat_id && key_of(envelope).seq < row.seq)
}

#[async_trait]
impl Source for OutboxSource {
    async fn next(&mut self) -> Result<Batch, BusError> {
        let read = self.read_on().await;
        if let Err(error) = &read {
            self.let_go(error);
        }
        read
    }

    async fn settle(&mut self, batch: &[Envelope], outcomes: &[Outcome]) -> Result<(), BusError> {
        self.remember(batch, outcomes);
        // An unreadable row behind a refusal in its chat stays with it.
        self.unreadable.retain(|row| !is_held_back(row.key, batch, outcomes));
        let taken = order::taken(batch, outcomes).map(|envelope| Leaving { key: key_of(envelope), fault: None });
        let taken_out = self.take_out(taken.collect()).await;
        if let Err(error) = &taken_out {
            self.let_go(error);
        }
        taken_out
    }

    async fn forget_beat(&mut self) -> Result<(), BusError> {
        let deleted = match &self.link {
            Link::Held(held) => beat::delete(held.conn(), self.lane).await,
            // Its next holder writes over it.
            _ => Ok(()),
        };
        if let Err(error) = &deleted {
            self.let_go(error);
        }
        deleted
    }
}

/// The process may hold the lane again later, by another source: until then it must be nudged by NOTIFY.
impl Drop for OutboxSource {
    fn drop(&mut self) {
        self.release();
    }
}
