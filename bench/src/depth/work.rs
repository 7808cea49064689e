//! What is measured.

use anyhow::{Context, ensure};
use chat_events::gateway_api::Principal;
use chat_events::{ChatId, MessageBody, MessageId, Seq};

use super::session::Session;

/// Messages of a page.
const PAGE: u16 = 50;

/// One thing that clients ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Newest,
    Middle,
    SyncClose,
    SyncFar,
    Send,
}

/// Where it is done: in a chat, and where this has its middle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) chat: i64,
    /// The newest `seq` when the database was filled; sends go on from there.
    pub(crate) top: i64,
    /// A message somewhere in the chat, with enough before it.
    pub(crate) middle: i64,
}

impl Work {
    /// All, in the order of the table.
    pub(crate) const ALL: [Self; 5] = [Self::Newest, Self::Middle, Self::SyncClose, Self::SyncFar, Self::Send];

    /// For the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Newest => "page, the newest 50",
            Self::Middle => "page, 50 before one in the middle",
            Self::SyncClose => "`sync`, 50 behind",
            Self::SyncFar => "`sync` from the beginning, 50 of all",
            Self::Send => "send",
        }
    }

    /// For machines.
    pub(crate) fn short_name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Middle => "middle",
            Self::SyncClose => "sync_close",
            Self::SyncFar => "sync_far",
            Self::Send => "send",
        }
    }

    /// Does it once, as the visitor of that session, and sees that it got what it asked for.
    pub(crate) async fn run(self, session: &mut Session, spot: Spot) -> anyhow::Result<()> {
        let chat = ChatId(spot.chat);
        let visitor = Principal::Client { session_id: chat };
        let paths = &mut session.paths;
        let found = match self {
            Self::Newest => paths.page(visitor, chat, None, PAGE).await?.len(),
            Self::Middle => paths.page(visitor, chat, Some(MessageId(spot.middle)), PAGE).await?.len(),
            Self::SyncClose => {
                let after = Seq(spot.top - i64::from(PAGE));
                paths.sync(visitor, chat, after, PAGE).await?.messages.len()
            }
            Self::SyncFar => paths.sync(visitor, chat, Seq::ZERO, PAGE).await?.messages.len(),
            Self::Send => {
                let body = MessageBody::parse("x".repeat(60)).ok().context("a body")?;
                let sent = paths.send(visitor, chat, body).await?;
                ensure!(sent.seq.0 > spot.top, "a message was sent below the top");
                return Ok(());
            }
        };
        ensure!(found == usize::from(PAGE), "{found} messages in the place of {PAGE}");
        Ok(())
    }
}
