//! What the program with the browsers tells: a line of JSON each. It has the same in `clients/faults/words.ts`.

use serde::Deserialize;

/// One line.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Told {
    /// All tabs are up, and each visitor has written into its conversation.
    Up {
        /// Who.
        visitors: Vec<Joined>,
    },
    /// What is shown.
    Report {
        /// Of everybody.
        visitors: Vec<VisitorReport>,
    },
    /// A tab cannot be used.
    Failed {
        /// Why.
        why: String,
    },
}

/// A visitor with its conversation.
#[derive(Debug, Clone, Deserialize)]
pub struct Joined {
    /// As the report calls it.
    pub name: String,
    /// Its session.
    pub session: i64,
}

/// What a visitor wrote, and what its tabs show.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct VisitorReport {
    /// As the report calls it.
    pub name: String,
    /// All sessions that its browser keeps.
    pub sessions: Vec<i64>,
    /// In the order of writing.
    pub written: Vec<Written>,
    /// How often a message was told as failed, and sent again by hand.
    pub retried: u32,
    /// How often a tab was loaded anew.
    pub reloads: u32,
    /// Its tabs.
    pub tabs: Vec<TabReport>,
}

/// A text that the composer took.
#[derive(Debug, Clone, Deserialize)]
pub struct Written {
    /// In which tab.
    pub tab: u32,
    /// No two are the same.
    pub text: String,
}

/// A screen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TabReport {
    /// Which tab.
    pub tab: u32,
    /// Messages that wait in the outbox.
    pub queued: usize,
    /// Whether the history is shown from its beginning.
    pub is_whole: bool,
    /// What the panel says of a connection that is away; empty if nothing.
    pub banner: String,
    /// From the first to the last.
    pub shown: Vec<ShownMessage>,
}

/// A message on a screen.
#[derive(Debug, Clone, Deserialize)]
pub struct ShownMessage {
    /// The `client_id` of the visitor's own, `m` and the id of others'.
    pub key: String,
    /// Whether it stands on the visitor's side.
    pub mine: bool,
    /// Its text.
    pub text: String,
}
