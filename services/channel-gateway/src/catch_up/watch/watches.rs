//! The chats of one connection: one or a few for most, and for staff every session that it has heard of.

use std::collections::HashMap;

use chat_events::ChatId;
use smallvec::SmallVec;

use super::Watch;

/// Up to so many are kept in one row. Beyond that finding and adding one must not cost more the more there are.
const FEW: usize = 16;

/// Watches by chat.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// In no order. The only chat of most connections lies in the connection itself.
    few: SmallVec<[(ChatId, Watch); 1]>,
    /// All of them, once there were more than a few.
    #[expect(clippy::box_collection, reason = "few connections have one, and each has the room for it")]
    many: Option<Box<HashMap<ChatId, Watch>>>,
}

impl Watches {
    /// The watch of a chat.
    pub(crate) fn get(&self, chat: ChatId) -> Option<&Watch> {
        match &self.many {
            Some(many) => many.get(&chat),
            None => self.few.iter().find(|(id, _)| *id == chat).map(|(_, watch)| watch),
        }
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, chat: ChatId) -> Option<&mut Watch> {
        match &mut self.many {
            Some(many) => many.get_mut(&chat),
            None => self.few.iter_mut().find(|(id, _)| *id == chat).map(|(_, watch)| watch),
        }
    }

    /// Adds the watch of a chat, or replaces the one that is there.
    pub(crate) fn insert(&mut self, chat: ChatId, watch: Watch) {
        if let Some(known) = self.get_mut(chat) {
            *known = watch;
            return;
        }
        if self.many.is_none() && self.few.len() == FEW {
            self.many = Some(Box::new(std::mem::take(&mut self.few).into_iter().collect()));
        }
        match &mut self.many {
            Some(many) => drop(many.insert(chat, watch)),
            None => self.few.push((chat, watch)),
        }
    }

    /// Takes a chat away.
    pub(crate) fn remove(&mut self, chat: ChatId) -> Option<Watch> {
        if let Some(many) = &mut self.many {
            return many.remove(&chat);
        }
        let index = self.few.iter().position(|(id, _)| *id == chat)?;
        Some(self.few.swap_remove(index).1)
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ChatId, &Watch)> {
        let few = self.few.iter().map(|(chat, watch)| (*chat, watch));
        few.chain(self.many.iter().flat_map(|many| many.iter()).map(|(chat, watch)| (*chat, watch)))
    }

    /// Takes all away, and names them.
    pub(crate) fn take_all(&mut self) -> Vec<ChatId> {
        let chats = self.iter().map(|(chat, _)| chat).collect();
        *self = Self::default();
        chats
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chat_events::{ChatKind, Seq};

    use super::*;

    fn watch(from: i64) -> Watch {
        Watch::live(ChatKind::Group, Seq(from))
    }

    #[test]
    fn few_and_many_are_found_changed_and_taken_away() {
        for count in [1, 2, FEW, FEW + 1, 10 * FEW] {
            let mut watches = Watches::default();
            let chats = 1..=i64::try_from(count).expect("few");
            for chat in chats.clone().rev() {
                assert!(watches.get(ChatId(chat)).is_none());
                watches.insert(ChatId(chat), watch(chat));
            }
            let found: BTreeSet<_> = watches.iter().map(|(chat, _)| chat.0).collect();
            assert_eq!(found, chats.clone().collect(), "each once");
            watches.insert(ChatId(1), watch(100));
            assert_eq!(watches.get_mut(ChatId(1)).and_then(|watch| watch.live_from()), Some(Seq(100)));
            assert_eq!(watches.iter().count(), count, "in the other's place");
            assert_eq!(watches.remove(ChatId(1)).and_then(|watch| watch.live_from()), Some(Seq(100)));
            assert!(watches.remove(ChatId(1)).is_none() && watches.get(ChatId(1)).is_none());
            for chat in chats.skip(1) {
                assert_eq!(watches.get(ChatId(chat)).and_then(Watch::live_from), Some(Seq(chat)));
            }
            assert_eq!(watches.take_all().len(), count - 1);
            assert_eq!(watches.iter().count(), 0);
        }
    }
}
