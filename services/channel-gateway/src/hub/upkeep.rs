//! Keeps the hub true. PostgreSQL is the only truth: after a break of the link, and every 30 s, tops and memberships
//! are compared with what went out; rooms that nobody needs are cleared out.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chat_events::gateway_api::{Membership, Top, TopsRequest};
use chat_events::names::Channel;
use chat_events::{ChatId, Seq, UserId};

use super::{Hub, Invitation, lock};
use crate::connection::Connection;

/// How often tops are compared when nothing is known to be wrong.
pub(super) const RECONCILE_EVERY: Duration = Duration::from_secs(30);
/// How often rooms that nobody listens to are cleared out.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Sessions that changed in this time are compared for staff.
const CHANGED_LATELY_SECONDS: u32 = 120;
/// A question that must be answered is asked again after this time.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Chats, and users, in one question.
const AT_ONCE: usize = 2000;

impl Hub {
    /// Compares the tops of all rooms, and of the sessions that changed lately, with what went out; and the chats of
    /// users with what they are members of.
    pub(super) async fn reconcile(self: &Arc<Self>) {
        let chats: Vec<ChatId> = lock(&self.rooms).keys().copied().collect();
        let has_staff = !self.staff().is_empty();
        let knew_sessions = has_staff && self.knows_sessions.load(Ordering::Acquire);
        self.knows_sessions.store(knew_sessions, Ordering::Release);
        let sessions_changed_within = if has_staff { CHANGED_LATELY_SECONDS } else { 0 };
        let mut told = !has_staff
            || self.compare(TopsRequest { sessions_changed_within, ..TopsRequest::default() }, knew_sessions).await;
        for chats in chats.chunks(AT_ONCE) {
            let ask = TopsRequest { chats: chats.to_vec(), ..TopsRequest::default() };
            told &= self.compare(ask, knew_sessions).await;
        }
        self.knows_sessions.store(has_staff && told, Ordering::Release);
        let users: Vec<UserId> = lock(&self.users).keys().copied().collect();
        for users in users.chunks(AT_ONCE) {
            self.compare(TopsRequest { users: users.to_vec(), ..TopsRequest::default() }, knew_sessions).await;
        }
    }

    /// Whether it could be compared.
    async fn compare(self: &Arc<Self>, ask: TopsRequest, knew_sessions: bool) -> bool {
        // Who comes later was not meant by the question.
        let connections: BTreeMap<UserId, Vec<Arc<Connection>>> =
            ask.users.iter().map(|user| (*user, self.user(*user))).collect();
        let tops = match self.chat_service.tops(ask).await {
            Ok(tops) => tops,
            Err(error) => {
                tracing::warn!(%error, "tops cannot be compared");
                return false;
            }
        };
        for top in tops.tops {
            self.compare_top(&top, knew_sessions);
        }
        for (user, chats) in tops.memberships {
            for connection in connections.get(&user).into_iter().flatten() {
                self.compare_chats(user, connection, &chats);
            }
        }
        true
    }

    fn compare_top(self: &Arc<Self>, top: &Top, knew_sessions: bool) {
        let Some(room) = self.wanted_room(top.chat_id, top.kind) else { return };
        let is_behind = {
            let mut state = lock(&room.state);
            if let Some(since) = top.since {
                state.session_changed(since, knew_sessions);
            }
            state.feed.is_behind(top.seq)
        };
        if is_behind {
            self.hear(&room, top.kind, top.seq);
        }
    }

    /// A user's chats: what it was not told of is told, what it is no longer in is taken away.
    fn compare_chats(self: &Arc<Self>, user: UserId, connection: &Arc<Connection>, chats: &[Membership]) {
        for Membership { chat_id, since } in chats {
            if connection.is_invited(*chat_id, *since, false) {
                self.invite(Invitation { connection: connection.clone(), chat: *chat_id });
            }
        }
        let member_of: HashSet<ChatId> = chats.iter().map(|chat| chat.chat_id).collect();
        for chat in connection.live_chats() {
            if !member_of.contains(&chat) {
                self.revoke(chat, &[user]);
            }
        }
    }

    /// These users may not read a chat any more. The chat goes on up to its top first: that is where they are told of
    /// their removal. Who is still there afterwards is taken off.
    pub fn revoke(self: &Arc<Self>, chat: ChatId, users: &[UserId]) {
        let Some(room) = self.known_room(chat) else { return };
        let ask = TopsRequest { chats: vec![chat], users: users.to_vec(), ..TopsRequest::default() };
        self.spawn(|hub| async move {
            // Asked again: they may have been added again meanwhile.
            let tops = loop {
                match hub.chat_service.tops(ask.clone()).await {
                    Ok(tops) => break tops,
                    Err(_) if room.is_closed() => return,
                    Err(_) => tokio::time::sleep(ASK_AGAIN_AFTER).await,
                }
            };
            if let [Top { kind, seq, .. }] = tops.tops[..] {
                hub.hear(&room, kind, seq);
                hub.sent_up_to(&room, seq).await;
            }
            let is_member = |chats: &[Membership]| chats.iter().any(|membership| membership.chat_id == chat);
            let others = tops.memberships.iter().filter(|(_, chats)| !is_member(chats));
            let others: Vec<UserId> = others.map(|(user, _)| *user).collect();
            lock(&room.state).take_off(chat, &others);
        });
    }

    /// Waits a little until a chat has come this far.
    async fn sent_up_to(&self, room: &super::Room, top: Seq) {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        const LOOKS: usize = 50;
        for _ in 0..LOOKS {
            if room.is_closed() || !lock(&room.state).feed.is_behind(top) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Clears out rooms that nobody needs, and gives back their channels.
    pub(super) async fn sweep(&self) {
        let _alone = self.subscribing.write().await;
        let has_staff = !self.staff().is_empty();
        let mut channels = Vec::new();
        lock(&self.rooms).retain(|_, room| {
            let kept = room.is_needed(has_staff);
            if !kept {
                room.is_closed.store(true, Ordering::Relaxed);
                channels.extend(room.channel.initialized().then_some(Channel::Chat(room.chat)));
            }
            kept
        });
        lock(&self.users).retain(|user, list| {
            channels.extend(list.is_empty().then_some(Channel::User(*user)));
            !list.is_empty()
        });
        if !channels.is_empty()
            && let Err(error) = self.pubsub.unsubscribe(&channels).await
        {
            tracing::debug!(%error, "cannot unsubscribe");
        }
    }
}
