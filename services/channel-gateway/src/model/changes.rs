//! One chat on its way from the outbox into the change feed, and a reader of the feed. Two relays hold the lane at times: one
//! froze, and comes back. The database is restored, old changes are pruned.
//!
//! `bus::order` decides which rows leave the outbox. That they leave and are numbered in one transaction, with the lane
//! locked, is SQL, and glue here.

use bus::order::{InOrder, taken};
use chat_events::ChatId;

use crate::model::explore::Model;

const EVENTS: u8 = 3;
const CHAT: ChatId = ChatId(7);

/// A rule that is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NumbersWhatIsGone,
    LaneIsNotLocked,
    NumbersInAnotherTransaction,
    GoesOnAfterARefusal,
    EpochIsNotCompared,
    PrunedIsNotTold,
}

#[derive(Debug, Default)]
pub(crate) struct Changes {
    fault: Option<Fault>,
}

/// A change of the chat. The same `seq` in a restored database is another change.
type Change = (u8, u8);

/// The content of PostgreSQL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Database {
    epoch: u8,
    committed: Vec<Change>,
    outbox: Vec<Change>,
    /// Numbered, by position.
    changes: Vec<(u8, Change)>,
    top: u8,
    pruned_to: u8,
}

/// A relay that holds the lane, or thinks so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
enum Holder {
    #[default]
    Idle,
    /// Read, and published.
    Has(Vec<Change>),
    /// Only with a fault: these have a number that nobody sees yet.
    Numbering(Vec<(u8, Change)>),
}

/// A reader of the feed: the changes that it has, and the position from which it reads on.
#[derive(Debug, Clone, Default, Hash)]
struct Reader {
    epoch: u8,
    cursor: u8,
    got: Vec<Change>,
    /// How far the chat had come when it was last read by itself, since the feed could not tell all.
    synced: Vec<Change>,
    harm: Option<&'static str>,
}

#[derive(Debug, Clone, Hash)]
pub(crate) struct State {
    database: Database,
    copy: Option<Database>,
    holders: [Holder; 2],
    reader: Reader,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Commit,
    Take {
        holder: usize,
        batch: usize,
    },
    /// The confirmations of the broker, one bit for each change of the batch.
    Settle {
        holder: usize,
        confirmed: u8,
    },
    CommitNumbers {
        holder: usize,
    },
    Die {
        holder: usize,
    },
    Read {
        page: usize,
    },
    Prune {
        to: u8,
    },
    Copy,
    Restore,
}

impl Changes {
    pub(crate) fn with(fault: Fault) -> Self {
        Self { fault: Some(fault) }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// As the relay settles a batch: the confirmed changes, up to the first of the chat that was not confirmed.
    fn leaving(&self, batch: &[Change], confirmed: u8) -> Vec<Change> {
        let mut order = InOrder::default();
        let mut outcome = |at: usize| {
            if self.is(Fault::GoesOnAfterARefusal) {
                order = InOrder::default();
            }
            let verdict = if confirmed & (1 << at) == 0 { Err("refused".into()) } else { Ok(()) };
            order.outcome(CHAT, verdict)
        };
        let outcomes: Vec<_> = (0..batch.len()).map(&mut outcome).collect();
        taken(batch, &outcomes).copied().collect()
    }

    /// As the statement does it: only rows that are really deleted get a number.
    fn settle(&self, state: &mut State, holder: usize, confirmed: u8) {
        let Holder::Has(batch) = std::mem::take(&mut state.holders[holder]) else { return };
        let database = &mut state.database;
        let mut gone = self.leaving(&batch, confirmed);
        if !self.is(Fault::NumbersWhatIsGone) {
            gone.retain(|change| database.outbox.contains(change));
        }
        database.outbox.retain(|change| !gone.contains(change));
        let first = database.top + 1;
        database.top += u8::try_from(gone.len()).unwrap_or(u8::MAX);
        let numbered = (first..).zip(gone).collect();
        if self.is(Fault::LaneIsNotLocked) || self.is(Fault::NumbersInAnotherTransaction) {
            state.holders[holder] = Holder::Numbering(numbered);
        } else {
            database.changes.extend(numbered);
        }
    }

    fn commit_numbers(state: &mut State, holder: usize) {
        if let Holder::Numbering(numbered) = std::mem::take(&mut state.holders[holder]) {
            state.database.changes.extend(numbered);
            state.database.changes.sort_unstable();
        }
    }

    fn read(&self, state: &mut State, page: usize) {
        let State { database, reader, .. } = state;
        let is_foreign = reader.epoch != database.epoch || reader.cursor > database.top;
        let is_behind = reader.cursor < database.pruned_to;
        if (is_foreign && !self.is(Fault::EpochIsNotCompared)) || (is_behind && !self.is(Fault::PrunedIsNotTold)) {
            // A position first, then the chat: a change in between comes again.
            (reader.epoch, reader.cursor) = (database.epoch, database.top);
            (reader.synced, reader.got) = (database.committed.clone(), Vec::new());
            return;
        }
        let after = reader.cursor;
        let next = database.changes.iter().filter(|(pos, _)| *pos > after).take(page);
        for (pos, change) in next {
            reader.cursor = *pos;
            if reader.got.contains(change) {
                reader.harm = Some("a change came twice");
            } else if reader.got.last().is_some_and(|last| last > change) {
                reader.harm = Some("a change came behind a later one");
            }
            reader.got.push(*change);
        }
    }
}

impl Model for Changes {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        State { database: Database::default(), copy: None, holders: Default::default(), reader: Reader::default() }
    }

    fn possible(&self, state: &State) -> Vec<Step> {
        let State { database, copy, holders, .. } = state;
        let mut steps = Vec::new();
        if database.committed.len() < usize::from(EVENTS) {
            steps.push(Step::Commit);
        }
        for (holder, has) in holders.iter().enumerate() {
            match has {
                Holder::Idle => {
                    steps.extend((1..=database.outbox.len()).map(|batch| Step::Take { holder, batch }));
                }
                Holder::Has(batch) => {
                    steps.extend((0..1_u8 << batch.len()).map(|confirmed| Step::Settle { holder, confirmed }));
                    steps.push(Step::Die { holder });
                }
                Holder::Numbering(_) => {
                    steps.push(Step::CommitNumbers { holder });
                    if self.is(Fault::NumbersInAnotherTransaction) {
                        steps.push(Step::Die { holder });
                    }
                }
            }
        }
        steps.extend([1, usize::from(EVENTS)].map(|page| Step::Read { page }));
        let prunable = database.changes.iter().map(|(pos, _)| *pos);
        steps.extend(prunable.map(|to| Step::Prune { to }));
        if copy.is_none() && database.epoch == 0 {
            steps.push(Step::Copy);
        }
        if copy.is_some() {
            steps.push(Step::Restore);
        }
        steps
    }

    fn take(&self, state: &mut State, step: Step) {
        let database = &mut state.database;
        match step {
            Step::Commit => {
                let seq = u8::try_from(database.committed.len()).unwrap_or(u8::MAX) + 1;
                database.committed.push((database.epoch, seq));
                database.outbox.push((database.epoch, seq));
            }
            Step::Take { holder, batch } => state.holders[holder] = Holder::Has(database.outbox[..batch].to_vec()),
            Step::Settle { holder, confirmed } => self.settle(state, holder, confirmed),
            Step::CommitNumbers { holder } => Self::commit_numbers(state, holder),
            Step::Die { holder } => state.holders[holder] = Holder::Idle,
            Step::Read { page } => self.read(state, page),
            Step::Prune { to } => {
                database.changes.retain(|(pos, _)| *pos > to);
                database.pruned_to = to;
            }
            Step::Copy => state.copy = Some(database.clone()),
            Step::Restore => {
                if let Some(copy) = state.copy.take() {
                    let epoch = database.epoch + 1;
                    *database = Database { epoch, ..copy };
                    state.holders = Default::default();
                }
            }
        }
    }

    /// Once the relays have done their work and the reader has read to the end, it knows every change that there is, and
    /// nothing of a database that is no more.
    fn check(&self, state: &State) -> Result<(), String> {
        let mut settled = state.clone();
        for holder in 0..settled.holders.len() {
            Self::commit_numbers(&mut settled, holder);
            settled.holders[holder] = Holder::Has(settled.database.outbox.clone());
            self.settle(&mut settled, holder, u8::MAX);
            Self::commit_numbers(&mut settled, holder);
        }
        // Once to be told that it has to begin anew, and once to read.
        self.read(&mut settled, usize::MAX);
        self.read(&mut settled, usize::MAX);
        let State { database, reader, .. } = settled;
        if let Some(harm) = reader.harm {
            return Err(harm.into());
        }
        let is_known = |change: &&Change| !reader.got.contains(change) && !reader.synced.contains(change);
        if let Some(lost) = database.committed.iter().find(is_known) {
            return Err(format!("{lost:?} was lost; the reader has {:?} and read {:?}", reader.synced, reader.got));
        }
        let foreign = reader.got.iter().find(|change| !database.committed.contains(change));
        foreign.map_or(Ok(()), |change| Err(format!("{change:?} was undone, and the reader does not know")))
    }
}
