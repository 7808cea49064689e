//! Compares what was seen with what PostgreSQL has. Pure: records and truth in, a verdict out.
//!
//! - lost: an answered message that PostgreSQL does not have, or has otherwise; a message or a session's state that an
//!   entitled client never showed, or showed otherwise, or had not shown long after all was well again
//! - duplicated: a version of a message, or a state, that a client showed again
//! - inverted: a frame that a client showed after a later one of the same chat
//! - leaked: a frame that the client was not entitled to

use std::collections::{HashMap, HashSet};
use std::fmt;

use uuid::Uuid;

use crate::frame::{Frame, Message, What};
use crate::grants::Grants;
use crate::record::{At, MemberChange, Overdue, Records, Seen, Sent, Shown, Who};

/// What PostgreSQL has at the end.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// All chats by id.
    pub chats: HashMap<i64, Chat>,
    /// All messages.
    pub messages: Vec<Message>,
}

/// A chat in PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub struct Chat {
    /// Whether it is a support session.
    pub is_session: bool,
    /// The last seq that was given out.
    pub seq: i64,
    /// The seq of the last change of its state.
    pub state_seq: i64,
}

/// What may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// Something is missing, or is not as it was written.
    Lost,
    /// Something came twice to the eye.
    Duplicated,
    /// Something came after what follows it.
    Inverted,
    /// Something came to who must not see it.
    Leaked,
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What.
    pub wrong: Wrong,
    /// When: of a loss, when the message was answered, or sent if it was not; else when it was shown.
    pub at: At,
    /// On which screen; none for what PostgreSQL does not have.
    pub client: Option<String>,
    /// In which chat.
    pub chat: i64,
    /// Where in the chat, if known.
    pub seq: Option<i64>,
    /// The evidence in words.
    pub evidence: String,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// All that is wrong.
    pub findings: Vec<Finding>,
    /// How many messages somebody set out to write.
    pub sent: usize,
    /// How many were answered.
    pub answered: usize,
    /// How many times an entitled client showed a message.
    pub delivered: usize,
}

impl Verdict {
    /// How many findings are of that sort.
    #[must_use]
    pub fn count(&self, wrong: Wrong) -> usize {
        self.findings.iter().filter(|finding| finding.wrong == wrong).count()
    }
}

/// Compares.
#[must_use]
pub fn check(records: &Records, truth: &Truth) -> Verdict {
    let book = Book::new(records, truth);
    let mut verdict = Verdict {
        sent: records.sent.len(),
        answered: records.sent.iter().filter(|sent| sent.answered.is_some()).count(),
        ..Verdict::default()
    };
    for sent in &records.sent {
        verdict.findings.extend(book.not_stored(sent));
    }
    verdict.findings.extend(records.overdue.iter().filter_map(|late| book.came_too_late(records, late)));
    for client in &records.clients {
        verdict.delivered += book.delivered(client);
        verdict.findings.extend(book.missing(client));
        verdict.findings.extend(out_of_order(client));
        verdict.findings.extend(client.shown.iter().filter_map(|shown| book.leak(client, shown)));
    }
    verdict
}

/// How many messages and states entitled clients have yet to show. The run waits until this is nothing.
#[must_use]
pub fn outstanding(records: &Records, truth: &Truth) -> usize {
    let book = Book::new(records, truth);
    records.clients.iter().map(|client| book.missing(client).len()).sum()
}

/// Both sides, by what they are looked up by.
struct Book<'a> {
    truth: &'a Truth,
    members: &'a [MemberChange],
    grants: &'a Grants,
    stored: HashMap<(i64, Uuid), &'a Message>,
    written: HashMap<(i64, Uuid), &'a Sent>,
}

impl<'a> Book<'a> {
    fn new(records: &'a Records, truth: &'a Truth) -> Self {
        Self {
            truth,
            members: &records.members,
            grants: &records.grants,
            stored: truth.messages.iter().map(|message| ((message.chat_id, message.client_id), message)).collect(),
            written: records.sent.iter().map(|sent| ((sent.chat, sent.client_id), sent)).collect(),
        }
    }

    /// An answered message must be in PostgreSQL as it was written and answered.
    fn not_stored(&self, sent: &Sent) -> Option<Finding> {
        let (at, answer) = sent.answered.as_ref()?;
        let evidence = match self.stored.get(&(sent.chat, sent.client_id)) {
            None => format!("answered, and PostgreSQL does not have it: {}", sent.client_id),
            Some(stored) if stored.body != sent.body => format!("stored with another text: {}", sent.client_id),
            Some(stored) if (stored.visibility == "staff") != sent.is_note => {
                format!("stored with another visibility: {}", sent.client_id)
            }
            Some(stored) if (stored.id, stored.seq) != (answer.id, answer.seq) => {
                format!("answered as {} at {}, stored as {} at {}", answer.id, answer.seq, stored.id, stored.seq)
            }
            Some(_) => return None,
        };
        let (chat, seq) = (sent.chat, Some(answer.seq));
        Some(Finding { wrong: Wrong::Lost, at: *at, client: None, chat, seq, evidence })
    }

    fn delivered(&self, client: &Seen) -> usize {
        let shown = versions_shown(client);
        self.due(client.who).filter(|message| shown.contains_key(&(message.id, message.changed_seq))).count()
    }

    /// What PostgreSQL has for this client and its screen does not.
    fn missing(&self, client: &Seen) -> Vec<Finding> {
        let shown = versions_shown(client);
        let lost = |at, chat, seq, evidence| {
            let client = Some(client.name.clone());
            Finding { wrong: Wrong::Lost, at, client, chat, seq: Some(seq), evidence }
        };
        let messages = self.due(client.who).filter_map(|message| {
            let evidence = match shown.get(&(message.id, message.changed_seq)) {
                Some(body) if *body == message.body => return None,
                Some(_) => "shown with another text".to_owned(),
                None => format!("never shown: message {}", message.id),
            };
            Some(lost(self.time_of(message), message.chat_id, message.changed_seq, evidence))
        });
        let states = self.truth.chats.iter().filter_map(|(id, chat)| {
            let known = client.states.get(id).copied().unwrap_or_default();
            let is_due = chat.is_session && self.is_due(client.who, *id) && known < chat.state_seq;
            is_due.then(|| lost(At::MAX, *id, chat.state_seq, format!("a state never shown; it knows {known}")))
        });
        messages.chain(states).collect()
    }

    /// What a client showed only long after it should have; what it never showed is missing anyway.
    fn came_too_late(&self, records: &Records, late: &Overdue) -> Option<Finding> {
        let client = &records.clients[late.client];
        let is_it = |shown: &&Shown| shown.frame.message().is_some_and(|message| message.client_id == late.client_id);
        let shown = client.shown.iter().find(is_it).filter(|_| self.is_due(client.who, late.chat))?;
        let waited = shown.at.saturating_sub(late.answered_at).as_secs_f64();
        let evidence =
            format!("shown {waited:.1} s after the answer, by its connection {}: lost until then", shown.connection);
        let (at, chat, seq) = (late.answered_at, late.chat, Some(shown.frame.seq));
        Some(Finding { wrong: Wrong::Lost, at, client: Some(client.name.clone()), chat, seq, evidence })
    }

    /// The messages that somebody must have seen by the end.
    fn due(&self, who: Who) -> impl Iterator<Item = &'a Message> {
        let is_for = move |message: &&Message| message.visibility != "staff" || who.sees_notes();
        self.truth.messages.iter().filter(move |message| self.is_due(who, message.chat_id)).filter(is_for)
    }

    /// Whether all of a chat is due to somebody. To who was taken out nothing is: what was shown before stays.
    fn is_due(&self, who: Who, chat: i64) -> bool {
        let is_session = self.truth.chats.get(&chat).is_some_and(|chat| chat.is_session);
        match who {
            Who::Visitor { session } => session == chat,
            Who::Staff { user } => is_session && self.grants.holds(user, chat),
            Who::User { user } => self.changes(chat, user).last().is_some_and(|change| change.is_in),
        }
    }

    fn changes(&self, chat: i64, user: i64) -> impl Iterator<Item = &'a MemberChange> {
        self.members.iter().filter(move |change| change.chat == chat && change.user == user)
    }

    fn time_of(&self, message: &Message) -> At {
        let sent = self.written.get(&(message.chat_id, message.client_id));
        sent.map_or(At::MAX, |sent| sent.answered.as_ref().map_or(sent.at, |(at, _)| *at))
    }

    fn leak(&self, client: &Seen, shown: &Shown) -> Option<Finding> {
        let frame = &shown.frame;
        let is_note = frame.message().is_some_and(|message| message.visibility == "staff");
        let evidence = if is_note && !client.who.sees_notes() {
            "a note for staff"
        } else if !self.may_see(client, shown) {
            "a chat that is not its own"
        } else {
            return None;
        };
        Some(finding(Wrong::Leaked, client, shown, evidence))
    }

    fn may_see(&self, client: &Seen, shown: &Shown) -> bool {
        let chat = shown.frame.chat;
        match client.who {
            Who::Visitor { session } => session == chat,
            Who::Staff { user } => {
                let connection = usize::try_from(shown.connection).unwrap_or_default().saturating_sub(1);
                let since = client.opened_at.get(connection).copied().unwrap_or_default();
                let is_session = self.truth.chats.get(&chat).is_some_and(|chat| chat.is_session);
                is_session && self.grants.held(user, chat, (since, shown.at))
            }
            Who::User { user } => {
                // The last change that counts for this frame: one below it, or one that had been asked for by then.
                let counts = |change: &&MemberChange| {
                    if change.is_in { change.asked_at <= shown.at } else { change.seq < shown.frame.seq }
                };
                self.changes(chat, user).filter(counts).last().is_some_and(|change| change.is_in)
            }
        }
    }
}

/// The text of each version of a message that a client showed.
fn versions_shown(client: &Seen) -> HashMap<(i64, i64), &str> {
    let messages = client.shown.iter().filter_map(|shown| shown.frame.message());
    messages.map(|message| ((message.id, message.changed_seq), message.body.as_str())).collect()
}

/// Within a chat a client must be shown rising positions, over its whole life.
fn out_of_order(client: &Seen) -> Vec<Finding> {
    let mut tops: HashMap<i64, i64> = HashMap::new();
    let mut versions = HashSet::new();
    let mut findings = Vec::new();
    for shown in &client.shown {
        let top = tops.entry(shown.frame.chat).or_default();
        let is_new = versions.insert(version(&shown.frame));
        if !is_new {
            findings.push(finding(Wrong::Duplicated, client, shown, &format!("shown before; the chat is at {top}")));
        } else if shown.frame.seq <= *top {
            findings.push(finding(Wrong::Inverted, client, shown, &format!("shown after {top}")));
        }
        *top = shown.frame.seq.max(*top);
    }
    findings
}

/// What makes two frames the same to the eye.
fn version(frame: &Frame) -> (i64, i64, i64, &'static str) {
    match &frame.what {
        What::Message(message) => (frame.chat, message.id, message.changed_seq, "message"),
        What::State { state_seq } => (frame.chat, 0, *state_seq, "state"),
        What::Member { user, .. } => (frame.chat, *user, frame.seq, "member"),
        What::Other(_) => (frame.chat, 0, frame.seq, "other"),
    }
}

fn finding(wrong: Wrong, client: &Seen, shown: &Shown, evidence: &str) -> Finding {
    let evidence = format!("{evidence} (connection {})", shown.connection);
    let (at, chat, seq) = (shown.at, shown.frame.chat, Some(shown.frame.seq));
    Finding { wrong, at, client: Some(client.name.clone()), chat, seq, evidence }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.client.as_deref().unwrap_or("PostgreSQL");
        write!(f, "{:?}: {client}, chat {}", self.wrong, self.chat)?;
        if let Some(seq) = self.seq {
            write!(f, ", seq {seq}")?;
        }
        if self.at != At::MAX {
            write!(f, ", at {:.3} s", self.at.as_secs_f64())?;
        }
        write!(f, ": {}", self.evidence)
    }
}

#[cfg(test)]
#[path = "checker_tests.rs"]
mod tests;
