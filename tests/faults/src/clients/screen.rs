//! What a client does with frames before it shows them, by the rules of docs/protocol.md. Pure.
//!
//! It removes no duplicates and mends no order, so that whatever the server does wrong is seen. Only while it waits for
//! what it missed of a chat does it hold what is new, as the protocol asks of a client of several chats.

use std::collections::{BTreeMap, HashMap};

use crate::frame::Frame;

/// How a client comes to what it missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// The server replays from the cursor given at the handshake, or in `resume`: frames are shown as they come.
    AtConnect,
    /// `subscribe` for each chat. What comes before `subscribed` is shown with it, in order.
    Subscribe,
    /// The same, by staff, who hears of all sessions from the moment of connecting: a gateway that is behind may tell of
    /// what was seen elsewhere, before it knows the cursor. What is not above that is passed over.
    SubscribeAsStaff,
    /// Each chat is read over REST. The messages that the stream then tells of once more are passed over.
    Read,
}

/// The state of one client's screen.
#[derive(Debug)]
pub struct Screen {
    catch_up: CatchUp,
    /// The highest position shown, by chat.
    cursors: BTreeMap<i64, i64>,
    /// Of this connection.
    chats: HashMap<i64, Phase>,
}

#[derive(Debug)]
enum Phase {
    /// What came while it waits.
    Waiting(Vec<Frame>),
    Live {
        /// History was read up to here by the client itself.
        read_to: i64,
        /// The last position that the stream brought.
        last: i64,
    },
}

/// What follows from having read the history of a chat.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// To be shown now, in this order.
    pub show: Vec<Frame>,
    /// As in [`Step`].
    pub passed_over: Vec<Frame>,
}

/// What follows from the page that lists a chat.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// To be shown now, in this order.
    pub show: Vec<Frame>,
    /// Whether something was missed, which has to be fetched after the cursor.
    pub fetch: bool,
}

/// What follows from a frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// To be shown now.
    pub show: Option<Frame>,
    /// Not to be shown: the client has read beyond it. A message in it is known; what is not a message is in no history,
    /// and may be news.
    pub passed_over: Option<Frame>,
    /// A chat that was not heard of before, in the middle of its life: its beginning has to be fetched.
    pub fetch: Option<i64>,
}

impl Step {
    fn show(frame: Frame) -> Self {
        Self { show: Some(frame), ..Self::default() }
    }
}

impl Screen {
    /// An empty one.
    #[must_use]
    pub fn new(catch_up: CatchUp) -> Self {
        Self { catch_up, cursors: BTreeMap::new(), chats: HashMap::new() }
    }

    /// The cursors to come back with.
    #[must_use]
    pub fn cursors(&self) -> &BTreeMap<i64, i64> {
        &self.cursors
    }

    /// The cursor of a chat; zero if nothing of it was shown.
    #[must_use]
    pub fn cursor(&self, chat: i64) -> i64 {
        self.cursors.get(&chat).copied().unwrap_or_default()
    }

    /// A new connection: what the last one held was never shown.
    pub fn connected(&mut self) {
        self.chats.clear();
    }

    /// From now on the chat waits for what was missed. False if it waits or is live already on this connection.
    pub fn wait_for(&mut self, chat: i64) -> bool {
        let is_new = !self.chats.contains_key(&chat);
        if is_new {
            self.chats.insert(chat, Phase::Waiting(Vec::new()));
        }
        is_new
    }

    /// A page lists the chat for the first time on this connection, and says where it stood. What came before that waited:
    /// it was no cursor, since nothing had told what came before it.
    pub fn listed(&mut self, chat: i64, top: i64) -> Listing {
        let is_level = top == self.cursor(chat);
        let held = match self.chats.remove(&chat) {
            Some(live @ Phase::Live { .. }) => {
                self.chats.insert(chat, live);
                return Listing::default();
            }
            Some(Phase::Waiting(held)) => held,
            None => Vec::new(),
        };
        if !is_level {
            self.chats.insert(chat, Phase::Waiting(held));
            return Listing { show: Vec::new(), fetch: true };
        }
        self.chats.insert(chat, Phase::Live { read_to: 0, last: 0 });
        Listing { show: self.in_order(held), fetch: false }
    }

    /// The server goes on from the cursor by itself (`resume`).
    pub fn resumed(&mut self, chat: i64) {
        self.chats.insert(chat, Phase::Live { read_to: 0, last: 0 });
    }

    /// A frame came on the stream.
    pub fn take(&mut self, frame: Frame) -> Step {
        let chat = frame.chat;
        if self.catch_up == CatchUp::AtConnect {
            return Step::show(self.shown(frame));
        }
        match self.chats.get_mut(&chat) {
            Some(Phase::Waiting(held)) => {
                held.push(frame);
                Step::default()
            }
            Some(Phase::Live { read_to, last }) => {
                // The client's own reading went ahead of the stream. What the stream repeats by itself is shown.
                let is_known = frame.seq <= *read_to && frame.seq > *last;
                *last = frame.seq.max(*last);
                match is_known {
                    true => Step { passed_over: Some(frame), ..Step::default() },
                    false => Step::show(self.shown(frame)),
                }
            }
            None if frame.seq == 1 => {
                self.chats.insert(chat, Phase::Live { read_to: 0, last: 1 });
                Step::show(self.shown(frame))
            }
            None => {
                self.chats.insert(chat, Phase::Waiting(vec![frame]));
                Step { fetch: Some(chat), ..Step::default() }
            }
        }
    }

    /// The server has sent what was missed (`subscribed`): it is shown together with what was held.
    pub fn subscribed(&mut self, chat: i64) -> Vec<Frame> {
        let Some(Phase::Waiting(mut held)) = self.chats.insert(chat, Phase::Live { read_to: 0, last: 0 }) else {
            return Vec::new();
        };
        // While it waits, the cursor is the one that was named.
        let named = if self.catch_up == CatchUp::SubscribeAsStaff { self.cursor(chat) } else { 0 };
        held.retain(|frame| frame.seq > named);
        self.in_order(held)
    }

    /// History was read up to `reached`: it is shown, then what the stream brought meanwhile and is above.
    pub fn read(&mut self, chat: i64, history: Vec<Frame>, reached: i64) -> Reading {
        let live = Phase::Live { read_to: reached, last: 0 };
        let held = match self.chats.insert(chat, live) {
            Some(Phase::Waiting(held)) => held,
            Some(Phase::Live { .. }) | None => Vec::new(),
        };
        let show = history.into_iter().map(|frame| self.shown(frame)).collect();
        let mut reading = Reading { show, passed_over: Vec::new() };
        for step in held.into_iter().map(|frame| self.take(frame)) {
            reading.show.extend(step.show);
            reading.passed_over.extend(step.passed_over);
        }
        let cursor = self.cursors.entry(chat).or_default();
        *cursor = reached.max(*cursor);
        reading
    }

    /// Whether this chat waits for what was missed.
    #[must_use]
    pub fn waits_for(&self, chat: i64) -> bool {
        matches!(self.chats.get(&chat), Some(Phase::Waiting(_)))
    }

    /// Whether a chat waits for what was missed.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.chats.values().any(|phase| matches!(phase, Phase::Waiting(_)))
    }

    /// The chat is gone for this client; its cursor stays, in case that it comes back.
    pub fn leave(&mut self, chat: i64) {
        self.chats.remove(&chat);
    }

    fn in_order(&mut self, mut held: Vec<Frame>) -> Vec<Frame> {
        held.sort_by_key(|frame| frame.seq);
        held.into_iter().map(|frame| self.shown(frame)).collect()
    }

    fn shown(&mut self, frame: Frame) -> Frame {
        let cursor = self.cursors.entry(frame.chat).or_default();
        *cursor = frame.seq.max(*cursor);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::What;

    const CHAT: i64 = 7;

    fn frame(seq: i64) -> Frame {
        Frame { chat: CHAT, seq, what: What::Other("chat.test".into()) }
    }

    fn seqs(frames: &[Frame]) -> Vec<i64> {
        frames.iter().map(|frame| frame.seq).collect()
    }

    /// What is shown at once of these.
    fn take(screen: &mut Screen, seqs: &[i64]) -> Vec<i64> {
        seqs.iter().filter_map(|seq| screen.take(frame(*seq)).show).map(|frame| frame.seq).collect()
    }

    #[test]
    fn with_one_chat_all_is_shown_as_it_comes_right_or_wrong() {
        let mut screen = Screen::new(CatchUp::AtConnect);
        screen.connected();
        assert_eq!(take(&mut screen, &[3, 4, 4, 2, 5]), [3, 4, 4, 2, 5]);
        assert_eq!(screen.cursor(CHAT), 5);
    }

    #[test]
    fn what_comes_before_subscribed_is_shown_with_it_and_duplicates_stay() {
        let mut screen = Screen::new(CatchUp::Subscribe);
        screen.connected();
        assert!(screen.wait_for(CHAT));
        assert_eq!(take(&mut screen, &[9, 10, 7, 8, 8]), [0; 0]);
        assert_eq!((screen.cursor(CHAT), screen.is_waiting()), (0, true));
        assert_eq!(seqs(&screen.subscribed(CHAT)), [7, 8, 8, 9, 10]);
        assert_eq!(take(&mut screen, &[11, 11]), [11, 11]);
        assert_eq!((screen.cursor(CHAT), screen.is_waiting()), (11, false));
    }

    #[test]
    fn a_frame_that_comes_before_the_page_of_its_chat_moves_no_cursor() {
        let mut screen = Screen::new(CatchUp::Subscribe);
        screen.connected();
        assert_eq!(take(&mut screen, &[1, 2]), [1, 2]);
        screen.connected();
        // Three was missed, and only the page will tell.
        assert_eq!(take(&mut screen, &[4]), [0; 0]);
        assert_eq!(screen.cursor(CHAT), 2);
        assert_eq!(screen.listed(CHAT, 4), Listing { show: Vec::new(), fetch: true });
        assert_eq!(take(&mut screen, &[3, 5]), [0; 0]);
        assert_eq!(seqs(&screen.subscribed(CHAT)), [3, 4, 5]);
        assert_eq!(screen.cursor(CHAT), 5);
    }

    #[test]
    fn who_missed_nothing_by_the_page_goes_on_without_fetching() {
        let mut screen = Screen::new(CatchUp::Subscribe);
        assert_eq!(take(&mut screen, &[1, 2]), [1, 2]);
        screen.connected();
        assert_eq!(take(&mut screen, &[3]), [0; 0]);
        // It was read before three came.
        let listing = screen.listed(CHAT, 2);
        assert_eq!((seqs(&listing.show), listing.fetch), (vec![3], false));
        assert_eq!((take(&mut screen, &[4]), screen.cursor(CHAT)), (vec![4], 4));
        // Listed once more, at the end: it is live.
        assert_eq!(screen.listed(CHAT, 9), Listing::default());
    }

    #[test]
    fn staff_passes_over_what_it_had_before_it_named_its_cursor_and_nothing_else() {
        let mut screen = Screen::new(CatchUp::SubscribeAsStaff);
        assert_eq!(take(&mut screen, &[1, 2, 2]), [1, 2, 2]);
        screen.connected();
        screen.wait_for(CHAT);
        take(&mut screen, &[1, 2, 3, 3]);
        assert_eq!(seqs(&screen.subscribed(CHAT)), [3, 3]);
        assert_eq!(take(&mut screen, &[3]), [3]);
    }

    #[test]
    fn what_was_held_when_the_connection_broke_was_never_shown() {
        let mut screen = Screen::new(CatchUp::Subscribe);
        screen.wait_for(CHAT);
        take(&mut screen, &[5]);
        screen.connected();
        assert_eq!(screen.cursor(CHAT), 0);
        assert!(screen.wait_for(CHAT));
    }

    #[test]
    fn a_chat_first_heard_of_in_the_middle_is_fetched_and_a_new_one_is_not() {
        let mut screen = Screen::new(CatchUp::Subscribe);
        screen.connected();
        assert_eq!(screen.take(frame(4)), Step { fetch: Some(CHAT), ..Step::default() });
        assert_eq!(screen.take(frame(5)), Step::default());
        let mut other = Screen::new(CatchUp::Subscribe);
        assert_eq!(take(&mut other, &[1, 2]), [1, 2]);
    }

    #[test]
    fn what_comes_after_a_chat_was_left_is_no_sequel() {
        let mut screen = Screen::new(CatchUp::Read);
        screen.connected();
        assert_eq!(take(&mut screen, &[1, 2]), [1, 2]);
        screen.leave(CHAT);
        assert_eq!(screen.take(frame(9)), Step { fetch: Some(CHAT), ..Step::default() });
        assert_eq!((screen.cursor(CHAT), screen.is_waiting()), (2, true));
    }

    #[test]
    fn the_stream_may_lag_behind_what_was_read_but_not_repeat_itself() {
        let mut screen = Screen::new(CatchUp::Read);
        screen.connected();
        screen.wait_for(CHAT);
        take(&mut screen, &[3, 6]);
        let shown = screen.read(CHAT, vec![frame(3), frame(4), frame(5)], 5);
        assert_eq!(seqs(&shown.show), [3, 4, 5, 6]);
        assert_eq!(take(&mut screen, &[7, 7, 8]), [7, 7, 8]);

        let mut ahead = Screen::new(CatchUp::Read);
        ahead.wait_for(CHAT);
        ahead.read(CHAT, vec![frame(9)], 9);
        assert_eq!(take(&mut ahead, &[8, 9, 10, 9]), [10, 9], "the last one is the stream's own repeat");
    }

    #[test]
    fn what_is_passed_over_is_handed_out_since_no_history_holds_states() {
        let state = Frame { chat: CHAT, seq: 25, what: What::State { state_seq: 25 } };
        let mut early = Screen::new(CatchUp::Read);
        early.wait_for(CHAT);
        assert_eq!(early.take(state.clone()), Step::default());
        let reading = early.read(CHAT, vec![frame(24), frame(26)], 26);
        assert_eq!((seqs(&reading.show), reading.passed_over), (vec![24, 26], vec![state.clone()]));

        let mut late = Screen::new(CatchUp::Read);
        late.wait_for(CHAT);
        late.read(CHAT, vec![frame(24), frame(26)], 26);
        assert_eq!(late.take(state.clone()), Step { passed_over: Some(state), ..Step::default() });
        assert_eq!(late.cursor(CHAT), 26);
    }

    #[test]
    fn a_cursor_moves_over_what_this_client_may_not_see() {
        let mut screen = Screen::new(CatchUp::Read);
        screen.wait_for(CHAT);
        screen.read(CHAT, Vec::new(), 12);
        assert_eq!(screen.cursor(CHAT), 12);
    }
}
