//! The outcomes of a batch: pure, so that every interleaving can be tested. Sinks decide by it, sources forget by it.

use std::collections::HashSet;

use chat_events::ChatId;

use crate::Outcome;

/// Stops a chat at its first refusal. An event that follows there may have been taken already: it is held all the same
/// and published again after the refused one, so that the last copy of each is in order.
#[derive(Debug, Default)]
pub struct InOrder {
    stopped: HashSet<ChatId>,
}

impl InOrder {
    /// The next part's word on one event, asked for in the order of the batch.
    pub fn outcome(&mut self, chat: ChatId, verdict: Result<(), String>) -> Outcome {
        match verdict {
            _ if self.stopped.contains(&chat) => Outcome::Held,
            Ok(()) => Outcome::Taken,
            Err(why) => {
                self.stopped.insert(chat);
                Outcome::Refused(why)
            }
        }
    }
}

/// The events that a source may forget: exactly the ones that were taken.
pub fn taken<'a, P>(batch: &'a [P], outcomes: &'a [Outcome]) -> impl Iterator<Item = &'a P> {
    batch.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Outcome::Taken).map(|(envelope, _)| envelope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_stops_at_its_first_refusal_and_others_go_on() {
        let mut order = InOrder::default();
        let verdicts = [(1, Ok(())), (1, Err("no".to_owned())), (2, Ok(())), (1, Ok(()))];
        let outcomes = verdicts.map(|(chat, verdict)| order.outcome(ChatId(chat), verdict));
        assert_eq!(outcomes, [Outcome::Taken, Outcome::Refused("no".into()), Outcome::Taken, Outcome::Held]);
        assert_eq!(taken(&[10, 11, 20, 12], &outcomes).collect::<Vec<_>>(), [&10, &20]);
    }
}
