//! The statements of the hot paths on a connection of the caller's own, as requests run them: for measuring them
//! (`bench depth`).

use chat_events::feed::{FeedCursor, FeedPage};
use chat_events::gateway_api::{Principal, SyncPage};
use chat_events::{ChatId, LaneCount, Message, MessageBody, MessageDraft, MessageId, Seq};
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use crate::db;
use crate::db::bad_rows::BadRows;
use crate::error::Error;
use crate::feed;
use crate::messages::history::{self, PageAnchor};
use crate::messages::send::{NewMessage, statement};
use crate::messages::{Reading, sync};

/// A connection of each kind, set up as those of the pools.
pub struct HotPaths {
    conn: AsyncPgConnection,
    /// For batches of sends.
    batch: AsyncPgConnection,
    lanes: LaneCount,
    bad_rows: BadRows,
}

impl HotPaths {
    /// On connections to a database that is migrated.
    pub async fn on(
        mut conn: AsyncPgConnection,
        mut batch: AsyncPgConnection,
        lanes: LaneCount,
    ) -> Result<Self, Error> {
        db::configure(&mut conn, "").await?;
        db::configure(&mut batch, statement::SETTINGS).await?;
        Ok(Self { conn, batch, lanes, bad_rows: BadRows::default() })
    }

    /// A page of history: the newest messages, or the last ones before a message.
    pub async fn page(
        &mut self,
        reader: Principal,
        chat: ChatId,
        before: Option<MessageId>,
        limit: u16,
    ) -> Result<Vec<Message>, Error> {
        let anchor = before.map_or(PageAnchor::Newest, PageAnchor::Before);
        let reading = Reading::of(reader.into(), chat);
        Ok(history::read(&mut self.conn, &self.bad_rows, reading, anchor, limit).await?.messages)
    }

    /// The changes in a chat after a cursor.
    pub async fn sync(&mut self, reader: Principal, chat: ChatId, after: Seq, limit: u16) -> Result<SyncPage, Error> {
        let reading = Reading { activity: true, ..Reading::of(reader.into(), chat) };
        sync::read(&mut self.conn, &self.bad_rows, reading, after, limit).await
    }

    /// A page of the change feed.
    pub async fn feed(&mut self, cursor: &FeedCursor, limit: u16) -> Result<FeedPage, Error> {
        feed::read::page(&mut self.conn, cursor, limit).await
    }

    /// A new message, as a batch of one.
    pub async fn send(&mut self, sender: Principal, chat: ChatId, body: MessageBody) -> Result<Message, Error> {
        let new = NewMessage::of(sender.into(), chat, MessageDraft::new(body, Uuid::new_v4()));
        let written = statement::write(&mut self.batch, &[&new], self.lanes).await?;
        written.into_iter().flatten().next().ok_or_else(|| Error::Internal("the message was left out".into()))
    }
}
