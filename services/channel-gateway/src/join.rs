//! From history to live: one algorithm for every connection and chat.
//!
//! Attach first, so that nothing newer can be missed; read history from the cursor until it has reached what the hub
//! had sent by then; then, under the connection's lock, send what came live meanwhile and is above that, and be live.
//! Nothing at or below the floor is sent twice, nothing above it is left out.

use std::sync::Arc;

use chat_events::frame::ServerFrame;
use chat_events::gateway_api::{ChatState, SyncPage, SyncRequest};
use chat_events::{ChatId, ChatKind, ErrorBody, ErrorCode, Seq};

use crate::connection::Connection;
use crate::gateway::Gateway;
use crate::hub;
use crate::watch::{Overflowed, Watch};

/// Messages read per page of history.
const PAGE: u16 = 100;
/// The next frame of history is sent when fewer bytes than this are unsent: replay never counts as slow.
const UNSENT_BEFORE_MORE: usize = 64 * 1024;

/// Joins a chat, and says so with the chat's state.
pub async fn subscribe(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    chat: ChatId,
    after: Option<Seq>,
) -> Result<(), ErrorBody> {
    let state = state_of(gateway, connection, chat).await?;
    join(gateway, connection, chat, state.kind, after).await?;
    connection.tell(&ServerFrame::Subscribed { chat_id: chat, seq: state.seq, data: state });
    Ok(())
}

/// Joins a chat that the user was added to, unless it is in it by now: what came after that is its to see.
pub async fn accept(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    chat: ChatId,
    added_at: Seq,
) -> Result<(), ErrorBody> {
    let state = state_of(gateway, connection, chat).await?;
    if connection.watch(chat, Watch::joining(state.kind)) {
        enter(gateway, connection, chat, state.kind, Some(added_at)).await?;
        connection.tell(&ServerFrame::Subscribed { chat_id: chat, seq: state.seq, data: state });
    }
    Ok(())
}

/// Joins a chat that the connection is not yet in, or fetches older history of one that is live already.
pub async fn join(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    chat: ChatId,
    kind: ChatKind,
    after: Option<Seq>,
) -> Result<(), ErrorBody> {
    if !connection.watch(chat, Watch::joining(kind)) {
        return match (connection.live_from(chat), after) {
            (Some(live_from), Some(after)) => backfill(gateway, connection, chat, after, live_from).await,
            _ => Ok(()),
        };
    }
    enter(gateway, connection, chat, kind, after).await
}

/// From history to live in a chat that is watched from now on.
async fn enter(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    chat: ChatId,
    kind: ChatKind,
    after: Option<Seq>,
) -> Result<(), ErrorBody> {
    let joined = join_new(gateway, connection, chat, kind, after).await;
    if joined.is_err() {
        connection.unwatch(chat);
        gateway.hub.detach(chat, connection);
    }
    joined
}

async fn join_new(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    chat: ChatId,
    kind: ChatKind,
    after: Option<Seq>,
) -> Result<(), ErrorBody> {
    let has_staff_feed = kind == ChatKind::Session;
    if !has_staff_feed {
        gateway.hub.attach(chat, connection).await?;
    }
    match after {
        Some(after) => replay(gateway, connection, chat, after).await,
        None => {
            let top = state_of(gateway, connection, chat).await?.seq;
            go_live(gateway, connection, chat, top, top).await
        }
    }
}

/// A chat's present state, if the connection may read it.
pub async fn state_of(gateway: &Gateway, connection: &Connection, chat: ChatId) -> Result<ChatState, ErrorBody> {
    let page = read(gateway, connection, chat, Seq(i64::MAX), 1).await?;
    Ok(page.chat)
}

/// Reads history from the cursor and sends it, then is live.
pub async fn replay(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    chat: ChatId,
    after: Seq,
) -> Result<(), ErrorBody> {
    let level = gateway.hub.last(chat);
    let mut cursor = after;
    loop {
        let page = read(gateway, connection, chat, cursor, PAGE).await?;
        if cursor > page.chat.seq {
            connection.tell(&ServerFrame::Resync { why: "ahead".to_owned(), chats: vec![chat] });
            let top = page.chat.seq;
            return go_live(gateway, connection, chat, top, top).await;
        }
        send_page(connection, &page, cursor, None).await;
        cursor = page.next;
        if !page.has_more && cursor >= level {
            return go_live(gateway, connection, chat, after, cursor).await;
        }
        if connection.outlet().is_closed() {
            return Ok(());
        }
    }
}

/// History was read up to `reached`. What came live meanwhile follows; if that was too much, history is read on.
pub async fn go_live(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    chat: ChatId,
    after: Seq,
    mut reached: Seq,
) -> Result<(), ErrorBody> {
    gateway.hub.joined(chat, reached);
    while connection.go_live(chat, after, reached) == Err(Overflowed) {
        loop {
            let page = read(gateway, connection, chat, reached, PAGE).await?;
            send_page(connection, &page, reached, None).await;
            reached = page.next;
            if !page.has_more {
                break;
            }
        }
    }
    Ok(())
}

/// Sends what is older than the live part of a chat.
async fn backfill(
    gateway: &Gateway,
    connection: &Connection,
    chat: ChatId,
    after: Seq,
    live_from: Seq,
) -> Result<(), ErrorBody> {
    let mut cursor = after;
    while cursor < live_from && !connection.outlet().is_closed() {
        let page = read(gateway, connection, chat, cursor, PAGE).await?;
        send_page(connection, &page, cursor, Some(live_from)).await;
        if !page.has_more {
            break;
        }
        cursor = page.next;
    }
    connection.extended_to(chat, after);
    Ok(())
}

async fn send_page(connection: &Connection, page: &SyncPage, after: Seq, below: Option<Seq>) {
    for frame in hub::page_frames(page, after) {
        if below.is_some_and(|live_from| frame.seq > live_from) {
            return;
        }
        connection.outlet().below(UNSENT_BEFORE_MORE).await;
        connection.replay(&frame);
    }
}

async fn read(
    gateway: &Gateway,
    connection: &Connection,
    chat: ChatId,
    after: Seq,
    limit: u16,
) -> Result<SyncPage, ErrorBody> {
    let principal = connection.principal().ok_or_else(|| ErrorBody::new(ErrorCode::Unauthorized, "not proved yet"))?;
    let ask = SyncRequest { principal: Some(principal), chat_id: chat, after, limit };
    gateway.chat_service.sync(ask).await
}
