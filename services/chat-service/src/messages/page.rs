//! The common part of reads of messages: the reader, and rows of several kinds.

use chat_events::gateway_api::MemberChange;
use chat_events::{ChatId, PlacedActivity, Seq, SessionDesk, Visibility};
use diesel::prelude::Queryable;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::row::{MessageRecord, MessageRow};
use crate::access::{Actor, Verb, check_verdict};
use crate::db::bad_rows::{BadRows, What};
use crate::error::Error;

/// A reader of one chat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// The reader; none is a gateway on its own account.
    pub(crate) actor: Option<Actor>,
    /// Where.
    pub(crate) chat: ChatId,
    /// Whether notes are wanted at all: a gateway fills for all its sockets and filters later.
    pub(crate) notes: bool,
    /// Whether activity is wanted: it would fill pages of messages with nothing.
    pub(crate) activity: bool,
}

impl Reading {
    /// A read of all messages that the actor itself may see.
    pub(crate) fn of(actor: Actor, chat: ChatId) -> Self {
        Self { actor: Some(actor), chat, notes: actor.principal.sees(Visibility::Staff), activity: false }
    }
}

/// Rows of a read: the kind of each, its place in the chat, then a text or a message. Rows without a place come first.
pub(super) type Tagged = (Text, Nullable<BigInt>, Nullable<Text>, Nullable<MessageRecord>);

/// A row of [`Tagged`].
#[derive(Debug, Queryable)]
pub(super) struct TaggedRow {
    tag: String,
    at: Option<i64>,
    text: Option<String>,
    message: Option<MessageRow>,
}

/// A row of [`Tagged`] that lies nowhere.
macro_rules! head {
    ($tag:literal, $text:expr) => {
        concat!("SELECT '", $tag, "' AS tag, NULL::bigint AS at, ", $text, " AS text, NULL::record AS message ")
    };
}

/// A row of [`Tagged`] with a text.
macro_rules! tagged_text {
    ($tag:literal, $at:literal, $text:expr) => {
        concat!("SELECT '", $tag, "', ", $at, ", ", $text, ", NULL::record ")
    };
}

/// Rows of [`Tagged`]: the messages `m` that the reader may see. `AND` or `ORDER BY` is to follow.
macro_rules! tagged_messages {
    ($at:literal) => {
        concat!(
            "SELECT 'message', ",
            $at,
            ", NULL::text, ",
            $crate::messages::row::message_record!(),
            " FROM messages m WHERE m.chat_id = $chat_id AND (SELECT verdict FROM reader) = 'allowed'
                AND (m.visibility = 'public' OR $sees_notes) "
        )
    };
}

/// The rows of one read, checked and cut to the limit.
#[derive(Default)]
pub(super) struct Page {
    /// JSON.
    pub(super) chat: Option<String>,
    /// The number that the statement tells beside the chat.
    pub(super) number: i64,
    pub(super) messages: Vec<MessageRow>,
    pub(super) members: Vec<MemberChange>,
    pub(super) desk: Option<SessionDesk>,
    pub(super) activity: Vec<PlacedActivity>,
    /// Where the last row lies.
    pub(super) last: Seq,
    pub(super) has_more: bool,
}

impl Page {
    /// Reads the rows, unless the reader may not. A page may have a row more than the limit: it never ends between the
    /// rows of one place, since the next page begins behind that place.
    pub(super) fn read(bad_rows: &BadRows, reading: Reading, rows: Vec<TaggedRow>, limit: u16) -> Result<Self, Error> {
        let mut page = Self::default();
        let mut verdict = None;
        let mut count = 0;
        for row in rows {
            match (row.tag.as_str(), row.text, row.message) {
                ("reader", text, _) => verdict = text,
                ("chat", text, _) => page.chat = text,
                ("number", text, _) => page.number = text.and_then(|text| text.parse().ok()).unwrap_or_default(),
                _ if count >= limit && row.at != Some(page.last.0) => page.has_more = true,
                (tag, text, message) => {
                    count += 1;
                    // It moves past a row that cannot be read.
                    page.last = Seq(row.at.unwrap_or_default());
                    page.messages.extend(message);
                    page.push(bad_rows, reading.chat, tag, text.as_deref());
                }
            }
        }
        check_verdict(Verb::Read, verdict.as_deref().unwrap_or("unknown"))?;
        Ok(page)
    }

    fn push(&mut self, bad_rows: &BadRows, chat: ChatId, tag: &str, text: Option<&str>) {
        let Some(json) = text else { return };
        match tag {
            "member" => self.members.extend(bad_rows.json(What::Member, chat.0, json)),
            "activity" => self.activity.extend(bad_rows.json(What::Activity, chat.0, json)),
            "desk" => self.desk = bad_rows.json(What::Session, chat.0, json),
            _ => {}
        }
    }
}

pub(super) use {head, tagged_messages, tagged_text};
