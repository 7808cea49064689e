//! One chat on its way from the outbox to Redis, over a broker that takes what it does not confirm, confirms what it
//! repeats, and gives again what was not acknowledged; processes that die between any two steps.
//!
//! A refused chat is not read again before the batch is settled, and both ends work in batches of any length.

use bus::order::{InOrder, taken};
use chat_events::ChatId;

use crate::model::explore::Model;

const EVENTS: u8 = 3;
const CHAT: ChatId = ChatId(7);
/// Copies that wait in the queue at most: enough for each event and some repeats.
const QUEUE_MAX: usize = 5;

/// A rule that is switched off in the glue around the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    DeletesUpToTheHighest,
    DeletesRefused,
    GoesOnAfterARefusal,
    AcknowledgesFirst,
}

#[derive(Debug, Default)]
pub(crate) struct Relay {
    fault: Option<Fault>,
}

#[derive(Debug, Clone, Hash)]
pub(crate) struct State {
    committed: u8,
    outbox: Vec<u8>,
    /// In the order in which the broker took them.
    queue: Vec<u8>,
    /// In the order in which Redis took them, without the earlier copies of events that came again.
    redis: Vec<u8>,
}

/// A step of one part. In `arrives` and `confirmed` each bit stands for one event of the batch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Commit,
    /// A batch is published; the sender lives to delete the confirmed events, or does not.
    Publish {
        batch: usize,
        arrives: u8,
        confirmed: u8,
        lives: bool,
    },
    /// A batch is given to Redis, which takes its beginning; the dispatcher lives to acknowledge, or does not.
    Dispatch {
        batch: usize,
        taken: usize,
        lives: bool,
    },
}

impl Relay {
    pub(crate) fn with(fault: Fault) -> Self {
        Self { fault: Some(fault) }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// The events that the source of a settled batch may forget, by the verdicts that the next part gave.
    fn forgotten(&self, batch: &[u8], verdicts: impl Iterator<Item = bool>) -> Vec<u8> {
        let mut order = InOrder::default();
        let mut outcome = |took: bool| {
            if self.is(Fault::GoesOnAfterARefusal) {
                order = InOrder::default();
            }
            let took = took || self.is(Fault::DeletesRefused);
            order.outcome(CHAT, if took { Ok(()) } else { Err("refused".into()) })
        };
        let outcomes: Vec<_> = verdicts.map(&mut outcome).collect();
        taken(batch, &outcomes).copied().collect()
    }

    fn publish(&self, state: &mut State, batch: usize, arrives: u8, confirmed: u8, lives: bool) {
        let batch: Vec<u8> = state.outbox[..batch].to_vec();
        let arrived = batch.iter().enumerate().filter(|(at, _)| arrives & (1 << at) != 0);
        state.queue.extend(arrived.map(|(_, event)| *event));
        if lives {
            let verdicts = (0..batch.len()).map(|at| confirmed & (1 << at) != 0);
            let mut forgotten = self.forgotten(&batch, verdicts);
            if self.is(Fault::DeletesUpToTheHighest) && confirmed != 0 {
                forgotten = batch[..=confirmed.ilog2() as usize].to_vec();
            }
            state.outbox.retain(|event| !forgotten.contains(event));
        }
    }

    fn dispatch(&self, state: &mut State, batch: usize, takes: usize, lives: bool) {
        let batch: Vec<u8> = state.queue[..batch].to_vec();
        for event in &batch[..takes] {
            state.redis.retain(|earlier| earlier != event);
            state.redis.push(*event);
        }
        let acknowledged = if self.is(Fault::AcknowledgesFirst) {
            batch.len()
        } else if lives {
            self.forgotten(&batch, (0..batch.len()).map(|at| at < takes)).len()
        } else {
            0
        };
        state.queue.drain(..acknowledged);
    }
}

impl Model for Relay {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        State { committed: 0, outbox: Vec::new(), queue: Vec::new(), redis: Vec::new() }
    }

    fn possible(&self, state: &State) -> Vec<Step> {
        let mut steps = Vec::new();
        if state.committed < EVENTS {
            steps.push(Step::Commit);
        }
        for batch in 1..=state.outbox.len() {
            for arrives in 0..1_u8 << batch {
                // Only events that arrived can be confirmed.
                let confirmed = (0..=arrives).filter(|confirmed| confirmed & !arrives == 0);
                steps.extend(confirmed.map(|confirmed| Step::Publish { batch, arrives, confirmed, lives: true }));
                steps.push(Step::Publish { batch, arrives, confirmed: 0, lives: false });
            }
        }
        steps.retain(|step| match step {
            Step::Publish { arrives, .. } => state.queue.len() + arrives.count_ones() as usize <= QUEUE_MAX,
            _ => true,
        });
        for batch in 1..=state.queue.len() {
            let of = |taken| [true, false].map(|lives| Step::Dispatch { batch, taken, lives });
            steps.extend((0..=batch).flat_map(of));
        }
        steps
    }

    fn take(&self, state: &mut State, step: Step) {
        match step {
            Step::Commit => {
                state.committed += 1;
                state.outbox.push(state.committed);
            }
            Step::Publish { batch, arrives, confirmed, lives } => self.publish(state, batch, arrives, confirmed, lives),
            Step::Dispatch { batch, taken, lives } => self.dispatch(state, batch, taken, lives),
        }
    }

    /// Once nothing fails any more, everything is in Redis, and the last copies are in order.
    fn check(&self, state: &State) -> Result<(), String> {
        let mut settled = state.clone();
        let all = settled.outbox.len();
        self.publish(&mut settled, all, (1 << all) - 1, (1 << all) - 1, true);
        let all = settled.queue.len();
        self.dispatch(&mut settled, all, all, true);
        let every: Vec<u8> = (1..=settled.committed).collect();
        if settled.redis == every {
            return Ok(());
        }
        let lost = every.iter().find(|event| !settled.redis.contains(event));
        Err(lost.map_or_else(
            || format!("the last copies are out of order: {:?}", settled.redis),
            |lost| format!("{lost} was lost"),
        ))
    }
}
