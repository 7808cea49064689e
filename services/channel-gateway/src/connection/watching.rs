//! The chats of a connection: the chats that it watches, that its user was added to, and that it was taken out of.

use chat_events::frame::ServerFrame;
use chat_events::{ChatId, ChatKind, Seq};

use super::{Connection, State};
use crate::catch_up::watch::{Overflowed, Watch, WatchGeneration};

impl Connection {
    /// Starts to watch a chat. None if it was watched already, or the transport is gone: nobody would end the watch.
    pub fn watch(&self, chat: ChatId, mut watch: Watch) -> Option<WatchGeneration> {
        let mut state = self.state();
        if state.is_gone {
            return None;
        }
        if state.watches.get(chat).is_some() {
            return None;
        }
        let generation = watch.generation;
        // Frames for this chat that came while staff was connecting belong to the watch from now on.
        for frame in state.take_early(chat) {
            if watch.offer(&frame) {
                self.outlet.send(&frame.frame, Some((chat, frame.seq)));
            }
        }
        state.watches.insert(chat, watch);
        state.left.retain(|left| *left != chat);
        Some(generation)
    }

    /// The user is a member of a chat since this position. True when the caller should see to the join; while the
    /// connection is opening, and while an earlier invitation waits, another task will. A user who left a chat comes
    /// back only if `added` anew.
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
        let (was_watched, was_invited) = (state.unwatch(chat), state.take_invitation(chat).is_some());
        // Only a chat of its own is remembered: an id that means nothing to it would be kept for as long as it lives.
        if (was_watched || was_invited) && !state.left.contains(&chat) {
            state.left.push(chat);
        }
        was_watched
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
        self.state().take_invitation(chat)
    }

    /// Its user was removed from a chat at this position, and live listeners there were told so. A connection that came
    /// in again since stays; one that was still reading history is told that it is out. Returns whether it watches the
    /// chat no more.
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

    /// Its user has no right to read a chat that stood here when that was asked. A connection that was found to have
    /// the right later stays. Returns whether it watches the chat no more.
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
    pub fn allow(&self, chat: ChatId, generation: WatchGeneration, at: Seq) {
        let mut state = self.state();
        if let Some(watch) = state.watches.get_mut(chat).filter(|watch| watch.generation == generation) {
            watch.allow(at);
        }
    }

    /// It was told of a chat up to here, and is not in it any more.
    pub fn saw(&self, chat: ChatId, to: Seq) {
        self.state().saw(chat, to);
    }

    /// How far it was told of a chat that it is not in any more: earlier changes are not told again.
    pub fn seen(&self, chat: ChatId) -> Seq {
        let state = self.state();
        state.seen.iter().find(|(seen, _)| *seen == chat).map_or(Seq::ZERO, |(_, seq)| *seq)
    }

    /// Whether it watches a chat.
    pub fn is_watching(&self, chat: ChatId) -> bool {
        self.state().watches.get(chat).is_some()
    }

    /// Whether the watch of a chat is still of this generation.
    pub fn is_on(&self, chat: ChatId, generation: WatchGeneration) -> bool {
        self.generation(chat) == Some(generation)
    }

    /// Which watch of a chat it is.
    pub fn generation(&self, chat: ChatId) -> Option<WatchGeneration> {
        self.with_watch(chat, |watch| watch.generation)
    }

    /// Stops a watch, unless another has taken its place.
    pub fn end_watch(&self, chat: ChatId, generation: WatchGeneration) {
        let mut state = self.state();
        if state.watches.get(chat).is_some_and(|watch| watch.generation == generation) {
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

    /// History was read up to `reached`: sends the frames that came meanwhile, in one go, and is live.
    pub fn go_live(
        &self,
        chat: ChatId,
        generation: WatchGeneration,
        after: Seq,
        reached: Seq,
    ) -> Result<(), Overflowed> {
        let mut state = self.state();
        let Some(watch) = state.watches.get_mut(chat).filter(|watch| watch.generation == generation) else {
            return Ok(());
        };
        let frames = watch.go_live(after, reached)?;
        frames.iter().for_each(|frame| self.outlet.send(&frame.frame, Some((chat, frame.seq))));
        Ok(())
    }

    fn with_watch<T>(&self, chat: ChatId, look: impl FnOnce(&mut Watch) -> T) -> Option<T> {
        self.state().watches.get_mut(chat).map(look)
    }

    /// The chats that a user was added to while it was connecting. The chats of later invitations are for the hub to
    /// tell.
    pub fn take_invitations(&self) -> Vec<(ChatId, Seq)> {
        let mut state = self.state();
        state.accepts_invitations = true;
        std::mem::take(&mut state.invitations)
    }

    /// Stops watching all chats, and names them.
    pub fn unwatch_all(&self) -> Vec<ChatId> {
        self.state().watches.take_all()
    }
}

impl State {
    /// Stops a watch, and keeps how far it came.
    fn unwatch(&mut self, chat: ChatId) -> bool {
        let Some(watch) = self.watches.remove(chat) else { return false };
        if let Some(to) = watch.live_to() {
            self.saw(chat, to);
        }
        true
    }

    fn take_invitation(&mut self, chat: ChatId) -> Option<Seq> {
        let index = self.invitations.iter().position(|(invited, _)| *invited == chat)?;
        Some(self.invitations.swap_remove(index).1)
    }

    fn saw(&mut self, chat: ChatId, to: Seq) {
        match self.seen.iter_mut().find(|(seen, _)| *seen == chat) {
            Some((_, seq)) => *seq = to.max(*seq),
            None => self.seen.push((chat, to)),
        }
    }
}
