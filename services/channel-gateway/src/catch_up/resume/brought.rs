//! The cursors of a client that comes back to many chats, in one frame or in several. Pure.

use std::collections::BTreeMap;

use chat_events::gateway_api::MAX_CURSORS;
use chat_events::{ChatId, Epoch, Seq};

/// Chats that are resumed at once, in all frames together.
pub(crate) const MAX_CHATS: usize = 20_000;

/// One frame of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cursors {
    /// For each chat the last seq that it saw.
    pub cursors: BTreeMap<ChatId, Seq>,
    /// Of which database; the first, if it is not said.
    pub epoch: Option<Epoch>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Brought {
    /// The cursors that may be honoured.
    pub cursors: BTreeMap<ChatId, Seq>,
    /// The chats of the others, with the reason.
    pub refused: Vec<(&'static str, Vec<ChatId>)>,
    /// Its client comes again and again, each time with all cursors: it is told of cursors that rise, and of what it has not
    /// named.
    pub is_poll: bool,
}

impl Brought {
    /// Takes one frame. `is_of` says whether the database is of an epoch.
    pub(crate) fn add(&mut self, frame: Cursors, is_of: impl Fn(Epoch) -> bool) {
        let Cursors { mut cursors, epoch } = frame;
        if !is_of(epoch.unwrap_or(Epoch::FIRST)) {
            return self.refuse("epoch", cursors);
        }
        if let Some((&first_beyond, _)) = cursors.iter().nth(MAX_CURSORS) {
            let beyond = cursors.split_off(&first_beyond);
            self.refuse("too_many", beyond);
        }
        let (cursors, nonsense) = cursors.into_iter().partition(|(_, seq)| *seq >= Seq::ZERO);
        self.refuse("ahead", nonsense);
        let mut beyond = BTreeMap::new();
        for (chat, seq) in BTreeMap::<ChatId, Seq>::into_iter(cursors) {
            let has_room = self.cursors.len() < MAX_CHATS || self.cursors.contains_key(&chat);
            let to = if has_room { &mut self.cursors } else { &mut beyond };
            to.insert(chat, seq);
        }
        self.refuse("too_many", beyond);
    }

    /// Whether its client knows of a chat. Where cursors are refused it reads anew, and finds it then.
    pub(crate) fn names(&self, chat: ChatId) -> bool {
        self.cursors.contains_key(&chat) || !self.refused.is_empty()
    }

    fn refuse(&mut self, why: &'static str, chats: BTreeMap<ChatId, Seq>) {
        if !chats.is_empty() {
            self.refused.push((why, chats.into_keys().collect()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(chats: std::ops::Range<i64>, seq: i64) -> Cursors {
        Cursors { cursors: chats.map(|chat| (ChatId(chat), Seq(seq))).collect(), epoch: Some(Epoch(1)) }
    }

    fn refused(brought: &Brought) -> Vec<(&str, usize)> {
        brought.refused.iter().map(|(why, chats)| (*why, chats.len())).collect()
    }

    #[test]
    fn frames_add_up_and_of_one_chat_the_last_counts() {
        let mut brought = Brought::default();
        brought.add(frame(1..4, 7), |_| true);
        brought.add(frame(3..6, 9), |_| true);
        let cursors: Vec<_> = brought.cursors.iter().map(|(chat, seq)| (chat.0, seq.0)).collect();
        assert_eq!(cursors, [(1, 7), (2, 7), (3, 9), (4, 9), (5, 9)]);
        assert!(brought.refused.is_empty());
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_with_its_reason() {
        let mut brought = Brought::default();
        brought.add(frame(1..1003, 7), |_| true);
        brought.add(frame(2000..2003, -1), |_| true);
        brought.add(frame(3000..3004, 7), |_| false);
        assert_eq!(
            (refused(&brought), brought.cursors.len()),
            (vec![("too_many", 2), ("ahead", 3), ("epoch", 4)], 1000)
        );
    }

    #[test]
    fn cursors_that_name_no_database_are_of_the_first() {
        let mut brought = Brought::default();
        brought.add(Cursors { epoch: None, ..frame(1..3, 7) }, |epoch| epoch == Epoch::FIRST);
        brought.add(Cursors { epoch: None, ..frame(3..4, 7) }, |epoch| epoch == Epoch(2));
        assert_eq!((brought.cursors.len(), refused(&brought)), (2, vec![("epoch", 1)]));
    }

    #[test]
    fn however_many_frames_come_no_more_than_so_many_chats_are_resumed() {
        let mut brought = Brought::default();
        for first in 0..30 {
            brought.add(frame(first * 1000..(first + 1) * 1000, 7), |_| true);
        }
        let beyond: usize = refused(&brought).into_iter().map(|(_, count)| count).sum();
        assert_eq!((brought.cursors.len(), beyond), (MAX_CHATS, 10_000));
        brought.add(frame(5..6, 8), |_| true);
        assert_eq!(brought.cursors.get(&ChatId(5)), Some(&Seq(8)), "it is among them");
    }
}
