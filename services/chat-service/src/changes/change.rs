//! The transaction of a change.

use chat_events::{ChatId, ChatKind, LaneCount, SenderType, Seq, UserId};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use futures_util::future::BoxFuture;

use super::By;
use super::event::{Author, Event, Raises, Told};
use super::finish;
use super::lock::{LockedChat, lock};
use crate::access::{ActorColumns, Standing, hold, sender_type};
use crate::error::Error;

/// Where a change begins.
pub(super) struct Start<'a> {
    /// To be locked; the right is looked at in the first.
    pub(super) chats: &'a [ChatId],
    pub(super) by: By,
    pub(super) lanes: LaneCount,
    pub(super) traceparent: Option<&'a str>,
}

/// A change that is going on: the chats are locked, and the requester may do it.
pub(crate) struct Change<'a> {
    conn: &'a mut AsyncPgConnection,
    chats: Vec<LockedChat>,
    author: Author,
    is_closed: bool,
    told: Vec<Told>,
    changed: Vec<ChatId>,
    start: Start<'a>,
}

/// Runs a change to its commit. Also returns the chats that changed.
pub(super) async fn run<T: Send + Sync>(
    conn: &mut AsyncPgConnection,
    start: Start<'_>,
    work: impl for<'c> FnOnce(&'c mut Change<'_>) -> BoxFuture<'c, Result<T, Error>> + Send,
) -> Result<(T, Vec<ChatId>), Error> {
    conn.transaction(async |conn| {
        let mut change = Change::begin(conn, start).await?;
        let value = work(&mut change).await?;
        change.flush().await?;
        Ok((value, change.changed))
    })
    .await
}

impl<'a> Change<'a> {
    /// A requester that may not is told so before anything is locked, and again after the lock, which may take time.
    async fn begin(conn: &'a mut AsyncPgConnection, start: Start<'a>) -> Result<Self, Error> {
        check(conn, &start).await?;
        let chats = lock(conn, start.chats).await?;
        if let By::Actor(actor, _) = start.by
            && let ActorColumns { user_id: account @ 1.., .. } = ActorColumns::of(Some(actor))
        {
            hold(conn, UserId(account)).await?;
        }
        let standing = check(conn, &start).await?;
        let is_closed = standing.as_ref().is_some_and(Standing::is_closed);
        let author = author(start.by, standing);
        Ok(Self { conn, chats, author, is_closed, told: Vec::new(), changed: Vec::new(), start })
    }

    /// The connection, for reads by the work.
    pub(crate) fn conn(&mut self) -> &mut AsyncPgConnection {
        self.conn
    }

    /// The kind of a chat that is locked.
    pub(crate) fn kind(&self, chat: ChatId) -> Result<ChatKind, Error> {
        self.locked(chat).map(|locked| locked.kind)
    }

    /// The author of the change.
    pub(crate) fn author(&self) -> &Author {
        &self.author
    }

    /// Whether a client wants to write in a session that is closed: the work has to open it.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Takes the next seq of a chat: changes rows at that seq, and comes back with the events that tell of it.
    pub(crate) async fn step(
        &mut self,
        chat: ChatId,
        raises: Raises,
        write: impl AsyncFnOnce(&mut AsyncPgConnection, Seq) -> Result<Event, Error>,
    ) -> Result<(), Error> {
        let seq = self.locked(chat)?.seq.next();
        let event = write(self.conn, seq).await?;
        let lane = self.start.lanes.lane_of(chat);
        let chat_kind = self.locked(chat)?.kind;
        self.told.push(Told { chat, chat_kind, lane, seq, raises, event });
        self.chats.iter_mut().filter(|locked| locked.id == chat).for_each(|locked| locked.seq = seq);
        Ok(())
    }

    /// Takes in a chat that this change has made, which nobody else can see yet.
    pub(crate) fn made(&mut self, chat: ChatId, kind: ChatKind, author: Option<Author>) {
        self.chats.push(LockedChat { id: chat, kind, seq: Seq::ZERO });
        if let Some(author) = author {
            self.author = author;
        }
    }

    /// Writes the events of the steps so far: for a statement of the work that takes seqs by itself, and comes last.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        let told = std::mem::take(&mut self.told);
        if told.is_empty() {
            return Ok(());
        }
        finish::write(self.conn, &told, &self.author, self.start.traceparent).await?;
        self.changed.extend(told.iter().map(|told| told.chat));
        self.changed.dedup();
        Ok(())
    }

    fn locked(&self, chat: ChatId) -> Result<&LockedChat, Error> {
        let locked = self.chats.iter().find(|locked| locked.id == chat);
        locked.ok_or_else(|| Error::not_found("there is no such chat"))
    }
}

async fn check(conn: &mut AsyncPgConnection, start: &Start<'_>) -> Result<Option<Standing>, Error> {
    let (By::Actor(actor, verb), [chat, ..]) = (start.by, start.chats) else { return Ok(None) };
    let standing = Standing::read(conn, actor, *chat, verb).await?;
    // A closed session is for the work to open.
    if !standing.is_closed() {
        standing.check(verb)?;
    }
    Ok(Some(standing))
}

fn author(by: By, standing: Option<Standing>) -> Author {
    match (by, standing) {
        (By::Actor(actor, _), Some(Standing { self_id, self_name, .. })) => {
            Author { kind: sender_type(actor.principal), id: self_id.unwrap_or_default(), name: self_name }
        }
        _ => Author { kind: SenderType::System, id: 0, name: None },
    }
}
