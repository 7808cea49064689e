//! The order of one chat as a gateway sees it: a pure state machine, so that every interleaving can be tested.
//!
//! An older event is dropped, the next goes out, a jump is filled first. While a fill runs, events that arrive are
//! held. Where a feed begins follows from what its listeners have read; for staff, who follow chats that they never
//! read, it is asked.

use std::collections::BTreeMap;

use chat_events::Seq;

/// Events held while a fill runs. Beyond this they are let go: the fill reads them from history.
const HELD_MAX: usize = 1024;

/// The next step after an event or a hint arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<E> {
    /// Send it out.
    Deliver(E),
    /// Read history after this position, then call [`Feed::filled`].
    Fill(Seq),
    /// Ask where the news begin for listeners that have read nothing, then call [`Feed::begin`].
    Ask,
    /// Nothing: it is old, or held.
    Wait,
}

/// One chat's order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Feed<E> {
    last: Option<Seq>,
    /// The `last` that it began with.
    began: Seq,
    /// How far all who joined while nothing had gone out yet have read.
    joined_at: Option<Seq>,
    /// Whether a listener has read nothing: then even the first event that is heard of may not be the first of the
    /// news.
    is_followed: bool,
    /// For those listeners all changes above this are news.
    news_after: Option<Seq>,
    /// Whether history is being read, or asked where it begins.
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
    pub(crate) fn with_room(room: usize) -> Self {
        Self {
            last: None,
            began: Seq::ZERO,
            joined_at: None,
            is_followed: false,
            news_after: None,
            filling: false,
            held: BTreeMap::new(),
            room,
            heard: Seq::ZERO,
        }
    }

    /// The last position that went out; none while the feed is new.
    pub(crate) fn last(&self) -> Option<Seq> {
        self.last
    }

    /// A listener that joined has read history up to here. Nothing went out for it: changes at or below this may still
    /// be on their way to other listeners. Where the feed began above that, the changes in between never go out: the
    /// answer is how far the reader has to read.
    #[must_use]
    pub(crate) fn joined(&mut self, reached: Seq) -> Option<Seq> {
        if self.last.is_none() {
            self.joined_at = Some(self.joined_at.map_or(reached, |joined_at| joined_at.min(reached)));
        }
        (reached < self.began).then_some(self.began)
    }

    /// A listener follows that has read nothing.
    pub(crate) fn follow(&mut self) {
        self.is_followed = true;
    }

    /// For listeners that have read nothing, all changes above this position are news. The first call counts.
    pub(crate) fn news_after(&mut self, position: Seq) {
        self.news_after.get_or_insert(position);
    }

    /// Whether a chat whose top is this has something that did not go out. Nobody misses anything in a feed that
    /// nobody joined: it counts from there.
    pub(crate) fn is_behind(&mut self, top: Seq) -> bool {
        let known = self.last.or_else(|| earlier(self.joined_at, self.news_after));
        known.unwrap_or_else(|| *self.joined_at.get_or_insert(top)) < top
    }

    /// The last position that went out. A new feed counts from the first event that is heard of: its listeners have
    /// read history after they subscribed, so nothing is missing before it, unless they have not come that far. None
    /// where a listener has read nothing, and it is not known yet which changes are news for it.
    fn start(&mut self, first: Seq) -> Option<Seq> {
        let is_unknown = self.is_followed && self.news_after.is_none() && first > Seq(1);
        if self.last.is_none() && !is_unknown {
            self.begin_before(first);
        }
        self.last
    }

    fn begin_before(&mut self, first: Seq) -> Seq {
        let before = Seq(first.0 - 1);
        self.began = earlier(self.joined_at, self.news_after).map_or(before, |known| known.min(before));
        *self.last.insert(self.began)
    }

    /// An event arrived.
    pub(crate) fn arrive(&mut self, seq: Seq, event: E) -> Step<E> {
        self.heard = self.heard.max(seq);
        let Some(last) = self.start(seq) else {
            self.hold(seq, event);
            return self.ask();
        };
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
    pub(crate) fn hear(&mut self, seq: Seq) -> Step<E> {
        self.heard = self.heard.max(seq);
        let Some(last) = self.start(seq) else { return self.ask() };
        if seq <= last || self.filling {
            return Step::Wait;
        }
        self.filling = true;
        Step::Fill(last)
    }

    fn ask(&mut self) -> Step<E> {
        if std::mem::replace(&mut self.filling, true) { Step::Wait } else { Step::Ask }
    }

    /// The answer to [`Step::Ask`]: all above this position is news. Returns the same as [`Feed::filled`].
    pub(crate) fn begin(&mut self, news_after: Seq) -> (Vec<E>, bool) {
        self.news_after(news_after);
        let first = self.held.first_key_value().map_or(self.heard, |(seq, _)| *seq);
        let last = self.last.unwrap_or_else(|| self.begin_before(first));
        self.filled(last, false)
    }

    /// The range that a fill has to read: after the last that went out, at least up to the highest heard of.
    pub(crate) fn gap(&self) -> (Seq, Seq) {
        (self.last.unwrap_or(Seq::ZERO), self.heard)
    }

    /// A page of history went out, up to `next`. Returns the held events that follow without a hole, and whether more
    /// has to be read after [`Feed::last`].
    pub(crate) fn filled(&mut self, next: Seq, has_more: bool) -> (Vec<E>, bool) {
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
        // Held events may have gone on where the page broke off: then nothing more is known of.
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

fn earlier(one: Option<Seq>, other: Option<Seq>) -> Option<Seq> {
    one.into_iter().chain(other).min()
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
    fn for_who_has_read_nothing_the_first_that_is_heard_of_waits_until_it_is_known_what_is_news() {
        let mut feed = Feed::default();
        feed.follow();
        assert_eq!(feed.arrive(Seq(5), 5), Step::Ask);
        assert_eq!(feed.arrive(Seq(6), 6), Step::Wait);
        assert_eq!(feed.begin(Seq(3)), (vec![], true), "4 was lost");
        assert_eq!(feed.filled(Seq(4), false), (vec![5, 6], false));
        assert_eq!(feed.arrive(Seq(7), 7), Step::Deliver(7));
    }

    #[test]
    fn for_who_has_read_nothing_the_first_that_is_heard_of_goes_out_once_it_is_known_to_be_the_next() {
        let mut feed = Feed::default();
        feed.follow();
        assert_eq!(feed.arrive(Seq(5), 5), Step::Ask);
        assert_eq!(feed.begin(Seq(4)), (vec![5], false));
    }

    #[test]
    fn nothing_is_asked_about_the_very_first_of_a_chat_or_where_it_is_known() {
        let mut feed = Feed::default();
        feed.follow();
        assert_eq!(feed.arrive(Seq(1), 1), Step::Deliver(1));
        let mut feed = Feed::default();
        feed.follow();
        feed.news_after(Seq(3));
        assert_eq!(feed.arrive(Seq(5), 5), Step::Fill(Seq(3)));
    }

    #[test]
    fn what_a_reader_saw_in_history_is_still_news_for_who_has_read_nothing() {
        let mut feed = feed_at(9);
        feed.follow();
        assert_eq!(feed.arrive(Seq(10), 10), Step::Ask);
        assert_eq!(feed.begin(Seq(7)), (vec![], true));
        assert_eq!(feed.gap(), (Seq(7), Seq(10)));
    }

    #[test]
    fn what_a_fill_already_sent_is_not_sent_again() {
        let mut feed = feed_at(1);
        assert_eq!(feed.arrive(Seq(4), 4), Step::Fill(Seq(1)));
        assert_eq!(feed.arrive(Seq(6), 6), Step::Wait);
        assert_eq!(feed.filled(Seq(5), false), (vec![6], false));
    }
}
