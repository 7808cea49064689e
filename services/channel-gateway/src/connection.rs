//! One connection, whatever carries it: opened, sent to, listened to, closed. The one lifecycle.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use chat_events::frame::{CloseCode, Connected, ServerFrame};
use chat_events::gateway_api::{Connect, Principal, Welcome};
use chat_events::{ChatId, ChatKind, ErrorBody, ErrorCode, SenderType, Seq, Signal, UserId, Visibility};

use crate::credentials::Identity;
use crate::frames::{ChatFrame, Frame};
use crate::gateway::Gateway;
use crate::transport::Outlet;
use crate::watch::{Overflowed, Watch};
use crate::{client_frames, join};

/// Frames of a client that wait for their turn. Beyond this its socket is not read.
const INBOX_MAX: usize = 32;
/// Live frames for staff kept until `connected` is out. Beyond this the connection is told to come again.
const EARLY_STAFF_MAX: usize = 1024;

/// One connection.
pub struct Connection {
    /// For logs, support, and signals that need not come back.
    pub id: String,
    /// `websocket` or `sse`.
    pub transport: &'static str,
    outlet: Arc<dyn Outlet>,
    identity: OnceLock<Identity>,
    own: OnceLock<Own>,
    state: Mutex<State>,
    opened: Instant,
}

/// Who the connection is to others.
#[derive(Debug, Clone)]
pub struct Own {
    /// The client's or user's id.
    pub id: i64,
    /// The name to show.
    pub name: Option<String>,
}

#[derive(Default)]
struct State {
    /// By chat, sorted.
    watches: Vec<(ChatId, Watch)>,
    /// Staff frames that came before `connected` was out.
    early: Option<Vec<ChatFrame>>,
    /// Chats that a user was added to before `connected` was out; none once it is.
    invitations: Option<Vec<(ChatId, Seq)>>,
    inbox: VecDeque<String>,
    is_draining: bool,
    was_full: bool,
    is_open: bool,
    is_gone: bool,
}

impl Connection {
    /// A connection that has not proved itself yet. If it `brings_proof`, its frames wait until it is open; if not,
    /// the first of them must prove it.
    pub fn new(id: String, transport: &'static str, outlet: Arc<dyn Outlet>, brings_proof: bool) -> Self {
        let state = State {
            early: Some(Vec::new()),
            invitations: Some(Vec::new()),
            is_draining: brings_proof,
            ..State::default()
        };
        Self {
            id,
            transport,
            outlet,
            identity: OnceLock::new(),
            own: OnceLock::new(),
            state: Mutex::new(state),
            opened: Instant::now(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose it is, once proved.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.get()
    }

    /// Whose it is.
    pub fn principal(&self) -> Option<Principal> {
        self.identity.get().map(|identity| identity.principal)
    }

    /// Who it is to others, once `connected` is out.
    pub fn own(&self) -> Option<&Own> {
        self.own.get()
    }

    /// When it was accepted.
    pub fn opened(&self) -> Instant {
        self.opened
    }

    /// The user behind it, if it is not a visitor.
    pub fn user_id(&self) -> Option<UserId> {
        match self.principal()? {
            Principal::Client { .. } => None,
            Principal::Staff { user_id } | Principal::User { user_id } => Some(user_id),
        }
    }

    /// As whom it writes.
    pub fn sender_type(&self) -> SenderType {
        match self.principal() {
            Some(Principal::Client { .. }) => SenderType::Client,
            Some(Principal::Staff { .. }) => SenderType::Operator,
            _ => SenderType::User,
        }
    }

    fn is_staff(&self) -> bool {
        matches!(self.principal(), Some(Principal::Staff { .. }))
    }

    /// The way out.
    pub fn outlet(&self) -> &dyn Outlet {
        &*self.outlet
    }

    /// Sends a frame that has no place in a chat.
    pub fn tell(&self, frame: &ServerFrame) {
        self.outlet.send(&Frame::from(frame), None);
    }

    /// Tells of a refusal.
    pub fn refuse(&self, error: ErrorBody, client_id: Option<String>) {
        self.tell(&ServerFrame::Error { client_id, error });
    }

    // --- opening ---------------------------------------------------------------------------------------------

    /// Opens a connection that brought its proof, then serves the frames that came meanwhile.
    pub async fn open_and_listen(
        self: Arc<Self>,
        gateway: Arc<Gateway>,
        identity: Identity,
        after: Option<Seq>,
        when_ready: impl FnOnce(),
    ) {
        self.clone().open(gateway.clone(), identity, after).await;
        self.drain(&gateway, when_ready).await;
    }

    /// The token was good: joins its chats, says `connected`, replays from the cursor, goes live.
    pub async fn open(self: Arc<Self>, gateway: Arc<Gateway>, identity: Identity, after: Option<Seq>) {
        let principal = identity.principal;
        if self.identity.set(identity).is_err() {
            return self.refuse(ErrorBody::new(ErrorCode::Conflict, "the connection is already open"), None);
        }
        gateway.limits.admit(&self);
        let opened = match principal {
            Principal::Client { session_id } => self.open_client(&gateway, session_id, after).await,
            Principal::Staff { .. } => self.open_staff(&gateway).await,
            Principal::User { user_id } => self.open_user(&gateway, user_id).await,
        };
        if let Err(error) = opened {
            self.refuse_and_close(error);
        }
        // It may have gone while it was opening: then nobody else will take it off the lists.
        let is_gone = {
            let mut state = self.state();
            state.is_open = !state.is_gone;
            state.is_gone
        };
        if is_gone {
            self.leave(&gateway);
        } else {
            gateway.metrics.opened(&self);
        }
    }

    async fn open_client(
        self: &Arc<Self>,
        gateway: &Arc<Gateway>,
        session: ChatId,
        after: Option<Seq>,
    ) -> Result<(), ErrorBody> {
        self.watch(session, Watch::joining(ChatKind::Session));
        gateway.hub.attach(session, self).await?;
        let welcome = self.welcome(gateway).await?;
        let top = welcome.chats.first().map_or(Seq::ZERO, |chat| chat.seq);
        self.say_connected(gateway, welcome, Some((session, after.unwrap_or(top))));
        match after {
            Some(after) => join::replay(gateway, self, session, after).await,
            None => join::go_live(gateway, self, session, top, top).await,
        }
    }

    async fn open_staff(self: &Arc<Self>, gateway: &Arc<Gateway>) -> Result<(), ErrorBody> {
        gateway.hub.attach_staff(self).await?;
        let welcome = self.welcome(gateway).await?;
        self.say_connected(gateway, welcome, None);
        self.state().send_early(&*self.outlet)
    }

    async fn open_user(self: &Arc<Self>, gateway: &Arc<Gateway>, user: UserId) -> Result<(), ErrorBody> {
        gateway.hub.attach_user(user, self).await?;
        // Chats are listed once to attach to them, and once more so that their tops are read after that.
        for chat in self.welcome(gateway).await?.chats {
            self.watch(chat.chat_id, Watch::joining(chat.kind));
            gateway.hub.attach(chat.chat_id, self).await?;
        }
        let welcome = self.welcome(gateway).await?;
        let tops: Vec<_> = welcome.chats.iter().map(|chat| (chat.chat_id, chat.kind, chat.seq)).collect();
        self.say_connected(gateway, welcome, None);
        for (chat, kind, top) in tops {
            if self.is_watching(chat) {
                join::go_live(gateway, self, chat, top, top).await?;
            } else {
                join::join(gateway, self, chat, kind, Some(top)).await?;
            }
        }
        let invitations = self.state().invitations.take();
        for (chat, seq) in invitations.into_iter().flatten() {
            if !self.is_watching(chat) {
                join::subscribe(gateway, self, chat, Some(seq)).await?;
            }
        }
        Ok(())
    }

    async fn welcome(&self, gateway: &Gateway) -> Result<Welcome, ErrorBody> {
        let principal = self.principal().ok_or_else(|| ErrorBody::new(ErrorCode::Unauthorized, "not proved yet"))?;
        gateway.chat_service.connect(Connect { principal }).await
    }

    fn say_connected(&self, gateway: &Gateway, welcome: Welcome, cursor: Option<(ChatId, Seq)>) {
        let role = match self.principal() {
            Some(Principal::Client { .. }) => "client",
            Some(Principal::Staff { .. }) => "staff",
            _ => "user",
        };
        let own = Own { id: welcome.self_id, name: welcome.name.clone() };
        let data = Connected {
            connection_id: self.id.clone(),
            role: role.to_owned(),
            self_id: welcome.self_id,
            name: welcome.name,
            epoch: welcome.epoch,
            ping_interval: gateway.ping_interval.as_secs(),
            chats: welcome.chats,
        };
        let (session_id, seq) = (cursor.map(|(chat, _)| chat), cursor.map(|(_, seq)| seq));
        self.outlet.send(&Frame::from(&ServerFrame::Connected { session_id, seq, data }), cursor);
        // Set once: only `open` comes here, and it runs once. From now on signals pass.
        let _ = self.own.set(own);
    }

    /// Why it could not be opened decides whether it may come again.
    fn refuse_and_close(&self, error: ErrorBody) {
        let code = match error.code {
            ErrorCode::Unauthorized | ErrorCode::NotFound => CloseCode::BadToken,
            ErrorCode::Forbidden => CloseCode::Revoked,
            ErrorCode::TokenExpired => CloseCode::TokenExpired,
            _ => CloseCode::Unavailable,
        };
        self.refuse(error, None);
        self.outlet.close(code);
    }

    // --- sending ---------------------------------------------------------------------------------------------

    /// A live frame of a chat, from the hub. Never waits.
    pub fn deliver(&self, frame: &ChatFrame) {
        if !self.sees(frame.visibility) {
            return;
        }
        let mut state = self.state();
        let send = match state.position(frame.chat_id) {
            Ok(index) => state.watches[index].1.offer(frame),
            Err(_) if !self.is_staff() => false,
            Err(_) if state.early.is_some() => {
                state.keep_early(frame);
                false
            }
            Err(_) => state.offer_staff(frame),
        };
        if send {
            self.outlet.send(&frame.frame, Some((frame.chat_id, frame.seq)));
        }
    }

    /// A frame of older history.
    pub fn replay(&self, frame: &ChatFrame) {
        if self.sees(frame.visibility) {
            self.outlet.send(&frame.frame, Some((frame.chat_id, frame.seq)));
        }
    }

    /// A signal of another connection, already encoded.
    pub fn signal(&self, signal: &Signal, frame: &Frame) {
        let own = signal.origin.as_deref() == Some(self.id.as_str());
        if !own
            && self.own().is_some()
            && self.sees(signal.visibility)
            && (self.is_staff() || self.is_watching(signal.chat_id))
        {
            self.outlet.send(frame, None);
        }
    }

    fn sees(&self, visibility: Visibility) -> bool {
        self.principal().is_some_and(|principal| principal.sees(visibility))
    }

    // --- watching --------------------------------------------------------------------------------------------

    /// Starts to watch a chat. False if it was watched already.
    pub fn watch(&self, chat: ChatId, watch: Watch) -> bool {
        let mut state = self.state();
        match state.position(chat) {
            Ok(_) => false,
            Err(index) => {
                state.watches.insert(index, (chat, watch));
                true
            }
        }
    }

    /// The user was added to a chat. True when it should join now; while it is opening, it will by itself.
    pub fn is_invited(&self, chat: ChatId, seq: Seq) -> bool {
        let mut state = self.state();
        let is_watching = state.position(chat).is_ok();
        match &mut state.invitations {
            Some(invitations) => {
                invitations.push((chat, seq));
                false
            }
            None => !is_watching,
        }
    }

    /// Stops watching a chat.
    pub fn unwatch(&self, chat: ChatId) -> bool {
        let mut state = self.state();
        let found = state.position(chat);
        if let Ok(index) = found {
            state.watches.remove(index);
        }
        found.is_ok()
    }

    /// Whether it watches a chat.
    pub fn is_watching(&self, chat: ChatId) -> bool {
        self.state().position(chat).is_ok()
    }

    /// The kind of a chat that it watches.
    pub fn kind_of(&self, chat: ChatId) -> Option<ChatKind> {
        self.with_watch(chat, |watch| watch.kind)
    }

    /// Where the live part of a chat begins.
    pub fn live_from(&self, chat: ChatId) -> Option<Seq> {
        self.with_watch(chat, |watch| watch.live_from()).flatten()
    }

    /// Older history, from `after` on, was sent.
    pub fn extended_to(&self, chat: ChatId, after: Seq) {
        self.with_watch(chat, |watch| watch.extended_to(after));
    }

    /// History was read up to `reached`: sends what came meanwhile, in one go, and is live.
    pub fn go_live(&self, chat: ChatId, after: Seq, reached: Seq) -> Result<(), Overflowed> {
        let mut state = self.state();
        let Ok(index) = state.position(chat) else { return Ok(()) };
        let frames = state.watches[index].1.go_live(after, reached)?;
        frames.iter().for_each(|frame| self.outlet.send(&frame.frame, Some((chat, frame.seq))));
        Ok(())
    }

    fn with_watch<T>(&self, chat: ChatId, look: impl FnOnce(&mut Watch) -> T) -> Option<T> {
        let mut state = self.state();
        let index = state.position(chat).ok()?;
        Some(look(&mut state.watches[index].1))
    }

    // --- listening -------------------------------------------------------------------------------------------

    /// A text frame came. They are served one at a time, in order; a task exists only while there are some.
    /// False when the inbox is full; `when_ready` is called once there is room.
    pub fn receive(
        self: &Arc<Self>,
        gateway: &Arc<Gateway>,
        text: String,
        when_ready: impl FnOnce() + Send + 'static,
    ) -> bool {
        let mut state = self.state();
        state.inbox.push_back(text);
        let has_room = state.inbox.len() < INBOX_MAX;
        state.was_full |= !has_room;
        if !std::mem::replace(&mut state.is_draining, true) {
            let (connection, gateway) = (self.clone(), gateway.clone());
            gateway.runtime.clone().spawn(async move { connection.drain(&gateway, when_ready).await });
        }
        has_room
    }

    /// Whether frames may be read again.
    pub fn has_room(&self) -> bool {
        self.state().inbox.len() < INBOX_MAX
    }

    async fn drain(self: Arc<Self>, gateway: &Arc<Gateway>, when_ready: impl FnOnce()) {
        while let Some(text) = self.next_frame() {
            client_frames::serve(gateway, &self, &text).await;
        }
        if std::mem::take(&mut self.state().was_full) {
            when_ready();
        }
    }

    fn next_frame(&self) -> Option<String> {
        let mut state = self.state();
        let text = state.inbox.pop_front();
        if text.is_none() {
            state.is_draining = false;
            state.inbox = VecDeque::new();
        }
        text
    }

    // --- closing ---------------------------------------------------------------------------------------------

    /// The transport is gone: nothing of it stays behind.
    pub fn gone(self: &Arc<Self>, gateway: &Gateway, reason: &str) {
        let was_open = {
            let mut state = self.state();
            state.is_gone = true;
            state.is_open
        };
        self.leave(gateway);
        gateway.metrics.closed(self, reason, was_open);
        tracing::debug!(connection = %self.id, reason, "closed");
    }

    fn leave(self: &Arc<Self>, gateway: &Gateway) {
        let chats: Vec<ChatId> = self.state().watches.drain(..).map(|(chat, _)| chat).collect();
        for chat in chats {
            gateway.hub.detach(chat, self);
        }
        match self.principal() {
            Some(Principal::Staff { .. }) => gateway.hub.detach_staff(self),
            Some(Principal::User { user_id }) => gateway.hub.detach_user(user_id, self),
            _ => {}
        }
        gateway.limits.release(self);
    }
}

impl State {
    fn position(&self, chat: ChatId) -> Result<usize, usize> {
        self.watches.binary_search_by_key(&chat, |(id, _)| *id)
    }

    /// Staff is told of every session: the first frame of one starts its watch.
    fn offer_staff(&mut self, frame: &ChatFrame) -> bool {
        match self.position(frame.chat_id) {
            Ok(index) => self.watches[index].1.offer(frame),
            Err(index) => {
                let mut watch = Watch::live(ChatKind::Session, Seq(frame.seq.0 - 1));
                let first = watch.offer(frame);
                self.watches.insert(index, (frame.chat_id, watch));
                first
            }
        }
    }

    /// Sends what came while staff was connecting. Under the lock, so that nothing newer goes out before it.
    fn send_early(&mut self, outlet: &dyn Outlet) -> Result<(), ErrorBody> {
        let Some(early) = self.early.take() else {
            return Err(ErrorBody::new(ErrorCode::Unavailable, "too much happened while connecting; come again"));
        };
        for frame in &early {
            if self.offer_staff(frame) {
                outlet.send(&frame.frame, Some((frame.chat_id, frame.seq)));
            }
        }
        Ok(())
    }

    fn keep_early(&mut self, frame: &ChatFrame) {
        if let Some(early) = &mut self.early {
            early.push(frame.clone());
            if early.len() > EARLY_STAFF_MAX {
                self.early = None;
            }
        }
    }
}
