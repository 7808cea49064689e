//! What was seen: every POST with its answer, and every frame that a client showed.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use crate::feed::Change;
use crate::frame::{Frame, Message};
use crate::grants::Grants;

/// A time since the start of the run.
pub type At = Duration;

/// Who somebody is to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// The visitor of a session.
    Visitor {
        /// Its session.
        session: i64,
    },
    /// An operator.
    Staff {
        /// Its user id.
        user: i64,
    },
    /// A user of group chats.
    User {
        /// Its user id.
        user: i64,
    },
}

/// What carries frames to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// Server-sent events; it writes over REST.
    EventStream,
}

/// One of the six kinds of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientKind {
    /// `visitor`, `staff` or `user`.
    pub role: &'static str,
    /// How it listens.
    pub transport: Transport,
}

/// A message that somebody set out to write.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Who.
    pub by: Who,
    /// Into which chat.
    pub chat: i64,
    /// What its sender called it.
    pub client_id: Uuid,
    /// Its text.
    pub body: String,
    /// Whether it is a note for staff.
    pub is_note: bool,
    /// When it was sent first.
    pub at: At,
    /// How often it was sent.
    pub attempts: u32,
    /// When it was answered, and with what.
    pub answered: Option<(At, Message)>,
    /// Why it was refused for good.
    pub refused: Option<String>,
}

/// One frame on one screen.
#[derive(Debug, Clone)]
pub struct Shown {
    /// When.
    pub at: At,
    /// The how-manieth connection of this client brought it.
    pub connection: u32,
    /// What.
    pub frame: Frame,
}

/// All that one client saw, over all its connections.
#[derive(Debug, Clone)]
pub struct Seen {
    /// As the report calls it.
    pub name: String,
    /// Whose screen it is.
    pub who: Who,
    /// How it listens.
    pub transport: Transport,
    /// What it showed, in that order.
    pub shown: Vec<Shown>,
    /// The newest state of each chat that it was told of in whatever way.
    pub states: HashMap<i64, i64>,
    /// How often it came back with a cursor and was served.
    pub resumes: u32,
    /// How often a return with a cursor brought something that it had missed.
    pub resumes_with_news: u32,
    /// Connections that were served.
    pub connections: u32,
    /// When each of them was opened: its rights were read after that.
    pub opened_at: Vec<At>,
    /// How its connections ended, and how often.
    pub ends: BTreeMap<String, u32>,
    /// What must not happen to a client that may be here: when, and what it was told.
    pub refusals: Vec<(At, String)>,
}

/// Somebody came into a chat or was taken out.
#[derive(Debug, Clone)]
pub struct MemberChange {
    /// Which chat.
    pub chat: i64,
    /// Who.
    pub user: i64,
    /// Where the change stands in the chat.
    pub seq: i64,
    /// Whether the user is in from there on.
    pub is_in: bool,
    /// When the change was asked for: it took place later than that.
    pub asked_at: At,
}

/// A message that a client had not shown long after all was well again, whatever came later.
#[derive(Debug, Clone)]
pub struct Overdue {
    /// Whose screen, by its place in the record.
    pub client: usize,
    /// What its sender called the message.
    pub client_id: Uuid,
    /// Into which chat it was written.
    pub chat: i64,
    /// When it was answered.
    pub answered_at: At,
    /// When that was given up.
    pub given_up_at: At,
}

/// The whole record of a run.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// What came too late, if at all.
    pub overdue: Vec<Overdue>,
    /// What was written.
    pub sent: Vec<Sent>,
    /// What was seen.
    pub clients: Vec<Seen>,
    /// Who was in which chat, from the start.
    pub members: Vec<MemberChange>,
    /// The sites of sessions, and of operators.
    pub grants: Grants,
    /// What the reader of the change feed got.
    pub feed: Vec<Change>,
    /// Why it was refused, if it was.
    pub feed_refusal: Option<String>,
}

impl Who {
    /// The role in the report.
    #[must_use]
    pub fn role(self) -> &'static str {
        match self {
            Self::Visitor { .. } => "visitor",
            Self::Staff { .. } => "staff",
            Self::User { .. } => "user",
        }
    }

    /// Whether notes are for it.
    #[must_use]
    pub fn sees_notes(self) -> bool {
        matches!(self, Self::Staff { .. })
    }
}

impl Records {
    /// How often clients of a kind came back with a cursor, and how often that brought what they had missed.
    #[must_use]
    pub fn resumes(&self, kind: ClientKind) -> (u32, u32) {
        let of_kind = self.clients.iter().filter(|client| client.kind() == kind);
        of_kind.fold((0, 0), |(all, news), client| (all + client.resumes, news + client.resumes_with_news))
    }

    /// The kinds that never came back with a cursor.
    #[must_use]
    pub fn never_resumed(&self) -> Vec<ClientKind> {
        ClientKind::ALL.into_iter().filter(|kind| self.resumes(*kind).0 == 0).collect()
    }
}

impl Seen {
    /// A client that has seen nothing yet.
    #[must_use]
    pub fn new(name: &str, who: Who, transport: Transport) -> Self {
        Self {
            name: name.to_owned(),
            who,
            transport,
            shown: Vec::new(),
            states: HashMap::new(),
            resumes: 0,
            resumes_with_news: 0,
            connections: 0,
            opened_at: Vec::new(),
            ends: BTreeMap::new(),
            refusals: Vec::new(),
        }
    }

    /// Which of the kinds it is.
    #[must_use]
    pub fn kind(&self) -> ClientKind {
        ClientKind { role: self.who.role(), transport: self.transport }
    }

    /// It was told of a state of a chat.
    pub fn told_of_state(&mut self, chat: i64, state_seq: i64) {
        let known = self.states.entry(chat).or_default();
        *known = state_seq.max(*known);
    }
}

impl ClientKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self { role: "visitor", transport: Transport::WebSocket },
        Self { role: "visitor", transport: Transport::EventStream },
        Self { role: "staff", transport: Transport::WebSocket },
        Self { role: "staff", transport: Transport::EventStream },
        Self { role: "user", transport: Transport::WebSocket },
        Self { role: "user", transport: Transport::EventStream },
    ];
}

impl fmt::Display for ClientKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::WebSocket => "websocket",
            Transport::EventStream => "sse",
        };
        write!(f, "{}/{transport}", self.role)
    }
}
