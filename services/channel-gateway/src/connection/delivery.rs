//! The outgoing frames of a connection: live frames, history, signals. Frames for staff that come before `connected` is
//! out are kept until then.

use std::hint::black_box;

use chat_events::{ChatId, ChatKind, ErrorBody, ErrorCode, Seq, Signal, Visibility};

use super::{Connection, State};
use crate::catch_up::watch::Watch;
use crate::transport::Outlet;
use crate::transport::frames::{ChatFrame, Frame};

/// Live frames for staff kept until `connected` is out. Beyond this the connection is told to come again.
const EARLY_STAFF_MAX: usize = 1024;

impl Connection {
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

    /// Sends staff the frames that came while it was connecting.
    pub fn send_early(&self) -> Result<(), ErrorBody> {
        self.state().send_early(&*self.outlet)
    }
}

impl State {
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

    pub(super) fn take_early(&mut self, chat: ChatId) -> Vec<ChatFrame> {
        let Some(early) = &mut self.early else { return Vec::new() };
        early.extract_if(.., |frame| frame.chat_id == chat).collect()
    }

    /// Sends the frames that came while staff was connecting. Under the lock, so that nothing newer goes out before
    /// them.
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
