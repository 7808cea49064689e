//! Keeps the hub true. PostgreSQL is the only truth: after a break of the link, and every 30 s, tops and memberships
//! are compared with the positions that went out; rooms that nobody needs are cleared out.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chat_events::gateway_api::{Membership, Top, TopsRequest};
use chat_events::names::Channel;
use chat_events::{ChatId, Seq, UserId};

use super::rooms::Room;
use super::{Hub, Invitation, lock};
use crate::chat_service::whole_tops;
use crate::connection::Connection;

/// How often tops are compared when nothing is known to be wrong.
pub(super) const RECONCILE_EVERY: Duration = Duration::from_secs(30);
/// A question that must be answered is asked again after this time.
pub(super) const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Chats in one question.
pub(super) const AT_ONCE: usize = 2000;
/// Users in one question: each may have thousands of chats.
const USERS_AT_ONCE: usize = 256;

impl Hub {
    /// Compares the tops of all rooms, and of the sessions that changed lately, with the positions that went out;
    /// and the watched chats of users with their memberships.
    pub(super) async fn reconcile(self: &Arc<Self>) {
        if let Err(error) = self.compare_sessions().await {
            tracing::warn!(%error, "sessions cannot be compared");
        }
        let chats = self.rooms.chats();
        for chats in chats.chunks(AT_ONCE) {
            self.compare(TopsRequest { chats: chats.to_vec(), ..TopsRequest::default() }).await;
        }
        let users: Vec<UserId> = lock(&self.users).keys().copied().collect();
        for users in users.chunks(USERS_AT_ONCE) {
            self.compare(TopsRequest { users: users.to_vec(), ..TopsRequest::default() }).await;
        }
    }

    async fn compare(self: &Arc<Self>, ask: TopsRequest) {
        // A connection that comes later was not meant by the question.
        let connections: BTreeMap<UserId, Vec<Arc<Connection>>> =
            ask.users.iter().map(|user| (*user, self.user(*user))).collect();
        let tops = match whole_tops(&*self.chat_service, ask).await {
            Ok(tops) => tops,
            Err(error) => return tracing::warn!(%error, "tops cannot be compared"),
        };
        for top in tops.tops {
            if let Some(room) = self.wanted_room(top.chat_id, top.kind, top.site_id) {
                self.compare_top(&room, &top);
            }
        }
        for (user, chats) in tops.memberships {
            for connection in connections.get(&user).into_iter().flatten() {
                self.compare_chats(user, connection, &chats);
            }
        }
    }

    pub(super) fn compare_top(self: &Arc<Self>, room: &Arc<Room>, top: &Top) {
        let is_behind = lock(&room.state).feed.is_behind(top.seq);
        if is_behind {
            self.hear(room, (top.kind, top.site_id), top.seq);
        }
    }

    /// A user's chats: chats that it was not told of are told, chats that it is no longer in are taken away.
    fn compare_chats(self: &Arc<Self>, user: UserId, connection: &Arc<Connection>, chats: &[Membership]) {
        for Membership { chat_id, since, .. } in chats {
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
    /// their removal. A connection that is still there afterwards is taken off.
    pub fn revoke(self: &Arc<Self>, chat: ChatId, users: &[UserId]) {
        let Some(room) = self.known_room(chat) else { return };
        let (chats, users) = (vec![chat], users.to_vec());
        let ask = TopsRequest { chats, users, only_these: true, ..TopsRequest::default() };
        self.spawn(|hub| async move {
            // Asked again: they may have been added again meanwhile.
            let tops = loop {
                match whole_tops(&*hub.chat_service, ask.clone()).await {
                    Ok(tops) => break tops,
                    Err(_) if room.is_closed() => return,
                    Err(_) => tokio::time::sleep(ASK_AGAIN_AFTER).await,
                }
            };
            let mut asked_at = Seq(i64::MAX);
            if let [Top { kind, site_id, seq, .. }] = tops.tops[..] {
                hub.hear(&room, (kind, site_id), seq);
                hub.sent_up_to(&room, seq).await;
                asked_at = seq;
            }
            let is_member = |chats: &[Membership]| chats.iter().any(|membership| membership.chat_id == chat);
            let others = tops.memberships.iter().filter(|(_, chats)| !is_member(chats));
            let others: Vec<UserId> = others.map(|(user, _)| *user).collect();
            lock(&room.state).take_off(chat, &others, asked_at);
        });
    }

    /// Waits a little until a chat has come this far.
    async fn sent_up_to(&self, room: &Room, top: Seq) {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        const LOOKS: usize = 50;
        for _ in 0..LOOKS {
            let has_told = || {
                let mut state = lock(&room.state);
                !state.feed.is_behind(top) && state.outgoing.is_none()
            };
            if room.is_closed() || has_told() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Clears out rooms that nobody needs, and gives back their channels.
    pub(super) async fn sweep(self: &Arc<Self>) {
        match self.leave_staff_channels().await {
            Ok(true) => self.reconcile().await,
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "the channels of sessions cannot be changed"),
        }
        let _alone = self.subscribing.write().await;
        let staff = self.staff();
        let mut channels = Vec::new();
        let has_channel = |room: &Arc<Room>| room.channel.initialized().then_some(Channel::Chat(room.chat));
        channels.extend(self.rooms.sweep(&staff).iter().filter_map(has_channel));
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
