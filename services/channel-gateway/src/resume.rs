//! Many chats at once: what changed in them after the client's cursors.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_events::frame::{ClientFrame, ServerFrame};
use chat_events::gateway_api::{ChangesRequest, MAX_CURSORS, Principal};
use chat_events::{ChatId, ChatKind, Epoch, ErrorBody, Seq};
use futures_util::{StreamExt, stream};

use crate::connection::Connection;
use crate::gateway::Gateway;
use crate::join::{self, Stand};
use crate::metrics::Resumed;
use crate::watch::Watch;

/// How long a connection that announced its `resume` may take to send it.
const FIRST_FRAME_WITHIN: Duration = Duration::from_secs(5);

/// Chats that are replayed at a time.
const AT_ONCE: usize = 8;

/// What a client came back with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursors {
    /// For each chat the last seq that it saw.
    pub cursors: BTreeMap<ChatId, Seq>,
    /// Of which database; the first, if it is not said.
    pub epoch: Option<Epoch>,
}

/// The first frame of a connection that announced a `resume`, if it is one.
pub async fn expected(connection: &Connection) -> Option<Cursors> {
    if !connection.expects_resume {
        return None;
    }
    let is_resume = |text: &str| match ClientFrame::parse(text) {
        Ok(ClientFrame::Resume { cursors, epoch }) => Some(Cursors { cursors, epoch }),
        _ => None,
    };
    connection.first_frame(FIRST_FRAME_WITHIN, is_resume).await
}

/// Joins the chats that a user is attached to already: from their cursors, where it came with some.
pub async fn join_all(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    stands: Vec<Stand>,
    brought: Option<Cursors>,
) -> Result<(), ErrorBody> {
    let came_back = brought.is_some();
    let mut cursors = acceptable(gateway, connection, brought.unwrap_or_default());
    let work = stands.into_iter().map(|stand| (stand, cursors.remove(&stand.chat))).collect();
    if !cursors.is_empty() {
        refuse(gateway, connection, "gone", cursors.into_keys().collect());
    }
    let reached = catch_up_all(gateway, connection, work).await?;
    if came_back {
        connection.tell(&ServerFrame::Resumed { cursors: reached });
    }
    Ok(())
}

/// Serves a `resume` of staff, or of anybody whose chats are live already.
pub async fn serve(gateway: &Arc<Gateway>, connection: &Arc<Connection>, brought: Cursors) -> Result<(), ErrorBody> {
    let principal = connection.proved()?.principal;
    let mut cursors = acceptable(gateway, connection, brought);
    let ask = ChangesRequest { principal, cursors: cursors.clone(), new_after: Some(ChatId(i64::MAX)) };
    let changes = gateway.chat_service.changes(ask).await?;
    for (why, chats) in [("gone", changes.gone), ("ahead", changes.ahead)] {
        chats.iter().for_each(|chat| {
            cursors.remove(chat);
        });
        refuse(gateway, connection, why, chats);
    }
    let mut work = Vec::new();
    for changed in &changes.chats {
        let Some(after) = cursors.get(&changed.chat_id).copied() else { continue };
        let is_session = changed.kind == ChatKind::Session;
        match is_session.then(|| connection.watch(changed.chat_id, Watch::joining(changed.kind))).flatten() {
            Some(turn) => {
                let stand = Stand { chat: changed.chat_id, kind: changed.kind, top: changed.seq, turn };
                work.push((stand, Some(after)));
            }
            None => join::fetch(gateway, connection, changed.chat_id, Some(after)).await.map(|_| ())?,
        }
    }
    if matches!(principal, Principal::Staff { .. }) {
        level(gateway, connection, &cursors, &mut work);
    }
    catch_up_all(gateway, connection, work).await?;
    let tops = changes.chats.iter().map(|changed| (changed.chat_id, changed.seq));
    cursors.extend(tops.filter(|(chat, _)| cursors.contains_key(chat)).collect::<Vec<_>>());
    connection.tell(&ServerFrame::Resumed { cursors });
    Ok(())
}

/// Sessions in which nothing was missed: the next that comes is the first above the cursor. Where the hub began above
/// that by now, what lies between is read.
fn level(
    gateway: &Gateway,
    connection: &Connection,
    cursors: &BTreeMap<ChatId, Seq>,
    work: &mut Vec<(Stand, Option<Seq>)>,
) {
    let kind = ChatKind::Session;
    for (&chat, &cursor) in cursors {
        if work.iter().any(|(stand, _)| stand.chat == chat) {
            continue;
        }
        if let Some(top) = gateway.hub.joined(chat, kind, cursor) {
            let turn = connection.watch(chat, Watch::joining(kind));
            work.extend(turn.map(|turn| (Stand { chat, kind, top, turn }, Some(cursor))));
        } else if connection.watch(chat, Watch::live(kind, cursor)).is_some() {
            gateway.metrics.resumed(Resumed::Level);
        }
    }
}

async fn catch_up_all(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    work: Vec<(Stand, Option<Seq>)>,
) -> Result<BTreeMap<ChatId, Seq>, ErrorBody> {
    let (reached, failed) = (Mutex::new(BTreeMap::new()), Mutex::new(None));
    let (reached_ref, failed_ref) = (&reached, &failed);
    stream::iter(work)
        .for_each_concurrent(AT_ONCE, |(stand, after)| async move {
            match join::catch_up(gateway, connection, stand, after).await {
                Ok(()) => {
                    let mut reached = reached_ref.lock().unwrap_or_else(PoisonError::into_inner);
                    reached.insert(stand.chat, stand.top);
                }
                Err(error) => *failed_ref.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
            }
        })
        .await;
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(reached.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// The cursors that may be honoured; the others are named to the client.
fn acceptable(gateway: &Gateway, connection: &Connection, brought: Cursors) -> BTreeMap<ChatId, Seq> {
    let Cursors { mut cursors, epoch } = brought;
    if !gateway.history.is_of(epoch.unwrap_or(Epoch::FIRST)) {
        refuse(gateway, connection, "epoch", cursors.into_keys().collect());
        return BTreeMap::new();
    }
    if let Some((&first_beyond, _)) = cursors.iter().nth(MAX_CURSORS) {
        let beyond = cursors.split_off(&first_beyond);
        refuse(gateway, connection, "too_many", beyond.into_keys().collect());
    }
    let nonsense: Vec<ChatId> = cursors.iter().filter(|(_, seq)| **seq < Seq::ZERO).map(|(chat, _)| *chat).collect();
    if !nonsense.is_empty() {
        cursors.retain(|_, seq| *seq >= Seq::ZERO);
        refuse(gateway, connection, "ahead", nonsense);
    }
    cursors
}

/// Names chats whose cursors cannot be honoured.
pub fn refuse(gateway: &Gateway, connection: &Connection, why: &str, chats: Vec<ChatId>) {
    if !chats.is_empty() {
        chats.iter().for_each(|_| gateway.metrics.resumed(Resumed::Resync));
        connection.tell(&ServerFrame::resync(why, chats));
    }
}
