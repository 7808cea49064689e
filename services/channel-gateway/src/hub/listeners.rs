//! The lists of listeners: connections come onto them and off them.

use std::sync::Arc;
use std::time::Instant;

use chat_events::frame::CloseCode;
use chat_events::gateway_api::Principal;
use chat_events::names::Channel;
use chat_events::{ChatId, ChatKind, ErrorBody, ErrorCode, Scope, Seq, SiteId, UserId};

use super::rooms::Room;
use super::{Hub, lock, remove};
use crate::connection::Connection;

/// Channels in one question to the bus.
const CHANNELS_AT_ONCE: usize = 1000;

impl Hub {
    /// Lists a connection for a chat; returns when the chat's channel is in force, so that history read afterwards
    /// leaves no gap.
    pub async fn attach(&self, chat: ChatId, connection: &Arc<Connection>) -> Result<(), ErrorBody> {
        let _shared = self.subscribing.read().await;
        let room = self.listed(chat, connection);
        let subscribe = || async { self.pubsub.subscribe(&[Channel::Chat(chat)]).await };
        room.channel.get_or_try_init(subscribe).await.map(|_| ()).map_err(|why| unreachable_bus(&why))
    }

    /// The same for many chats, which wait for the bus together.
    pub async fn attach_all(&self, chats: &[ChatId], connection: &Arc<Connection>) -> Result<(), ErrorBody> {
        for chats in chats.chunks(CHANNELS_AT_ONCE) {
            let _shared = self.subscribing.read().await;
            let rooms: Vec<Arc<Room>> = chats.iter().map(|chat| self.listed(*chat, connection)).collect();
            let silent: Vec<&Arc<Room>> = rooms.iter().filter(|room| !room.channel.initialized()).collect();
            if silent.is_empty() {
                continue;
            }
            let channels: Vec<Channel> = silent.iter().map(|room| Channel::Chat(room.chat)).collect();
            self.pubsub.subscribe(&channels).await.map_err(|why| unreachable_bus(&why))?;
            // Another connection may wait for the same channel: it is in force for both.
            silent.iter().for_each(|room| drop(room.channel.set(())));
        }
        Ok(())
    }

    /// A room that the connection is listed in.
    fn listed(&self, chat: ChatId, connection: &Arc<Connection>) -> Arc<Room> {
        let room = self.room(chat);
        lock(&room.state).listeners.push(connection.clone());
        if connection.is_gone() {
            // The clean-up after this connection may have run before it was listed.
            self.detach(chat, connection);
        }
        room
    }

    /// Takes a connection off a chat.
    pub fn detach(&self, chat: ChatId, connection: &Arc<Connection>) {
        let Some(room) = self.known_room(chat) else { return };
        let mut state = lock(&room.state);
        state.detach(connection);
        state.last_used = Instant::now();
    }

    /// Lists a connection for the sessions of its sites; returns when it will miss nothing that is committed from here on.
    pub async fn attach_staff(self: &Arc<Self>, connection: &Arc<Connection>, scope: &Scope) -> Result<(), ErrorBody> {
        // Events that wait for the beginning of a feed happened before this connection was there: it may have seen them
        // elsewhere.
        self.baseline.settled().await;
        self.change_staff(|staff| staff.add(connection, scope));
        self.listen_for_staff().await.map_err(|why| unreachable_bus(&why))?;
        self.know_sessions().await
    }

    /// Takes a connection off all sessions.
    pub fn detach_staff(&self, connection: &Arc<Connection>) {
        self.change_staff(|staff| {
            let before = staff.scope();
            staff.remove(connection);
            let left = staff.scope();
            if left != before {
                self.baseline.keep(&left);
            }
        });
        self.operator_left();
    }

    /// Lists a connection for the events that concern a user in person.
    pub async fn attach_user(&self, user: UserId, connection: &Arc<Connection>) -> Result<(), ErrorBody> {
        let _shared = self.subscribing.read().await;
        lock(&self.users).entry(user).or_default().push(connection.clone());
        self.pubsub.subscribe(&[Channel::User(user)]).await.map_err(|why| unreachable_bus(&why))
    }

    /// Takes a connection off a user's list.
    pub fn detach_user(&self, user: UserId, connection: &Arc<Connection>) {
        if let Some(list) = lock(&self.users).get_mut(&user) {
            remove(list, connection);
        }
    }

    /// A listener of a chat has read its history up to here. Says how far it has to read if that is not far enough.
    #[must_use]
    pub fn joined(&self, chat: ChatId, kind: ChatKind, reached: Seq) -> Option<Seq> {
        let has_staff = || !self.staff().everybody().is_empty();
        let room = if kind == ChatKind::Session && has_staff() { self.room(chat) } else { self.known_room(chat)? };
        let mut state = lock(&room.state);
        state.kind = Some(kind);
        state.last_used = Instant::now();
        state.feed.joined(reached)
    }

    /// The last position that went out in a chat.
    pub fn last(&self, chat: ChatId) -> Seq {
        self.known_room(chat).and_then(|room| lock(&room.state).feed.last()).unwrap_or(Seq::ZERO)
    }

    /// The connections of operators and users.
    pub fn accounts(&self) -> Vec<Arc<Connection>> {
        let mut all: Vec<_> = lock(&self.users).values().flatten().cloned().collect();
        all.extend(self.staff().everybody().iter().cloned());
        all
    }

    /// The connections of the client of a session.
    pub fn clients(&self, session: ChatId) -> Vec<Arc<Connection>> {
        let Some(room) = self.known_room(session) else { return Vec::new() };
        let state = lock(&room.state);
        let is_client =
            |connection: &&Arc<Connection>| connection.principal() == Some(Principal::Client { session_id: session });
        state.listeners.all().iter().filter(is_client).cloned().collect()
    }

    /// The connections of all visitors of a site.
    pub fn visitors_of(&self, site: SiteId) -> Vec<Arc<Connection>> {
        let rooms = self.rooms.chats().into_iter().filter(|chat| self.site_of(*chat) == Some(site));
        rooms.flat_map(|chat| self.clients(chat)).collect()
    }

    /// No position means anything any more: everybody is to come again, and every feed begins anew.
    pub fn start_over(&self) {
        self.baseline.forget();
        for room in self.rooms.take_all() {
            let state = lock(&room.state);
            state.listeners.all().iter().for_each(|listener| listener.outlet().close(CloseCode::Restart));
        }
        self.accounts().iter().for_each(|connection| connection.outlet().close(CloseCode::Restart));
    }

    /// The connections of a user, as a user.
    pub(super) fn user(&self, user: UserId) -> Vec<Arc<Connection>> {
        lock(&self.users).get(&user).cloned().unwrap_or_default()
    }

    pub(super) fn room(&self, chat: ChatId) -> Arc<Room> {
        self.rooms.get(chat)
    }

    pub(super) fn known_room(&self, chat: ChatId) -> Option<Arc<Room>> {
        self.rooms.known(chat)
    }

    /// The room of a chat, if anybody here wants its events.
    pub(super) fn wanted_room(&self, chat: ChatId, kind: ChatKind, site: Option<SiteId>) -> Option<Arc<Room>> {
        if kind == ChatKind::Session && self.staff().covers(site) {
            return Some(self.room(chat));
        }
        self.known_room(chat)
    }

    /// The site of a session, as far as it is known here.
    pub fn site_of(&self, chat: ChatId) -> Option<SiteId> {
        self.known_room(chat).and_then(|room| lock(&room.state).site)
    }

    /// Says of which site a session is.
    pub fn is_of_site(&self, chat: ChatId, site: SiteId) {
        if let Some(room) = self.known_room(chat) {
            lock(&room.state).is_of((ChatKind::Session, Some(site)));
        }
    }
}

fn unreachable_bus(why: &bus::BusError) -> ErrorBody {
    tracing::warn!(error = %why, "cannot subscribe");
    ErrorBody::new(ErrorCode::Unavailable, "live delivery is not available; try again")
}
