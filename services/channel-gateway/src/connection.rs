//! One connection, whatever carries it: whose it is, what it watches, what it is sent, what waits for its turn.
//!
//! It knows nothing of the gateway around it; [`crate::lifecycle`] opens, serves and closes it.

use std::collections::VecDeque;
use std::hint::black_box;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chat_events::frame::{CloseCode, MAX_CLIENT_FRAME_BYTES, ServerFrame};
use chat_events::gateway_api::{Principal, TokenFacts};
use chat_events::{
    ChatId, ChatKind, ErrorBody, ErrorCode, Scope, SenderType, Seq, Signal, UserId, Visibility, WorkspaceVersion,
};
use tokio::sync::oneshot;

use crate::credentials::Identity;
use crate::frames::{ChatFrame, Frame};
use crate::transport::Outlet;
use crate::watch::watches::Watches;
use crate::watch::{Overflowed, Turn, Watch};

/// Frames of a client that wait for their turn. Beyond this its socket is not read.
const INBOX_MAX: usize = 32;
/// The same in bytes: a few of the largest.
const INBOX_MAX_BYTES: usize = 4 * MAX_CLIENT_FRAME_BYTES;
/// Live frames for staff kept until `connected` is out. Beyond this the connection is told to come again.
const EARLY_STAFF_MAX: usize = 1024;

/// One connection.
pub struct Connection {
    /// For logs, support, and signals that need not come back.
    pub id: String,
    /// `websocket` or `sse`.
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

/// Who the connection is to others.
#[derive(Debug, Clone)]
pub struct Own {
    /// The client's or user's id.
    pub id: i64,
    /// The name to show.
    pub name: Option<String>,
    /// The version of what is not of a chat that `connected` told it.
    pub workspace: Option<WorkspaceVersion>,
}

/// What became of a frame that came in.
#[derive(Debug, Clone, Copy)]
pub struct Queued {
    /// Whether more may be read.
    pub has_room: bool,
    /// Whether nobody serves the queue yet.
    pub is_first: bool,
}

/// How long it may stay.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// When the token's time is over.
    pub expires_at: Instant,
    /// When a client's session token was made, in seconds since 1970; 0 for others.
    pub token_made_at: i64,
    /// What a JWT says of itself.
    pub token: Option<TokenFacts>,
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
    inbox: VecDeque<String>,
    inbox_bytes: usize,
    /// Who waits for the first frame.
    awaits_first: Option<oneshot::Sender<()>>,
    is_draining: bool,
    was_full: bool,
    /// To be closed as soon as what came is answered.
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

    /// Whose it is, once proved.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.get()
    }

    /// Whose it is; who has not said so yet may do nothing.
    pub fn proved(&self) -> Result<&Identity, ErrorBody> {
        self.identity().ok_or_else(|| ErrorBody::new(ErrorCode::Unauthorized, "not proved yet"))
    }

    /// Whose it is.
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

    /// Who it is to others, once `connected` is out.
    pub fn own(&self) -> Option<&Own> {
        self.own.get()
    }

    /// When it was accepted.
    pub fn opened(&self) -> Instant {
        self.opened
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

    /// Sends a frame that says where it stands in a chat.
    pub fn tell_at(&self, frame: &ServerFrame, at: Option<(ChatId, Seq)>) {
        self.outlet.send(&Frame::from(frame), at);
    }

    /// Tells of a refusal that concerns no frame in particular.
    pub fn refuse(&self, error: ErrorBody) {
        self.tell(&ServerFrame::Error { client_id: None, chat_id: None, error });
    }

    /// Tells of the refusal of a frame, as it named itself.
    pub fn refuse_frame(&self, error: ErrorBody, client_id: Option<String>, chat_id: Option<ChatId>) {
        self.tell(&ServerFrame::Error { client_id, chat_id, error });
    }

    // --- sending ---------------------------------------------------------------------------------------------

    /// A live frame of a chat, from the hub. Never waits.
    pub fn deliver(&self, frame: &ChatFrame) {
        if !self.sees(frame.visibility) {
            return;
        }
        let mut state = self.state();
        let state = &mut *state;
        let send = match state.watches.get_mut(frame.chat_id) {
            Some(watch) => watch.offer(frame),
            None if !self.is_staff() => false,
            None if state.early.is_some() => {
                state.keep_early(frame);
                false
            }
            None => state.offer_staff(frame),
        };
        if send {
            self.outlet.send(&frame.frame, Some((frame.chat_id, frame.seq)));
        }
    }

    /// Has the processor fetch what [`Self::deliver`] is about to read.
    pub fn prefetch(&self) {
        black_box((self.identity.get().is_some(), self.state.is_poisoned(), self.opened));
        self.outlet.prefetch();
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

    /// Starts to watch a chat. None if it was watched already, or the transport is gone: nobody would end the watch.
    pub fn watch(&self, chat: ChatId, mut watch: Watch) -> Option<Turn> {
        let mut state = self.state();
        if state.is_gone {
            return None;
        }
        if state.watches.get(chat).is_some() {
            return None;
        }
        let turn = watch.turn;
        // What came for it while staff was connecting is the watch's from now on.
        for frame in state.take_early(chat) {
            if watch.offer(&frame) {
                self.outlet.send(&frame.frame, Some((chat, frame.seq)));
            }
        }
        state.watches.insert(chat, watch);
        state.left.retain(|left| *left != chat);
        Some(turn)
    }

    /// The user is a member of a chat since this position. True when somebody should see to it that it joins; while it is
    /// opening, and while an earlier invitation waits, somebody will. Who left a chat comes back only if `added` anew.
    pub fn is_invited(&self, chat: ChatId, since: Seq, added: bool) -> bool {
        let mut state = self.state();
        if added {
            state.left.retain(|left| *left != chat);
        }
        if state.watches.get(chat).is_some() || state.left.contains(&chat) {
            return false;
        }
        match state.invitations.iter_mut().find(|(invited, _)| *invited == chat) {
            Some((_, last)) => {
                *last = since.max(*last);
                false
            }
            None => {
                state.invitations.push((chat, since));
                state.accepts_invitations
            }
        }
    }

    /// Does not want to hear of a chat any more. Whether it did.
    pub fn leave(&self, chat: ChatId) -> bool {
        let mut state = self.state();
        if !state.left.contains(&chat) {
            state.left.push(chat);
        }
        state.unwatch(chat)
    }

    /// How many chats it watches.
    pub fn watch_count(&self) -> usize {
        self.state().watches.iter().count()
    }

    /// The chats that are live.
    pub fn live_chats(&self) -> Vec<ChatId> {
        let state = self.state();
        let live = state.watches.iter().filter(|(_, watch)| watch.live_from().is_some());
        live.map(|(chat, _)| chat).collect()
    }

    /// When it was added to a chat that it was invited to.
    pub fn take_invitation(&self, chat: ChatId) -> Option<Seq> {
        let mut state = self.state();
        let index = state.invitations.iter().position(|(invited, _)| *invited == chat)?;
        Some(state.invitations.swap_remove(index).1)
    }

    /// Its user was removed from a chat at this position, and who was live there was told so. One that came in again since
    /// stays; one that was still reading history is told that it is out. Whether it watches the chat no more.
    pub fn is_removed(&self, chat: ChatId, at: Seq) -> bool {
        let mut state = self.state();
        let Some(watch) = state.watches.get(chat) else { return true };
        if watch.outlasts(at) {
            return false;
        }
        if watch.live_from().is_none() && self.own().is_some() {
            self.tell(&ServerFrame::Unsubscribed { chat_id: chat });
        }
        state.unwatch(chat);
        true
    }

    /// Its user has no right to read a chat that stood here when that was asked. One that was found to have it later
    /// stays. Whether it watches the chat no more.
    pub fn is_taken_off(&self, chat: ChatId, asked_at: Seq) -> bool {
        let mut state = self.state();
        if state.watches.get(chat).is_some_and(|watch| watch.allowed_at() > asked_at) {
            return false;
        }
        if state.unwatch(chat) {
            self.tell(&ServerFrame::Unsubscribed { chat_id: chat });
        }
        true
    }

    /// The right to read a watched chat was found at this position.
    pub fn allow(&self, chat: ChatId, turn: Turn, at: Seq) {
        let mut state = self.state();
        if let Some(watch) = state.watches.get_mut(chat).filter(|watch| watch.turn == turn) {
            watch.allow(at);
        }
    }

    /// It was told of a chat up to here, and is not in it any more.
    pub fn saw(&self, chat: ChatId, to: Seq) {
        self.state().saw(chat, to);
    }

    /// How far it was told of a chat that it is not in any more: what came before is not told again.
    pub fn seen(&self, chat: ChatId) -> Seq {
        let state = self.state();
        state.seen.iter().find(|(seen, _)| *seen == chat).map_or(Seq::ZERO, |(_, seq)| *seq)
    }

    /// Whether it watches a chat.
    pub fn is_watching(&self, chat: ChatId) -> bool {
        self.state().watches.get(chat).is_some()
    }

    /// Whether a watch is still the one that it was.
    pub fn is_on(&self, chat: ChatId, turn: Turn) -> bool {
        self.turn(chat) == Some(turn)
    }

    /// Which watch of a chat it is.
    pub fn turn(&self, chat: ChatId) -> Option<Turn> {
        self.with_watch(chat, |watch| watch.turn)
    }

    /// Stops a watch, unless another has taken its place.
    pub fn end_watch(&self, chat: ChatId, turn: Turn) {
        let mut state = self.state();
        if state.watches.get(chat).is_some_and(|watch| watch.turn == turn) {
            state.unwatch(chat);
        }
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
    pub fn go_live(&self, chat: ChatId, turn: Turn, after: Seq, reached: Seq) -> Result<(), Overflowed> {
        let mut state = self.state();
        let Some(watch) = state.watches.get_mut(chat).filter(|watch| watch.turn == turn) else { return Ok(()) };
        let frames = watch.go_live(after, reached)?;
        frames.iter().for_each(|frame| self.outlet.send(&frame.frame, Some((chat, frame.seq))));
        Ok(())
    }

    fn with_watch<T>(&self, chat: ChatId, look: impl FnOnce(&mut Watch) -> T) -> Option<T> {
        self.state().watches.get_mut(chat).map(look)
    }

    // --- listening -------------------------------------------------------------------------------------------

    /// A text frame came. They wait here for their turn.
    pub fn queue(&self, text: String) -> Queued {
        let mut state = self.state();
        if state.closing.is_some() {
            // Unanswered: the client sends it again when it is back.
            return Queued { has_room: true, is_first: false };
        }
        state.inbox_bytes += text.len();
        state.inbox.push_back(text);
        if let Some(waits) = state.awaits_first.take() {
            // Who waited too long does not need it.
            let _ = waits.send(());
        }
        let has_room = state.has_room();
        state.was_full |= !has_room;
        Queued { has_room, is_first: !std::mem::replace(&mut state.is_draining, true) }
    }

    /// Waits for the first frame of the queue, if `wanted` accepts its text; else it stays there. None also when there is
    /// none in time.
    pub async fn first_frame<T>(&self, within: Duration, wanted: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let waits = {
            let mut state = self.state();
            let (tell, waits) = oneshot::channel();
            if state.inbox.is_empty() {
                state.awaits_first = Some(tell);
            }
            state.inbox.is_empty().then_some(waits)
        };
        if let Some(waits) = waits {
            let _ = tokio::time::timeout(within, waits).await;
        }
        let mut state = self.state();
        state.awaits_first = None;
        let taken = wanted(state.inbox.front()?);
        if taken.is_some() {
            state.take_frame();
            // More may follow that belongs to it: it must not wait until all else is served.
            if state.was_full && state.has_room() {
                self.outlet.read_on();
            }
        }
        taken
    }

    /// Whether frames may be read again.
    pub fn has_room(&self) -> bool {
        self.state().has_room()
    }

    /// When what came is served, its socket is told, as if its inbox had been full.
    pub fn tell_when_served(&self) {
        self.state().was_full = true;
    }

    /// The next frame of the queue. After none, the next that comes is the first again; it breaks with whether the queue was
    /// full meanwhile.
    pub fn next_frame(&self) -> ControlFlow<bool, String> {
        let mut state = self.state();
        if let Some(text) = state.take_frame() {
            return ControlFlow::Continue(text);
        }
        state.is_draining = false;
        state.inbox = VecDeque::new();
        if let Some((code, back_in)) = state.closing {
            self.outlet.close_until(code, Some(back_in));
        }
        ControlFlow::Break(std::mem::take(&mut state.was_full))
    }

    // --- opening and closing ---------------------------------------------------------------------------------

    /// Says whose it is. False if that was said before.
    pub fn prove(&self, identity: Identity) -> bool {
        self.identity.set(identity).is_ok()
    }

    /// `connected` is out: from now on signals pass.
    pub fn introduce(&self, own: Own) {
        // Set once: a connection is opened once.
        let _ = self.own.set(own);
    }

    /// Sends staff what came while it was connecting.
    pub fn send_early(&self) -> Result<(), ErrorBody> {
        self.state().send_early(&*self.outlet)
    }

    /// The chats that a user was added to while it was connecting. Those of later invitations are for the hub to tell.
    pub fn take_invitations(&self) -> Vec<(ChatId, Seq)> {
        let mut state = self.state();
        state.accepts_invitations = true;
        std::mem::take(&mut state.invitations)
    }

    /// Closes it as soon as the frames that came are answered; what comes from now on is not taken.
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
    pub fn opened_at_last(&self) -> bool {
        let mut state = self.state();
        state.is_open = !state.is_gone;
        state.is_open
    }

    /// It waits for `resume` before anything goes out.
    #[must_use]
    pub fn expecting_resume(self, expects_resume: bool) -> Self {
        Self { expects_resume, ..self }
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

    /// Stops watching all chats, and names them.
    pub fn unwatch_all(&self) -> Vec<ChatId> {
        self.state().watches.take_all()
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.inbox.len() < INBOX_MAX && self.inbox_bytes < INBOX_MAX_BYTES
    }

    fn take_frame(&mut self) -> Option<String> {
        let text = self.inbox.pop_front()?;
        self.inbox_bytes -= text.len();
        Some(text)
    }

    /// Stops a watch, and keeps how far it came.
    fn unwatch(&mut self, chat: ChatId) -> bool {
        let Some(watch) = self.watches.remove(chat) else { return false };
        if let Some(to) = watch.live_to() {
            self.saw(chat, to);
        }
        true
    }

    fn saw(&mut self, chat: ChatId, to: Seq) {
        match self.seen.iter_mut().find(|(seen, _)| *seen == chat) {
            Some((_, seq)) => *seq = to.max(*seq),
            None => self.seen.push((chat, to)),
        }
    }

    /// Staff is told of every session: the first frame of one starts its watch.
    fn offer_staff(&mut self, frame: &ChatFrame) -> bool {
        if let Some(watch) = self.watches.get_mut(frame.chat_id) {
            return watch.offer(frame);
        }
        let mut watch = Watch::live(ChatKind::Session, Seq(frame.seq.0 - 1));
        let first = watch.offer(frame);
        self.watches.insert(frame.chat_id, watch);
        first
    }

    fn take_early(&mut self, chat: ChatId) -> Vec<ChatFrame> {
        let Some(early) = &mut self.early else { return Vec::new() };
        early.extract_if(.., |frame| frame.chat_id == chat).collect()
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

#[cfg(test)]
mod tests {
    use chat_events::Visibility;
    use chat_events::frame::CloseCode;
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;

    use super::*;

    /// Nobody is at the other end.
    struct Nowhere;

    impl Outlet for Nowhere {
        fn send(&self, _: &Frame, _: Option<(ChatId, Seq)>) {}
        fn close_until(&self, _: CloseCode, _: Option<Duration>) {}
        fn below(&self, _: usize) -> BoxFuture<'_, ()> {
            std::future::ready(()).boxed()
        }
        fn is_closed(&self) -> bool {
            false
        }
    }

    /// Keeps what is sent.
    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl Kept {
        fn sent(&self) -> Vec<String> {
            self.0.lock().expect("nobody panics").clone()
        }
    }

    impl Outlet for Kept {
        fn send(&self, frame: &Frame, _: Option<(ChatId, Seq)>) {
            let json = String::from_utf8(frame.json().to_vec()).expect("JSON");
            self.0.lock().expect("nobody panics").push(json);
        }
        fn close_until(&self, _: CloseCode, _: Option<Duration>) {}
        fn below(&self, _: usize) -> BoxFuture<'_, ()> {
            std::future::ready(()).boxed()
        }
        fn is_closed(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_few_of_the_largest_frames_fill_an_inbox_as_many_small_ones_do() {
        let full_after = |length: usize| {
            let connection = Connection::new("c".to_owned(), "websocket", Arc::new(Nowhere), true);
            let taken = (1..).find(|_| !connection.queue("x".repeat(length)).has_room);
            assert!(!connection.has_room());
            assert!(matches!(connection.next_frame(), ControlFlow::Continue(_)));
            assert!(connection.has_room());
            taken
        };
        assert_eq!((full_after(1), full_after(MAX_CLIENT_FRAME_BYTES)), (Some(32), Some(4)));
    }

    #[test]
    fn who_is_gone_watches_nothing_any_more() {
        let connection = Connection::new("c".to_owned(), "websocket", Arc::new(Nowhere), true);
        assert!(connection.watch(ChatId(1), Watch::joining(ChatKind::Group)).is_some());
        connection.mark_gone();
        assert_eq!(connection.unwatch_all(), [ChatId(1)]);
        assert!(connection.watch(ChatId(1), Watch::joining(ChatKind::Group)).is_none());
        assert!(connection.unwatch_all().is_empty());
    }

    #[test]
    fn who_is_taken_out_of_a_chat_remembers_how_far_it_was_told() {
        let chat = ChatId(1);
        let connection = Connection::new("c".to_owned(), "websocket", Arc::new(Nowhere), true);
        assert_eq!(connection.seen(chat), Seq::ZERO);
        let mut watch = Watch::live(ChatKind::Group, Seq(4));
        let frame = ChatFrame { chat_id: chat, seq: Seq(7), visibility: Visibility::Public, frame: Frame::text("{}") };
        assert!(watch.offer(&frame));
        assert!(connection.watch(chat, watch).is_some());
        assert!(connection.is_removed(chat, Seq(7)));
        assert_eq!(connection.seen(chat), Seq(7));
        // It came back, read a part of history, and was taken out again.
        connection.saw(chat, Seq(12));
        connection.saw(chat, Seq(9));
        assert_eq!(connection.seen(chat), Seq(12));
    }

    #[test]
    fn a_removal_from_before_the_user_came_in_again_ends_no_watch() {
        let (chat, group) = (ChatId(1), ChatKind::Group);
        let connection = Connection::new("c".to_owned(), "websocket", Arc::new(Nowhere), true);
        // It has read beyond the removal, and history said nothing of it any more.
        connection.watch(chat, Watch::live(group, Seq(30)));
        assert!(!connection.is_removed(chat, Seq(20)) && connection.is_watching(chat));
        assert!(connection.is_removed(chat, Seq(30)) && !connection.is_watching(chat));
        // It still reads, and was found to be a member above the removal.
        let turn = connection.watch(chat, Watch::joining(group)).expect("the first");
        connection.allow(chat, turn, Seq(40));
        assert!(!connection.is_removed(chat, Seq(35)) && connection.is_on(chat, turn));
        assert!(connection.is_removed(chat, Seq(41)) && !connection.is_watching(chat));
        // It was no member when that was asked, and was found to be one later.
        let turn = connection.watch(chat, Watch::joining(group)).expect("the first again");
        connection.allow(chat, turn, Seq(50));
        assert!(!connection.is_taken_off(chat, Seq(49)) && connection.is_on(chat, turn));
        assert!(connection.is_taken_off(chat, Seq(50)) && !connection.is_watching(chat));
    }

    #[test]
    fn who_is_removed_while_it_reads_is_told_so_and_who_was_live_had_the_frame() {
        let outlet = Arc::new(Kept::default());
        let (chat, group) = (ChatId(1), ChatKind::Group);
        let connection = Connection::new("c".to_owned(), "websocket", outlet.clone(), true);
        connection.watch(chat, Watch::joining(group));
        assert!(connection.is_removed(chat, Seq(1)));
        assert!(outlet.sent().is_empty(), "nothing goes out before connected");
        connection.introduce(Own { id: 9, name: None, workspace: None });
        connection.watch(chat, Watch::live(group, Seq(1)));
        assert!(connection.is_removed(chat, Seq(2)));
        assert!(outlet.sent().is_empty());
        connection.watch(chat, Watch::joining(group));
        assert!(connection.is_removed(chat, Seq(3)));
        assert_eq!(outlet.sent(), [r#"{"type":"unsubscribed","chat_id":1}"#]);
    }
}
