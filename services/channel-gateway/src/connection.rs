//! One connection, whatever carries it: its owner, its chats, its outgoing frames, its waiting frames.
//!
//! - `delivery`: outgoing frames · `watching`: its chats · `inbox`: frames that wait for their turn
//! - [`lifecycle`]: how it opens, listens and closes · [`connected`]: the content of its first frame
//! - [`client_frames`]: the effect of its frames · [`unserved`]: the refusal of frames that are not served
//!
//! The connection itself knows nothing of the gateway around it.

pub(crate) mod client_frames;
pub(crate) mod connected;
mod delivery;
mod inbox;
pub(crate) mod lifecycle;
pub(crate) mod unserved;
mod watching;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chat_events::frame::{CloseCode, ServerFrame};
use chat_events::gateway_api::Principal;
use chat_events::{ChatId, ErrorBody, ErrorCode, Scope, SenderType, Seq, UserId, WorkspaceVersion};
use tokio::sync::oneshot;

use crate::auth::credentials::{Grant, Identity};
use crate::catch_up::resume::Cursors;
use crate::catch_up::watch::watches::Watches;
use crate::limits::frame_costs::Spent;
use crate::transport::Outlet;
use crate::transport::frames::{ChatFrame, Frame};

/// One connection.
pub struct Connection {
    /// For logs, support, and signals that need not come back.
    pub id: String,
    /// `websocket`, `sse` or `poll`.
    pub transport: &'static str,
    /// Whether nothing goes out before its `resume`.
    pub expects_resume: bool,
    /// Where its client is.
    pub address: Option<IpAddr>,
    outlet: Arc<dyn Outlet>,
    identity: OnceLock<Identity>,
    own: OnceLock<Own>,
    state: Mutex<State>,
    opened: Instant,
}

/// The identity of the connection, as others see it.
#[derive(Debug, Clone)]
pub struct Own {
    /// The client's or user's id.
    pub id: i64,
    /// The name to show.
    pub name: Option<String>,
    /// The version of the workspace that `connected` told it.
    pub workspace: Option<WorkspaceVersion>,
}

#[derive(Default)]
struct State {
    watches: Watches,
    /// Staff frames that came before `connected` was out.
    early: Option<Vec<ChatFrame>>,
    /// Chats that a user was added to, and has not joined yet: the last time counts.
    invitations: Vec<(ChatId, Seq)>,
    /// The sites in which an operator works, as it was told when it connected.
    scope: Option<Box<Scope>>,
    /// `connected` is out: invitations are accepted when they come.
    accepts_invitations: bool,
    /// Chats that a user does not want to hear of, though it is a member.
    left: Vec<ChatId>,
    /// How far it was told of chats that it was taken out of.
    seen: Vec<(ChatId, Seq)>,
    /// A fresh token was shown.
    renewed: Option<Grant>,
    /// The spent part of its allowance for frames that cost much.
    spent: Option<Box<Spent>>,
    /// The cursors that came with the request, where no frames can come.
    brought: Option<Box<[Cursors]>>,
    inbox: VecDeque<String>,
    inbox_bytes: usize,
    /// The waiter for the first frame.
    awaits_first: Option<oneshot::Sender<()>>,
    is_draining: bool,
    was_full: bool,
    /// To be closed as soon as the frames that came are answered.
    closing: Option<(CloseCode, Duration)>,
    is_open: bool,
    is_gone: bool,
}

impl Connection {
    /// A connection that has not proved itself yet. If it `brings_proof`, its frames wait until it is open; if not,
    /// the first of them must prove it.
    pub fn new(id: String, transport: &'static str, outlet: Arc<dyn Outlet>, brings_proof: bool) -> Self {
        let state = State { early: Some(Vec::new()), is_draining: brings_proof, ..State::default() };
        Self {
            id,
            transport,
            expects_resume: false,
            address: None,
            outlet,
            identity: OnceLock::new(),
            own: OnceLock::new(),
            state: Mutex::new(state),
            opened: Instant::now(),
        }
    }

    /// Says where its client is.
    #[must_use]
    pub fn from(self, address: Option<IpAddr>) -> Self {
        Self { address, ..self }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The identity, once proved.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.get()
    }

    /// The identity; a connection that has not proved one yet may do nothing.
    pub fn proved(&self) -> Result<&Identity, ErrorBody> {
        self.identity().ok_or_else(|| ErrorBody::new(ErrorCode::Unauthorized, "not proved yet"))
    }

    /// The owner, once proved.
    pub fn principal(&self) -> Option<Principal> {
        self.identity.get().map(|identity| identity.principal)
    }

    /// How long it may stay, by the last token that it showed.
    pub fn grant(&self) -> Option<Grant> {
        let renewed = self.state().renewed;
        renewed.or_else(|| self.identity().map(|identity| identity.grant))
    }

    /// A fresh token was shown. False if it is another's.
    pub fn renew(&self, identity: &Identity) -> bool {
        let same = self.principal() == Some(identity.principal);
        if same {
            self.state().renewed = Some(identity.grant);
        }
        same
    }

    /// The identity that others see, once `connected` is out.
    pub fn own(&self) -> Option<&Own> {
        self.own.get()
    }

    /// When it was accepted.
    pub fn opened(&self) -> Instant {
        self.opened
    }

    /// Pays for a frame that costs much. An error while its allowance is spent: the time until there is enough of it.
    pub(crate) fn pay(&self, cost: u32) -> Result<(), Duration> {
        let now = Instant::now();
        self.state().spent.get_or_insert_with(|| Box::new(Spent::nothing(now))).pay(cost, now)
    }

    /// Says in which sites its operator works.
    pub fn works_in(&self, scope: Scope) {
        self.state().scope = Some(Box::new(scope));
    }

    /// Whether its operator works in other sites than when it connected.
    pub fn is_out_of_scope(&self, now: &Scope) -> bool {
        self.state().scope.as_ref().is_some_and(|scope| **scope != *now)
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

    /// Sends a frame that is no news in itself; `at` says where it stands in a chat.
    pub fn tell_quietly(&self, frame: &ServerFrame, at: Option<(ChatId, Seq)>) {
        self.outlet.send_quietly(&Frame::from(frame), at);
    }

    /// Tells of a refusal that concerns no frame in particular.
    pub fn refuse(&self, error: ErrorBody) {
        self.tell(&ServerFrame::Error { client_id: None, chat_id: None, error });
    }

    /// Tells of the refusal of a frame, as it named itself.
    pub fn refuse_frame(&self, error: ErrorBody, client_id: Option<String>, chat_id: Option<ChatId>) {
        self.tell(&ServerFrame::Error { client_id, chat_id, error });
    }

    /// Says whose it is. False if that was said before.
    pub fn prove(&self, identity: Identity) -> bool {
        self.identity.set(identity).is_ok()
    }

    /// `connected` is out: from now on signals pass.
    pub fn introduce(&self, own: Own) {
        // Set once: a connection is opened once.
        let _ = self.own.set(own);
    }

    /// Closes it as soon as the frames that came are answered; later frames are not taken.
    pub fn close_when_served(&self, code: CloseCode, back_in: Duration) {
        let mut state = self.state();
        state.closing = Some((code, back_in));
        // Nobody need wait for a frame that is not taken.
        state.awaits_first = None;
        if !state.is_draining {
            self.outlet.close_until(code, Some(back_in));
        }
    }

    /// Whether it was told to close, or has closed.
    pub fn is_closing(&self) -> bool {
        self.state().closing.is_some() || self.outlet.is_closed()
    }

    /// It has opened. False if it has gone meanwhile: then nobody else will take it off the lists.
    pub fn finish_opening(&self) -> bool {
        let mut state = self.state();
        state.is_open = !state.is_gone;
        state.is_open
    }

    /// It waits for `resume` before anything goes out.
    #[must_use]
    pub fn expecting_resume(self, expects_resume: bool) -> Self {
        Self { expects_resume, ..self }
    }

    /// It brought its cursors with it, and is to be told the news after them.
    #[must_use]
    pub(crate) fn bringing(self, cursors: Box<[Cursors]>) -> Self {
        self.state().brought = Some(cursors);
        self
    }

    /// Whether it has cursors that it brought.
    pub(crate) fn has_brought(&self) -> bool {
        self.state().brought.is_some()
    }

    /// The cursors that it brought, once.
    pub(crate) fn take_brought(&self) -> Option<Box<[Cursors]>> {
        self.state().brought.take()
    }

    /// The transport is gone. Whether it had been open.
    pub fn mark_gone(&self) -> bool {
        let mut state = self.state();
        state.is_gone = true;
        state.is_open
    }

    /// Whether the transport is gone.
    pub fn is_gone(&self) -> bool {
        self.state().is_gone
    }
}

#[cfg(test)]
mod tests;
