//! The messages that wait to be written, and the order of their turns.
//!
//! A chat's messages leave in the order in which they came, and a chat that has messages on their way lets no other go:
//! so a writer of them need not think of the other writers. A message of a chat that has none on its way
//! never waits for messages of another.

use std::collections::{HashMap, VecDeque};

use chat_events::ChatId;

/// How many messages leave together, at most.
pub(crate) const MOST_AT_ONCE: usize = 128;

/// How many may wait. Beyond that PostgreSQL is so far behind that a sender had better come again later.
pub(crate) const MOST_WAITING: usize = 8192;

/// Messages by chat, and how many write.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    chats: HashMap<ChatId, Line<T>>,
    /// Chats that have waiting messages, and none on its way; the chat that came first is first.
    ready: VecDeque<ChatId>,
    waiting: usize,
}

#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<T>,
    on_its_way: bool,
}

/// Messages that leave together, messages of a chat one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch<T> {
    /// To be given back when its messages are done with.
    pub(crate) chats: Vec<ChatId>,
    pub(crate) messages: Vec<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { chats: HashMap::new(), ready: VecDeque::new(), waiting: 0 }
    }
}

impl<T> Queue<T> {
    /// Lets a message wait for its turn; gives it back when too many wait.
    pub(crate) fn push(&mut self, chat: ChatId, message: T) -> Result<(), T> {
        if self.waiting >= MOST_WAITING {
            return Err(message);
        }
        self.waiting += 1;
        let line = self.chats.entry(chat).or_insert_with(|| Line { waiting: VecDeque::new(), on_its_way: false });
        if line.waiting.is_empty() && !line.on_its_way {
            self.ready.push_back(chat);
        }
        line.waiting.push_back(message);
        Ok(())
    }

    /// Whether a batch could leave.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// All that may leave now, up to the most.
    pub(crate) fn take(&mut self) -> Option<Batch<T>> {
        let mut batch = Batch { chats: Vec::new(), messages: Vec::new() };
        while batch.messages.len() < MOST_AT_ONCE
            && let Some(chat) = self.ready.pop_front()
        {
            let Some(line) = self.chats.get_mut(&chat) else { continue };
            let room = MOST_AT_ONCE - batch.messages.len();
            batch.messages.extend(line.waiting.drain(..room.min(line.waiting.len())));
            line.on_its_way = true;
            batch.chats.push(chat);
        }
        self.waiting -= batch.messages.len();
        (!batch.chats.is_empty()).then_some(batch)
    }

    /// Lets the next messages of a chat go: the messages that were taken are done with.
    pub(crate) fn give_back(&mut self, chat: ChatId) {
        let Some(line) = self.chats.get_mut(&chat) else { return };
        if line.waiting.is_empty() {
            self.chats.remove(&chat);
        } else if line.on_its_way {
            line.on_its_way = false;
            self.ready.push_back(chat);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ChatId = ChatId(1);
    const B: ChatId = ChatId(2);

    fn queue(messages: &[(ChatId, usize)]) -> Queue<usize> {
        let mut queue = Queue::default();
        for (chat, message) in messages {
            queue.push(*chat, *message).expect("room");
        }
        queue
    }

    #[test]
    fn what_waits_leaves_together_each_chat_in_its_order() {
        let mut queue = queue(&[(A, 1), (B, 2), (A, 3), (B, 4)]);
        assert_eq!(queue.take(), Some(Batch { chats: vec![A, B], messages: vec![1, 3, 2, 4] }));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn a_chat_with_messages_on_their_way_waits_and_others_do_not() {
        let mut queue = queue(&[(A, 1)]);
        assert_eq!(queue.take(), Some(Batch { chats: vec![A], messages: vec![1] }));
        queue.push(A, 2).expect("room");
        assert!(!queue.is_ready());
        queue.push(B, 3).expect("room");
        assert_eq!(queue.take(), Some(Batch { chats: vec![B], messages: vec![3] }));
        queue.give_back(A);
        assert_eq!(queue.take(), Some(Batch { chats: vec![A], messages: vec![2] }));
    }

    #[test]
    fn what_does_not_fit_keeps_its_place() {
        let mut queue = queue(&(0..MOST_AT_ONCE + 2).map(|n| (A, n)).collect::<Vec<_>>());
        let first = queue.take().expect("a batch");
        assert_eq!((first.chats, first.messages.len()), (vec![A], MOST_AT_ONCE));
        assert_eq!(queue.take(), None, "the rest waits for those on their way");
        queue.give_back(A);
        assert_eq!(queue.take().map(|batch| batch.messages), Some(vec![MOST_AT_ONCE, MOST_AT_ONCE + 1]));
    }

    #[test]
    fn nothing_is_kept_of_a_chat_that_is_done() {
        let mut queue = queue(&[(A, 1), (B, 2)]);
        let batch = queue.take().expect("a batch");
        batch.chats.into_iter().for_each(|chat| queue.give_back(chat));
        assert!(queue.chats.is_empty() && queue.ready.is_empty() && queue.waiting == 0);
    }

    #[test]
    fn too_many_are_refused_until_some_have_left() {
        let mut queue = Queue::default();
        for n in 0..MOST_WAITING {
            queue.push(A, n).expect("room");
        }
        assert_eq!(queue.push(B, 0), Err(0));
        queue.take();
        assert_eq!(queue.push(B, 0), Ok(()));
    }
}
