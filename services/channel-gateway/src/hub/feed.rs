//! The order of one chat as a gateway sees it: a pure state machine, so that every interleaving can be tested.
//!
//! Older is dropped, the next goes out, a jump is filled first. While a fill runs, what arrives is held.

use std::collections::BTreeMap;

use chat_events::Seq;

/// Events held while a fill runs. Beyond this they are let go: the fill reads them from history.
const HELD_MAX: usize = 1024;

/// What to do after something arrived.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<E> {
    /// Send it out.
    Deliver(E),
    /// Read history after this position, then call [`Feed::filled`].
    Fill(Seq),
    /// Nothing: it is old, or held.
    Wait,
}

/// One chat's order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Feed<E> {
    last: Option<Seq>,
    /// The `last` that it began with.
    began: Seq,
    /// How far all who joined while nothing had gone out yet have read.
    joined_at: Option<Seq>,
    filling: bool,
    held: BTreeMap<Seq, E>,
    room: usize,
    /// The highest position heard of. A fill goes on until it has reached it.
    heard: Seq,
}

impl<E> Default for Feed<E> {
    fn default() -> Self {
        Self::with_room(HELD_MAX)
    }
}

impl<E> Feed<E> {
    /// A new feed with room for that many events that come while a fill runs.
    pub fn with_room(room: usize) -> Self {
        Self {
            last: None,
            began: Seq::ZERO,
            joined_at: None,
            filling: false,
            held: BTreeMap::new(),
            room,
            heard: Seq::ZERO,
        }
    }

    /// The last position that went out; none while the feed is new.
    pub fn last(&self) -> Option<Seq> {
        self.last
    }

    /// Somebody who joined has read history up to here. Nothing went out for it: what is at or below this may still
    /// be on its way to others who listen. Where the feed began above that, what lies between never goes out: the answer
    /// is how far the reader has to read.
    #[must_use]
    pub fn joined(&mut self, reached: Seq) -> Option<Seq> {
        if self.last.is_none() {
            self.joined_at = Some(self.joined_at.map_or(reached, |joined_at| joined_at.min(reached)));
        }
        (reached < self.began).then_some(self.began)
    }

    /// Whether a chat whose top is this has something that did not go out. Nobody misses anything in a feed that
    /// nobody joined: it counts from there.
    pub fn is_behind(&mut self, top: Seq) -> bool {
        self.last.unwrap_or_else(|| *self.joined_at.get_or_insert(top)) < top
    }

    /// The last position that went out, counted from the first that is heard of: who listens has read history after
    /// they subscribed, so nothing is missing before it, unless they have not come that far.
    fn start(&mut self, first: Seq) -> Seq {
        self.last.unwrap_or_else(|| {
            let before = Seq(first.0 - 1);
            self.began = self.joined_at.map_or(before, |joined_at| joined_at.min(before));
            *self.last.insert(self.began)
        })
    }

    /// An event arrived.
    pub fn arrive(&mut self, seq: Seq, event: E) -> Step<E> {
        self.heard = self.heard.max(seq);
        let last = self.start(seq);
        if seq <= last {
            return Step::Wait;
        }
        if self.filling {
            self.hold(seq, event);
            return Step::Wait;
        }
        if seq == last.next() {
            self.last = Some(seq);
            return Step::Deliver(event);
        }
        self.hold(seq, event);
        self.filling = true;
        Step::Fill(last)
    }

    /// Word came that the chat has reached a position, without the event.
    pub fn hear(&mut self, seq: Seq) -> Step<E> {
        self.heard = self.heard.max(seq);
        let last = self.start(seq);
        if seq <= last || self.filling {
            return Step::Wait;
        }
        self.filling = true;
        Step::Fill(last)
    }

    /// What a fill has to read: after the last that went out, at least up to the highest heard of.
    pub fn gap(&self) -> (Seq, Seq) {
        (self.last.unwrap_or(Seq::ZERO), self.heard)
    }

    /// A page of history went out, up to `next`. Returns what was held and follows without a hole, and whether
    /// more has to be read after [`Feed::last`].
    pub fn filled(&mut self, next: Seq, has_more: bool) -> (Vec<E>, bool) {
        let mut last = self.last.map_or(next, |last| last.max(next));
        let mut ready = Vec::new();
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() > last.next() {
                break;
            }
            let (seq, event) = entry.remove_entry();
            if seq > last {
                last = seq;
                ready.push(event);
            }
        }
        self.last = Some(last);
        // Where the page broke off, what was held may have gone on: then nothing more is known of.
        self.filling = last < self.heard || (has_more && ready.is_empty());
        (ready, self.filling)
    }

    fn hold(&mut self, seq: Seq, event: E) {
        if self.held.len() < self.room {
            self.held.insert(seq, event);
        } else {
            self.held.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed_at(last: i64) -> Feed<i64> {
        let mut feed = Feed::default();
        assert_eq!(feed.joined(Seq(last)), None);
        feed
    }

    #[test]
    fn what_one_reader_saw_in_history_still_goes_out_to_the_others() {
        let mut feed = feed_at(1);
        assert_eq!(feed.arrive(Seq(1), 1), Step::Deliver(1));
        assert_eq!(feed.arrive(Seq(2), 2), Step::Deliver(2));
    }

    #[test]
    fn the_one_who_read_least_decides_where_a_feed_begins() {
        let mut feed = feed_at(5);
        assert_eq!(feed.joined(Seq(4)), None);
        assert_eq!(feed.arrive(Seq(6), 6), Step::Fill(Seq(4)));
    }

    #[test]
    fn who_has_not_read_as_far_as_the_feed_began_has_to_read_on() {
        let mut feed = Feed::default();
        assert_eq!(feed.arrive(Seq(5), 5), Step::Deliver(5));
        assert_eq!(feed.joined(Seq(2)), Some(Seq(4)));
        assert_eq!(feed.joined(Seq(4)), None);
    }

    #[test]
    fn a_quiet_feed_knows_when_it_is_behind() {
        assert!(feed_at(4).is_behind(Seq(5)));
        assert!(!feed_at(4).is_behind(Seq(4)));
        assert!(!Feed::<i64>::default().is_behind(Seq(9)));
    }

    #[test]
    fn the_next_goes_out_and_the_old_is_dropped() {
        let mut feed = feed_at(4);
        assert_eq!(feed.arrive(Seq(5), 5), Step::Deliver(5));
        assert_eq!(feed.arrive(Seq(5), 5), Step::Wait);
        assert_eq!(feed.arrive(Seq(3), 3), Step::Wait);
        assert_eq!(feed.last(), Some(Seq(5)));
    }

    #[test]
    fn a_jump_is_filled_before_what_was_held_goes_out() {
        let mut feed = feed_at(4);
        assert_eq!(feed.arrive(Seq(7), 7), Step::Fill(Seq(4)));
        assert_eq!(feed.arrive(Seq(8), 8), Step::Wait);
        assert_eq!(feed.filled(Seq(6), false), (vec![7, 8], false));
        assert_eq!(feed.arrive(Seq(9), 9), Step::Deliver(9));
    }

    #[test]
    fn a_fill_goes_on_until_it_reached_what_was_heard_of() {
        let mut feed = feed_at(4);
        assert_eq!(feed.hear(Seq(9)), Step::Fill(Seq(4)));
        assert_eq!(feed.filled(Seq(7), false), (vec![], true));
        assert_eq!(feed.filled(Seq(9), false), (vec![], false));
    }

    #[test]
    fn a_page_that_breaks_off_before_what_was_held_ends_the_fill() {
        let mut feed = feed_at(1);
        assert_eq!(feed.arrive(Seq(4), 4), Step::Fill(Seq(1)));
        assert_eq!(feed.filled(Seq(3), true), (vec![4], false));
        assert_eq!(feed.arrive(Seq(5), 5), Step::Deliver(5));
    }

    #[test]
    fn what_a_fill_already_sent_is_not_sent_again() {
        let mut feed = feed_at(1);
        assert_eq!(feed.arrive(Seq(4), 4), Step::Fill(Seq(1)));
        assert_eq!(feed.arrive(Seq(6), 6), Step::Wait);
        assert_eq!(feed.filled(Seq(5), false), (vec![6], false));
    }
}
