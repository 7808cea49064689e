//! From history to live: one algorithm for every connection and chat.
//!
//! Attach first, so that nothing newer can be missed; ask chat-service where the chat stands and whether it may be read;
//! read history from the cursor until it has reached that; then, under the connection's lock, send the frames that came
//! live meanwhile and are above that, and be live. Nothing at or below the floor is sent twice, nothing above it is
//! left out.

pub(crate) mod replay_progress;

use std::sync::Arc;
use std::time::Duration;

use chat_events::frame::ServerFrame;
use chat_events::gateway_api::{ChatState, SyncRequest};
use chat_events::{ChatId, ChatKind, ErrorBody, ErrorCode, Seq};

use crate::catch_up::history::batch::Batch;
use crate::catch_up::watch::{Overflowed, Watch, WatchGeneration};
use crate::connection::Connection;
use crate::gateway::Gateway;
use crate::ops::metrics::Resumed;
use replay_progress::{ReplayProgress, Then};

/// The next frame of history is sent when fewer bytes than this are unsent: replay never counts as slow.
pub(crate) const UNSENT_BEFORE_MORE: usize = 64 * 1024;

/// History that does not reach where the chat is known to stand is asked for again after this time.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// How often it is asked again.
const ASKED_AGAIN_AT_MOST: usize = 100;

/// Joins a chat, or fetches older history of one that is live already; says so with the chat's state.
pub(crate) async fn subscribe(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    chat: ChatId,
    after: Option<Seq>,
) -> Result<(), ErrorBody> {
    let state = fetch(gateway, connection, chat, after).await?;
    connection.tell(&ServerFrame::Subscribed { chat_id: chat, seq: state.seq, invited: false, data: state });
    Ok(())
}

/// Joins a chat, or fetches older history of one that is live already.
pub(crate) async fn fetch(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    chat: ChatId,
    after: Option<Seq>,
) -> Result<ChatState, ErrorBody> {
    let state = state_of(gateway, connection, chat).await?;
    if let Some(generation) = connection.watch(chat, Watch::joining(state.kind)) {
        return enter(gateway, connection, &state, generation, after).await;
    }
    if let (Some(live_from), Some(after)) = (connection.live_from(chat), after) {
        backfill(gateway, connection, &state, after, live_from).await?;
        // It was taken out meanwhile, so this is not all that it asked for.
        if !connection.is_watching(chat) {
            return Err(removed());
        }
    }
    Ok(state)
}

/// Joins a chat that the user was added to, unless it is in it by now: that, and the changes after it, are its to see.
pub(crate) async fn accept(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    chat: ChatId,
    added_at: Seq,
) -> Result<(), ErrorBody> {
    let state = state_of(gateway, connection, chat).await?;
    // While that was asked it may have been taken out and added again.
    let added_at = connection.take_invitation(chat).map_or(added_at, |again| again.max(added_at));
    if let Some(generation) = connection.watch(chat, Watch::joining(state.kind)) {
        let before = Seq(added_at.0 - 1).max(connection.seen(chat));
        let state = enter(gateway, connection, &state, generation, Some(before)).await?;
        connection.tell(&ServerFrame::Subscribed { chat_id: chat, seq: state.seq, invited: true, data: state });
    }
    Ok(())
}

/// From history to live in a chat that is watched from now on. Returns the state that it was read with.
async fn enter(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    known: &ChatState,
    generation: WatchGeneration,
    after: Option<Seq>,
) -> Result<ChatState, ErrorBody> {
    let chat = known.chat_id;
    let entered = async {
        // Staff hears of all sessions.
        if known.kind != ChatKind::Session {
            gateway.hub.attach(chat, connection).await?;
        }
        let state = state_of(gateway, connection, chat).await?;
        catch_up(gateway, connection, JoinTarget { chat, kind: state.kind, top: state.seq, generation }, after).await?;
        if connection.is_on(chat, generation) { Ok(state) } else { Err(removed()) }
    };
    let entered = entered.await;
    if entered.is_err() && connection.is_on(chat, generation) {
        connection.end_watch(chat, generation);
        gateway.hub.detach(chat, connection);
    }
    entered
}

fn removed() -> ErrorBody {
    ErrorBody::field(ErrorCode::Forbidden, "chat_id", "you were removed from this chat")
}

/// A chat's present state, if the connection may read it.
pub(crate) async fn state_of(gateway: &Gateway, connection: &Connection, chat: ChatId) -> Result<ChatState, ErrorBody> {
    let principal = connection.proved()?.principal;
    let ask = SyncRequest { principal: Some(principal), chat_id: chat, after: Seq(i64::MAX), limit: 1 };
    Ok(gateway.chat_service.sync(ask).await?.chat)
}

/// Where a chat stood when the connection, attached to it already, was found to be allowed to read it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JoinTarget {
    /// Which.
    pub chat: ChatId,
    /// Its kind.
    pub kind: ChatKind,
    /// Its top.
    pub top: Seq,
    /// The connection's watch of it.
    pub generation: WatchGeneration,
}

/// Sends the changes of a watched chat after the cursor, then is live. Without a cursor: only new ones.
pub(crate) async fn catch_up(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    target: JoinTarget,
    after: Option<Seq>,
) -> Result<(), ErrorBody> {
    let JoinTarget { chat, top, generation, .. } = target;
    connection.allow(chat, generation, top);
    let Some(after) = after else { return go_live(gateway, connection, target, top, top).await };
    match after.cmp(&top) {
        std::cmp::Ordering::Greater => {
            gateway.metrics.resumed(Resumed::Resync);
            connection.tell(&ServerFrame::resync("ahead", vec![chat]));
            go_live(gateway, connection, target, top, top).await
        }
        std::cmp::Ordering::Equal => {
            gateway.metrics.resumed(Resumed::Level);
            go_live(gateway, connection, target, after, top).await
        }
        std::cmp::Ordering::Less => {
            gateway.metrics.resumed(Resumed::Replayed);
            let reached = replay(gateway, connection, target, after).await?;
            go_live(gateway, connection, target, after, reached).await
        }
    }
}

/// Reads history from the cursor until it has reached the chat's top, and sends it. Returns how far it came.
async fn replay(
    gateway: &Gateway,
    connection: &Arc<Connection>,
    JoinTarget { chat, top, generation, .. }: JoinTarget,
    after: Seq,
) -> Result<Seq, ErrorBody> {
    let (mut reading, mut again) = (ReplayProgress::new(after, top), 0);
    // A member who is removed during the read has nothing more to see.
    while !connection.outlet().is_closed() && connection.is_on(chat, generation) {
        let batch = gateway.history.read(chat, reading.cursor(), top).await?;
        if let Sent::Removed(at) = send(connection, &batch, None).await {
            connection.end_watch(chat, generation);
            connection.saw(chat, at);
            gateway.hub.detach(chat, connection);
            break;
        }
        if !goes_on(&mut reading, &batch, &mut again).await? {
            break;
        }
    }
    if !connection.is_on(chat, generation) {
        connection.saw(chat, reading.cursor());
    }
    Ok(reading.cursor())
}

/// Whether there is more to read. A piece that another connection asked for may end too early: then it is asked again.
async fn goes_on(reading: &mut ReplayProgress, batch: &Batch, again: &mut usize) -> Result<bool, ErrorBody> {
    match reading.took(batch.next, batch.has_more) {
        Then::Reached => return Ok(false),
        Then::ReadOn => return Ok(true),
        Then::AskAgain => *again += 1,
    }
    if *again > ASKED_AGAIN_AT_MOST {
        return Err(ErrorBody::new(ErrorCode::Unavailable, "history does not reach the chat's top; come again"));
    }
    tokio::time::sleep(ASK_AGAIN_AFTER).await;
    Ok(true)
}

/// History was read up to `reached`. The live frames that came meanwhile follow; if they were too many, or began above
/// `reached`, history is read on.
async fn go_live(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    target: JoinTarget,
    after: Seq,
    mut reached: Seq,
) -> Result<(), ErrorBody> {
    // A closed connection reads nothing, so it would never get as far as it has to.
    while connection.is_on(target.chat, target.generation) && !connection.outlet().is_closed() {
        let top = match gateway.hub.joined(target.chat, target.kind, reached) {
            Some(began) => began,
            None => match connection.go_live(target.chat, target.generation, after, reached) {
                Ok(()) => break,
                Err(Overflowed) => gateway.hub.last(target.chat).max(reached),
            },
        };
        reached = replay(gateway, connection, JoinTarget { top, ..target }, reached).await?;
    }
    Ok(())
}

/// Sends history that is older than the live part of a chat.
async fn backfill(
    gateway: &Gateway,
    connection: &Connection,
    state: &ChatState,
    after: Seq,
    live_from: Seq,
) -> Result<(), ErrorBody> {
    let chat = state.chat_id;
    if after > state.seq {
        gateway.metrics.resumed(Resumed::Resync);
        connection.tell(&ServerFrame::resync("ahead", vec![chat]));
        return Ok(());
    }
    let (mut reading, mut again) = (ReplayProgress::new(after, live_from), 0);
    while reading.cursor() < live_from && !connection.outlet().is_closed() && connection.is_watching(chat) {
        let batch = gateway.history.read(chat, reading.cursor(), live_from).await?;
        send(connection, &batch, Some(live_from)).await;
        if !goes_on(&mut reading, &batch, &mut again).await? {
            break;
        }
    }
    connection.extended_to(chat, after);
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Sent {
    All,
    /// The connection's user was removed from the chat there.
    Removed(Seq),
}

async fn send(connection: &Connection, batch: &Batch, up_to: Option<Seq>) -> Sent {
    for item in &batch.items {
        if up_to.is_some_and(|live_from| item.frame.seq > live_from) {
            break;
        }
        connection.outlet().below(UNSENT_BEFORE_MORE).await;
        connection.replay(&item.frame);
        if item.removed.is_some() && item.removed == connection.user_id() {
            return Sent::Removed(item.frame.seq);
        }
    }
    Sent::All
}
