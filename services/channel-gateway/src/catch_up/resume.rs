//! Many chats at once: their changes after the client's cursors.

pub(crate) mod brought;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_events::frame::{ClientFrame, ServerFrame};
use chat_events::gateway_api::{ChangesRequest, FirstPage, MAX_CURSORS, Principal, TopsRequest};
use chat_events::{ChatId, ChatKind, ErrorBody, Scope, Seq};
use futures_util::{StreamExt, stream};

use crate::catch_up::join::{self, JoinTarget, UNSENT_BEFORE_MORE};
use crate::catch_up::watch::Watch;
use crate::connection::Connection;
use crate::gateway::Gateway;
use crate::ops::metrics::Resumed;
pub(crate) use brought::{Brought, Cursors};

/// How long a connection that announced its `resume` may take to send it.
const FIRST_FRAME_WITHIN: Duration = Duration::from_secs(5);

/// How long it may take to send the next one, where one says that there are more.
const NEXT_FRAME_WITHIN: Duration = Duration::from_secs(5);

/// How long all of them may take: live frames are kept meanwhile.
const ALL_FRAMES_WITHIN: Duration = Duration::from_secs(20);

/// Frames of one `resume`. Fewer than a connection keeps until their turn, and more than all chats need.
const MAX_FRAMES: usize = 30;

/// How long there may be between two polls, in seconds: after more an operator lists sessions anew, and a user its chats.
const BETWEEN_POLLS: u32 = 60;

/// By how many seconds the time of a chat's last change may lag.
const CHANGED_AT_LAGS: u32 = 15;

/// Chats that are replayed at a time.
const AT_ONCE: usize = 8;

/// The cursors of a connection that announced a `resume`, from its first frames. None if the first frame is another
/// one, or does not come in time; where a later one is missing, the resume goes on with the cursors that came.
pub(crate) async fn expected(gateway: &Gateway, connection: &Connection) -> Option<Brought> {
    if let Some(pieces) = connection.take_brought() {
        let mut brought = Brought { is_poll: true, ..Brought::default() };
        pieces.into_iter().for_each(|cursors| brought.add(cursors, |epoch| gateway.history.is_of(epoch)));
        return Some(brought);
    }
    if !connection.expects_resume {
        return None;
    }
    let until = Instant::now() + ALL_FRAMES_WITHIN;
    let (mut brought, mut within) = (None, FIRST_FRAME_WITHIN);
    for _ in 0..MAX_FRAMES {
        let patience = within.min(until.saturating_duration_since(Instant::now()));
        let Some((cursors, more)) = connection.first_frame(patience, as_resume).await else { break };
        brought.get_or_insert_with(Brought::default).add(cursors, |epoch| gateway.history.is_of(epoch));
        if !more {
            break;
        }
        within = NEXT_FRAME_WITHIN;
    }
    brought
}

fn as_resume(text: &str) -> Option<(Cursors, bool)> {
    match ClientFrame::parse(text) {
        Ok(ClientFrame::Resume { cursors, epoch, more }) => Some((Cursors { cursors, epoch }, more)),
        _ => None,
    }
}

/// Joins the chats that a user is attached to already: from their cursors, where it came with some.
pub(crate) async fn join_all(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    targets: Vec<JoinTarget>,
    brought: Option<Brought>,
) -> Result<(), ErrorBody> {
    let came_back = brought.is_some();
    let Brought { mut cursors, refused, is_poll } = brought.unwrap_or_default();
    let known = if is_poll { cursors.clone() } else { BTreeMap::new() };
    refuse_all(gateway, connection, refused).await;
    let (targets, lost): (Vec<_>, Vec<_>) =
        targets.into_iter().partition(|target| connection.is_on(target.chat, target.generation));
    // It was taken out of these since they were listed: a cursor is refused like that of any chat that is not its own.
    for JoinTarget { chat, .. } in lost.iter().filter(|target| !cursors.contains_key(&target.chat)) {
        connection.tell(&ServerFrame::Unsubscribed { chat_id: *chat });
    }
    let work = targets.into_iter().map(|target| (target, cursors.remove(&target.chat))).collect();
    refuse(gateway, connection, "gone", cursors.into_keys().collect()).await;
    let mut reached = catch_up_all(gateway, connection, work).await?;
    reached.retain(|chat, seq| known.get(chat) != Some(seq));
    if came_back {
        tell_resumed(connection, reached).await;
    }
    Ok(())
}

/// The chats of a user's first page that may have changed since the last poll of a client that polls.
pub(crate) fn changed_lately(page: &FirstPage) -> Vec<ChatId> {
    let since = page.began - i64::from(BETWEEN_POLLS + CHANGED_AT_LAGS) * 1_000_000;
    page.chats.iter().filter(|listed| listed.at >= since).map(|listed| listed.chat.chat_id).collect()
}

/// Serves a `resume` that comes when the chats are live already, by itself, whether others follow or not.
pub(crate) async fn serve_late(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    cursors: Cursors,
) -> Result<(), ErrorBody> {
    let mut brought = Brought::default();
    brought.add(cursors, |epoch| gateway.history.is_of(epoch));
    serve(gateway, connection, brought).await
}

/// Sessions that changed lately and that an operator who polls has not named: they may be new since its last poll. It is told
/// what changed in them in this time.
pub(crate) async fn bring_recent(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    scope: &Scope,
    brought: &Brought,
) -> Result<(), ErrorBody> {
    let sites = scope.sites();
    if sites.as_ref().is_some_and(BTreeSet::is_empty) {
        return Ok(());
    }
    let ask = TopsRequest { sessions_changed_within: BETWEEN_POLLS, sites, ..TopsRequest::default() };
    let mut work = Vec::new();
    for top in gateway.chat_service.tops(ask).await?.tops {
        let Some(after) = top.since.filter(|since| *since < top.seq && !brought.names(top.chat_id)) else { continue };
        let (chat, kind) = (top.chat_id, ChatKind::Session);
        if let Some(generation) = connection.watch(chat, Watch::joining(kind)) {
            work.push((JoinTarget { chat, kind, top: top.seq, generation }, Some(after)));
        }
    }
    catch_up_all(gateway, connection, work).await.map(drop)
}

/// Serves a `resume` of staff, or of anybody whose chats are live already.
pub(crate) async fn serve(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    brought: Brought,
) -> Result<(), ErrorBody> {
    let Brought { mut cursors, refused, is_poll } = brought;
    refuse_all(gateway, connection, refused).await;
    if let Principal::Client { session_id } = connection.proved()?.principal {
        // It has no other, and nobody is asked about those.
        let own = cursors.remove(&session_id).map(|seq| (session_id, seq));
        let others = std::mem::replace(&mut cursors, own.into_iter().collect());
        refuse(gateway, connection, "gone", others.into_keys().collect()).await;
    }
    let mut reached = BTreeMap::new();
    for cursors in parts(cursors) {
        let mut part = serve_part(gateway, connection, &cursors).await?;
        part.retain(|chat, seq| !is_poll || cursors.get(chat) != Some(seq));
        reached.extend(part);
    }
    tell_resumed(connection, reached).await;
    Ok(())
}

/// At most so many cursors as chat-service takes in one question.
async fn serve_part(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    cursors: &BTreeMap<ChatId, Seq>,
) -> Result<BTreeMap<ChatId, Seq>, ErrorBody> {
    let (principal, mut cursors) = (connection.proved()?.principal, cursors.clone());
    let ask = ChangesRequest { principal, cursors: cursors.clone(), new_after: Some(ChatId(i64::MAX)) };
    let changes = gateway.chat_service.changes(ask).await?;
    for (why, chats) in [("gone", changes.gone), ("ahead", changes.ahead)] {
        chats.iter().for_each(|chat| {
            cursors.remove(chat);
        });
        refuse(gateway, connection, why, chats).await;
    }
    let mut work = Vec::new();
    for changed in &changes.chats {
        let Some(after) = cursors.get(&changed.chat_id).copied() else { continue };
        let is_session = changed.kind == ChatKind::Session;
        match is_session.then(|| connection.watch(changed.chat_id, Watch::joining(changed.kind))).flatten() {
            Some(generation) => {
                let target = JoinTarget { chat: changed.chat_id, kind: changed.kind, top: changed.seq, generation };
                work.push((target, Some(after)));
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
    Ok(cursors)
}

/// As many frames as it takes: none is larger than any other frame may be, and none makes its reader a slow one.
async fn tell_resumed(connection: &Connection, cursors: BTreeMap<ChatId, Seq>) {
    let mut parts = parts(cursors).peekable();
    while let Some(cursors) = parts.next() {
        connection.outlet().below(UNSENT_BEFORE_MORE).await;
        let (is_news, more) = (!cursors.is_empty(), parts.peek().is_some());
        connection.tell_quietly(&ServerFrame::Resumed { cursors, more }, None);
        if is_news {
            connection.outlet().has_news();
        }
    }
}

/// In pieces of as many chats as one frame may name; one piece where there are none.
fn parts(mut cursors: BTreeMap<ChatId, Seq>) -> impl Iterator<Item = BTreeMap<ChatId, Seq>> {
    let mut is_done = false;
    std::iter::from_fn(move || {
        let beyond = cursors.keys().nth(MAX_CURSORS).copied().map(|first| cursors.split_off(&first));
        let is_last = beyond.is_none();
        let part = std::mem::replace(&mut cursors, beyond.unwrap_or_default());
        (!std::mem::replace(&mut is_done, is_last)).then_some(part)
    })
}

/// Sessions in which nothing was missed: the next change is the first above the cursor. Where the hub began above that
/// by now, the changes in between are read.
fn level(
    gateway: &Gateway,
    connection: &Connection,
    cursors: &BTreeMap<ChatId, Seq>,
    work: &mut Vec<(JoinTarget, Option<Seq>)>,
) {
    let kind = ChatKind::Session;
    for (&chat, &cursor) in cursors {
        if work.iter().any(|(target, _)| target.chat == chat) {
            continue;
        }
        if let Some(top) = gateway.hub.joined(chat, kind, cursor) {
            let generation = connection.watch(chat, Watch::joining(kind));
            work.extend(generation.map(|generation| (JoinTarget { chat, kind, top, generation }, Some(cursor))));
        } else if connection.watch(chat, Watch::live(kind, cursor)).is_some() {
            gateway.metrics.resumed(Resumed::Level);
        }
    }
}

/// How far the chats with a cursor came.
async fn catch_up_all(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    work: Vec<(JoinTarget, Option<Seq>)>,
) -> Result<BTreeMap<ChatId, Seq>, ErrorBody> {
    let (reached, failed) = (Mutex::new(BTreeMap::new()), Mutex::new(None));
    let (reached_ref, failed_ref) = (&reached, &failed);
    stream::iter(work)
        .for_each_concurrent(AT_ONCE, |(target, after)| async move {
            match join::catch_up(gateway, connection, target, after).await {
                Ok(()) if after.is_none() => {}
                Ok(()) => {
                    let mut reached = reached_ref.lock().unwrap_or_else(PoisonError::into_inner);
                    reached.insert(target.chat, target.top);
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

/// Names chats whose cursors cannot be honoured.
pub(crate) async fn refuse(gateway: &Gateway, connection: &Connection, why: &str, chats: Vec<ChatId>) {
    for chats in chats.chunks(MAX_CURSORS) {
        chats.iter().for_each(|_| gateway.metrics.resumed(Resumed::Resync));
        connection.outlet().below(UNSENT_BEFORE_MORE).await;
        connection.tell(&ServerFrame::resync(why, chats.to_vec()));
    }
}

async fn refuse_all(gateway: &Gateway, connection: &Connection, refused: Vec<(&'static str, Vec<ChatId>)>) {
    for (why, chats) in refused {
        refuse(gateway, connection, why, chats).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_go_out_in_pieces_of_what_a_frame_may_name() {
        for (count, expected) in [(0, vec![0]), (1, vec![1]), (1000, vec![1000]), (2001, vec![1000, 1000, 1])] {
            let cursors: BTreeMap<ChatId, Seq> = (0..count).map(|chat| (ChatId(chat), Seq(chat))).collect();
            let parts: Vec<_> = parts(cursors.clone()).collect();
            assert_eq!(parts.iter().map(BTreeMap::len).collect::<Vec<_>>(), expected);
            assert_eq!(parts.into_iter().flatten().collect::<BTreeMap<_, _>>(), cursors);
        }
    }
}
