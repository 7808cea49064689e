//! Writes the record while the run goes on, and knows what is in flight.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::feed::Change;
use crate::frame::{Frame, Message, What};
use crate::grants::GrantChange;
use crate::record::{At, MemberChange, Overdue, Records, Seen, Sent, Shown, Transport, Who};

/// A client's place in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Viewer(usize);

/// A message's place in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letter(usize);

/// Shared by all who take part.
#[derive(Debug, Clone)]
pub struct Recorder {
    started: Instant,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    records: Records,
    /// By the name that the sender gave: who still has to show it.
    flying: HashMap<Uuid, Flying>,
    /// The chats of users, now.
    rooms: HashMap<i64, HashSet<i64>>,
    fully_shown: Option<Instant>,
}

#[derive(Debug)]
struct Flying {
    chat: i64,
    answered: Option<Instant>,
    /// Sent after the last call of [`Recorder::expect_flow`].
    is_fresh: bool,
    unseen: HashSet<Viewer>,
}

/// What is under way at a moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct InFlight {
    /// Sent, and not answered yet.
    pub unanswered: usize,
    /// Answered, and not shown by all who are entitled.
    pub unseen: usize,
    /// For how long the oldest of those has been answered.
    pub oldest: Duration,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { started: Instant::now(), book: Arc::default() }
    }
}

impl Recorder {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time since the start of the run.
    #[must_use]
    pub fn now(&self) -> At {
        self.started.elapsed()
    }

    /// A copy of all that was recorded so far.
    #[must_use]
    pub fn records(&self) -> Records {
        self.book().records.clone()
    }

    /// A look at the record as it is.
    pub fn look<T>(&self, look: impl FnOnce(&Records) -> T) -> T {
        look(&self.book().records)
    }

    // --- who takes part ------------------------------------------------------------------------------------

    /// A client that is to see all it may see, from now on.
    #[must_use]
    pub fn enter(&self, name: &str, who: Who, transport: Transport) -> Viewer {
        let mut book = self.book();
        book.records.clients.push(Seen::new(name, who, transport));
        Viewer(book.records.clients.len() - 1)
    }

    /// A user came into a chat, or was taken out.
    pub fn member_changed(&self, change: MemberChange) {
        let mut book = self.book();
        if !change.is_in {
            book.no_longer_due(change.chat, change.user);
        }
        let members = book.rooms.entry(change.chat).or_default();
        if change.is_in {
            members.insert(change.user)
        } else {
            members.remove(&change.user)
        };
        book.records.members.push(change);
    }

    /// A visitor opened a session in a site.
    pub fn opened(&self, session: i64, site: &'static str) {
        self.book().records.grants.opened(session, site);
    }

    /// An operator got a site, or lost it.
    pub fn grant_changed(&self, change: GrantChange) {
        let mut book = self.book();
        let user = change.user;
        book.records.grants.changed(change);
        book.no_longer_due_to_staff(user);
    }

    /// The reader of the change feed got a page.
    pub fn feed_read(&self, changes: Vec<Change>) {
        self.book().records.feed.extend(changes);
    }

    /// It was refused for good.
    pub fn feed_refused(&self, why: String) {
        self.book().records.feed_refusal = Some(why);
    }

    // --- what is written -----------------------------------------------------------------------------------

    /// Somebody sets out to write a message.
    #[must_use]
    pub fn sends(&self, by: Who, chat: i64, client_id: Uuid, body: &str, is_note: bool) -> Letter {
        let at = self.now();
        let mut book = self.book();
        let unseen = book.viewers(chat, is_note);
        book.flying.insert(client_id, Flying { chat, answered: None, is_fresh: true, unseen });
        let body = body.to_owned();
        book.records.sent.push(Sent {
            by,
            chat,
            client_id,
            body,
            is_note,
            at,
            attempts: 0,
            answered: None,
            refused: None,
        });
        Letter(book.records.sent.len() - 1)
    }

    /// It is sent, or sent again.
    pub fn tries(&self, letter: Letter) {
        self.book().records.sent[letter.0].attempts += 1;
    }

    /// The server answered that it is stored.
    pub fn answered(&self, letter: Letter, message: Message) {
        let at = self.now();
        let mut book = self.book();
        let sent = &mut book.records.sent[letter.0];
        let client_id = sent.client_id;
        sent.answered.get_or_insert((at, message));
        if let Some(flying) = book.flying.get_mut(&client_id) {
            flying.answered.get_or_insert_with(Instant::now);
        }
        book.land(client_id);
    }

    /// The server said that it will never be stored.
    pub fn refused(&self, letter: Letter, why: &str) {
        let mut book = self.book();
        let sent = &mut book.records.sent[letter.0];
        sent.refused = Some(why.to_owned());
        let client_id = sent.client_id;
        book.flying.remove(&client_id);
    }

    // --- what is seen --------------------------------------------------------------------------------------

    /// A client has a connection that is served. With a cursor it is a return.
    pub fn connected(&self, viewer: Viewer, with_cursor: bool, opened_at: At) -> u32 {
        let mut book = self.book();
        let seen = &mut book.records.clients[viewer.0];
        seen.connections += 1;
        seen.opened_at.push(opened_at);
        seen.resumes += u32::from(with_cursor && seen.connections > 1);
        seen.connections
    }

    /// A return brought what was missed.
    pub fn missed_and_got(&self, viewer: Viewer) {
        self.book().records.clients[viewer.0].resumes_with_news += 1;
    }

    /// A client shows a frame.
    pub fn shows(&self, viewer: Viewer, connection: u32, frame: Frame) {
        let at = self.now();
        let mut book = self.book();
        if let What::State { state_seq } = frame.what {
            book.records.clients[viewer.0].told_of_state(frame.chat, state_seq);
        }
        if let Some(client_id) = frame.message().map(|message| message.client_id) {
            if let Some(flying) = book.flying.get_mut(&client_id) {
                flying.unseen.remove(&viewer);
            }
            book.land(client_id);
        }
        book.records.clients[viewer.0].shown.push(Shown { at, connection, frame });
    }

    /// A client was told of a chat's state in passing.
    pub fn told_of_state(&self, viewer: Viewer, chat: i64, state_seq: i64) {
        self.book().records.clients[viewer.0].told_of_state(chat, state_seq);
    }

    /// A connection of a client ended.
    pub fn ended(&self, viewer: Viewer, how: String) {
        *self.book().records.clients[viewer.0].ends.entry(how).or_default() += 1;
    }

    /// A client that may be here was told to go, or that its cursor is not honoured.
    pub fn refusal(&self, viewer: Viewer, why: &str) {
        let at = self.now();
        self.book().records.clients[viewer.0].refusals.push((at, why.to_owned()));
    }

    /// How many connections of a client have ended.
    #[must_use]
    pub fn ends(&self, viewer: Viewer) -> u32 {
        self.book().records.clients[viewer.0].ends.values().sum()
    }

    /// How many frames a client has shown.
    #[must_use]
    pub fn shown_by(&self, viewer: Viewer) -> u64 {
        self.book().records.clients[viewer.0].shown.len() as u64
    }

    /// Whether a client showed a frame within that time.
    #[must_use]
    pub fn has_seen_within(&self, viewer: Viewer, within: Duration) -> bool {
        let now = self.now();
        let book = self.book();
        book.records.clients[viewer.0].shown.last().is_some_and(|shown| now.saturating_sub(shown.at) <= within)
    }

    // --- what is in flight ---------------------------------------------------------------------------------

    /// What is under way now.
    #[must_use]
    pub fn in_flight(&self) -> InFlight {
        let book = self.book();
        let mut found = InFlight::default();
        for flying in book.flying.values() {
            match flying.answered {
                None => found.unanswered += 1,
                Some(answered) => {
                    found.unseen += 1;
                    found.oldest = found.oldest.max(answered.elapsed());
                }
            }
        }
        found
    }

    /// Messages that were answered longer ago than that and are not shown by all are overdue, and no longer in flight.
    pub fn give_up(&self, after: Duration) {
        let given_up_at = self.now();
        let mut book = self.book();
        let is_overdue = |flying: &Flying| flying.answered.is_some_and(|answered| answered.elapsed() > after);
        let Book { flying, records, .. } = &mut *book;
        for (client_id, late) in flying.extract_if(|_, flying| is_overdue(flying)) {
            let answered_at = given_up_at.saturating_sub(late.answered.map_or(Duration::ZERO, |time| time.elapsed()));
            let overdue =
                |viewer: &Viewer| Overdue { client: viewer.0, client_id, chat: late.chat, answered_at, given_up_at };
            records.overdue.extend(late.unseen.iter().map(overdue));
        }
    }

    /// From now on [`Recorder::flows_since`] tells of messages that are sent from now on.
    pub fn expect_flow(&self) {
        let mut book = self.book();
        book.fully_shown = None;
        book.flying.values_mut().for_each(|flying| flying.is_fresh = false);
    }

    /// When the first message that was sent since then had been shown by all who are entitled.
    #[must_use]
    pub fn flows_since(&self) -> Option<Instant> {
        self.book().fully_shown
    }
}

impl Book {
    /// Who is to see a message that is written now.
    fn viewers(&self, chat: i64, is_note: bool) -> HashSet<Viewer> {
        let members = self.rooms.get(&chat);
        let is_due = |who: Who| match who {
            Who::Visitor { session } => session == chat && !is_note,
            Who::Staff { user } => members.is_none() && self.records.grants.holds(user, chat),
            Who::User { user } => members.is_some_and(|members| members.contains(&user)),
        };
        let clients = self.records.clients.iter().enumerate();
        clients.filter(|(_, seen)| is_due(seen.who)).map(|(index, _)| Viewer(index)).collect()
    }

    /// A message that all have shown is no longer in flight.
    fn land(&mut self, client_id: Uuid) {
        let Some(flying) = self.flying.get(&client_id) else { return };
        if flying.answered.is_some() && flying.unseen.is_empty() {
            if flying.is_fresh {
                self.fully_shown.get_or_insert_with(Instant::now);
            }
            self.flying.remove(&client_id);
        }
    }

    fn no_longer_due(&mut self, chat: i64, user: i64) {
        self.due_no_more(Who::User { user }, |_, other| other == chat);
    }

    fn no_longer_due_to_staff(&mut self, user: i64) {
        self.due_no_more(Who::Staff { user }, |records, chat| !records.grants.holds(user, chat));
    }

    fn due_no_more(&mut self, who: Who, is_gone: impl Fn(&Records, i64) -> bool) {
        let Self { records, flying, .. } = self;
        let mut landed = Vec::new();
        for (client_id, flying) in flying.iter_mut().filter(|(_, flying)| is_gone(records, flying.chat)) {
            flying.unseen.retain(|viewer| records.clients[viewer.0].who != who);
            landed.push(*client_id);
        }
        landed.into_iter().for_each(|client_id| self.land(client_id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: i64 = 42;
    const GROUP: i64 = 7;

    fn message(chat: i64, client_id: Uuid) -> Message {
        Message {
            id: 1,
            chat_id: chat,
            seq: 2,
            changed_seq: 2,
            sender_type: "client".into(),
            sender_id: 9,
            body: "Hello".into(),
            client_id,
            visibility: "public".into(),
        }
    }

    fn show(recorder: &Recorder, viewer: Viewer, message: &Message) {
        recorder.shows(viewer, 1, Frame::of_history(message.clone()));
    }

    #[test]
    fn a_message_is_in_flight_until_it_is_answered_and_all_have_shown_it() {
        let recorder = Recorder::default();
        let who = Who::Visitor { session: SESSION };
        let visitor = recorder.enter("visitor", who, Transport::WebSocket);
        let staff = recorder.enter("staff", Who::Staff { user: 3 }, Transport::WebSocket);
        let id = Uuid::from_u128(1);
        let letter = recorder.sends(who, SESSION, id, "Hello", false);
        let message = message(SESSION, id);
        show(&recorder, visitor, &message);
        assert_eq!((recorder.in_flight().unanswered, recorder.in_flight().unseen), (1, 0));
        recorder.answered(letter, message.clone());
        assert_eq!((recorder.in_flight().unanswered, recorder.in_flight().unseen), (0, 1));
        assert!(recorder.flows_since().is_none());
        show(&recorder, staff, &message);
        assert_eq!((recorder.in_flight().unanswered, recorder.in_flight().unseen), (0, 0));
        assert!(recorder.flows_since().is_some());
    }

    #[test]
    fn flow_is_of_messages_sent_since_it_was_expected() {
        let recorder = Recorder::default();
        let who = Who::Visitor { session: SESSION };
        let visitor = recorder.enter("visitor", who, Transport::WebSocket);
        let write = |number| {
            let id = Uuid::from_u128(number);
            (recorder.sends(who, SESSION, id, "Hello", false), message(SESSION, id))
        };
        let (old, of_old) = write(1);
        recorder.expect_flow();
        let (new, of_new) = write(2);
        recorder.answered(old, of_old.clone());
        show(&recorder, visitor, &of_old);
        assert!(recorder.flows_since().is_none());
        recorder.answered(new, of_new.clone());
        show(&recorder, visitor, &of_new);
        assert!(recorder.flows_since().is_some());
    }

    #[test]
    fn what_is_given_up_is_overdue_for_those_who_have_not_shown_it() {
        let recorder = Recorder::default();
        let who = Who::Visitor { session: SESSION };
        let visitor = recorder.enter("visitor", who, Transport::WebSocket);
        let staff = recorder.enter("staff", Who::Staff { user: 3 }, Transport::WebSocket);
        let id = Uuid::from_u128(1);
        let letter = recorder.sends(who, SESSION, id, "Hello", false);
        recorder.give_up(Duration::ZERO);
        recorder.answered(letter, message(SESSION, id));
        show(&recorder, visitor, &message(SESSION, id));
        recorder.give_up(Duration::from_secs(60));
        assert!(recorder.records().overdue.is_empty());
        recorder.give_up(Duration::ZERO);
        let overdue = recorder.records().overdue;
        assert_eq!(overdue.iter().map(|late| (Viewer(late.client), late.client_id)).collect::<Vec<_>>(), [(staff, id)]);
        assert_eq!(recorder.in_flight().unseen, 0);
    }

    #[test]
    fn nothing_is_due_to_who_was_taken_out() {
        let recorder = Recorder::default();
        let user = Who::User { user: 5 };
        let _viewer = recorder.enter("user", user, Transport::WebSocket);
        let change = |seq, is_in| MemberChange { chat: GROUP, user: 5, seq, is_in, asked_at: At::ZERO };
        recorder.member_changed(change(1, true));
        let id = Uuid::from_u128(1);
        let letter = recorder.sends(user, GROUP, id, "Hello", false);
        recorder.answered(letter, message(GROUP, id));
        assert_eq!(recorder.in_flight().unseen, 1);
        recorder.member_changed(change(3, false));
        assert_eq!(recorder.in_flight().unseen, 0);
    }
}
