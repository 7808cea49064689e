//! What a client does with each frame that comes.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::link::{Ended, Link};
use super::super::rest::{ChatsPage, Listed};
use super::{Client, Fetched, Setting};
use crate::frame::{Frame, Incoming, What};
use crate::record::{Transport, Who};

impl Client {
    pub(super) async fn hear(&mut self, link: &mut Link, frame: Option<Incoming>) -> Result<(), Ended> {
        self.connection.heard = Instant::now();
        let Some(frame) = frame else { return Ok(()) };
        self.trace.hears(self.setting.recorder.now(), self.connection.number, &frame);
        if let Some(durable) = frame.durable() {
            return self.take(link, durable).await;
        }
        match frame.kind.as_str() {
            "connected" => self.connected(link, &frame).await,
            "subscribed" => self.subscribed(link, &frame).await,
            "ping" => link.send(&json!({"type": "pong"})).await,
            // This client asks for none: it was taken out, and no event could say so. What comes after it is no sequel.
            "unsubscribed" => {
                frame.chat().into_iter().for_each(|chat| self.leave(chat));
                Ok(())
            }
            "resync" => {
                self.resync(&frame);
                Ok(())
            }
            "ack" => {
                self.acknowledged(frame);
                Ok(())
            }
            "error" => self.refused(&frame),
            _ => Ok(()),
        }
    }

    async fn connected(&mut self, link: &mut Link, frame: &Incoming) -> Result<(), Ended> {
        let Setting { recorder, viewer, .. } = &self.setting;
        self.connection.number = recorder.connected(*viewer, self.connection.came_back, self.connection.opened_at);
        self.connection.is_open = true;
        self.epoch = frame.data["epoch"].as_i64().unwrap_or_default();
        self.setting.account.keep_ticket(frame.data["resume_ticket"].as_str());
        let page = ChatsPage::of_connected(&frame.data);
        if let Some(chat) = page.chats.last() {
            self.connection.top = chat.seq;
        }
        self.unacked.all_again();
        self.write_what_is_due(link).await?;
        match self.setting.account.who {
            Who::Visitor { .. } => {
                self.told_of_states(&page);
                Ok(())
            }
            Who::User { .. } => self.list(link, page).await,
            Who::Staff { .. } => {
                let (rest, token) = (self.setting.rest.clone(), self.setting.account.token());
                self.connection.fetches.spawn(async move { Fetched::Sessions(rest.sessions(&token).await) });
                let known = self.screen.cursors().keys().copied().collect();
                self.catch_up_all(link, known).await
            }
        }
    }

    fn told_of_states(&self, page: &ChatsPage) {
        let Setting { recorder, viewer, .. } = &self.setting;
        page.chats.iter().for_each(|chat| recorder.told_of_state(*viewer, chat.chat_id, chat.state_seq));
    }

    /// A page of this user's chats: what was missed is fetched, and the next page asked for.
    async fn list(&mut self, link: &mut Link, page: ChatsPage) -> Result<(), Ended> {
        self.told_of_states(&page);
        for Listed { chat_id: chat, seq: top, .. } in page.chats {
            if !self.connection.listed.insert(chat) || self.is_caught_up_already(chat) {
                continue;
            }
            let listing = self.screen.listed(chat, top);
            self.show_missed(listing.show);
            if listing.fetch {
                self.catch_up(link, chat).await?;
            }
        }
        if let Some(next) = page.next {
            let (rest, token) = (self.setting.rest.clone(), self.setting.account.token());
            self.connection.fetches.spawn(async move { Fetched::Chats(rest.chats(&token, &next).await) });
        }
        Ok(())
    }

    /// Whether what was missed of a chat is being fetched, though no page listed it: over a stream it is fetched at the
    /// first frame, over a socket when the server brings the user in.
    fn is_caught_up_already(&self, chat: i64) -> bool {
        let is_read = self.setting.transport == Transport::EventStream && self.screen.waits_for(chat);
        is_read || self.connection.asked.contains(&chat)
    }

    async fn catch_up_all(&mut self, link: &mut Link, chats: Vec<i64>) -> Result<(), Ended> {
        for chat in chats {
            if self.screen.wait_for(chat) {
                self.catch_up(link, chat).await?;
            }
        }
        Ok(())
    }

    /// Fetches what was missed of a chat that waits for it.
    async fn catch_up(&mut self, link: &mut Link, chat: i64) -> Result<(), Ended> {
        self.connection.progress = Instant::now();
        let after = self.screen.cursor(chat);
        self.trace.asks(self.setting.recorder.now(), &format!("catches up with chat {chat} after {after}"));
        if self.setting.transport == Transport::WebSocket {
            self.connection.asked.insert(chat);
            let subscribe = json!({"type": "subscribe", "chat_id": chat, "after": after, "epoch": self.epoch});
            return link.send(&subscribe).await;
        }
        let (rest, account) = (self.setting.rest.clone(), self.setting.account.clone());
        self.connection.fetches.spawn(async move {
            let history = rest.history(&account.chat_path(chat), &account.token(), after).await;
            Fetched::History(chat, history)
        });
        Ok(())
    }

    pub(super) async fn fetched(&mut self, link: &mut Link, fetched: Fetched) -> Result<(), Ended> {
        self.connection.progress = Instant::now();
        match fetched {
            Fetched::Sessions(Some(sessions)) => {
                for (chat, state_seq) in &sessions {
                    self.setting.recorder.told_of_state(self.setting.viewer, *chat, *state_seq);
                }
                self.catch_up_all(link, sessions.into_iter().map(|(chat, _)| chat).collect()).await
            }
            // An operator lost the site of this session, perhaps while it asked.
            Fetched::History(chat, Some(history)) if history.is_gone && self.is_staff() => {
                self.leave(chat);
                Ok(())
            }
            Fetched::History(_, Some(history)) if history.is_gone => Err(Ended::GivenUp),
            Fetched::History(chat, Some(history)) => {
                let (now, rows) = (self.setting.recorder.now(), history.frames.len());
                self.trace.asks(now, &format!("read {rows} messages of chat {chat} up to {}", history.reached));
                let reading = self.screen.read(chat, history.frames, history.reached);
                self.show_missed(reading.show);
                reading.passed_over.iter().for_each(|frame| self.keep_state(frame));
                Ok(())
            }
            Fetched::Chats(Some(page)) => self.list(link, page).await,
            Fetched::Sessions(None) | Fetched::Chats(None) | Fetched::History(_, None) => Err(Ended::GivenUp),
        }
    }

    async fn subscribed(&mut self, link: &mut Link, frame: &Incoming) -> Result<(), Ended> {
        let Some(chat) = frame.chat() else { return Ok(()) };
        self.connection.progress = Instant::now();
        let state_seq = frame.data["state_seq"].as_i64().unwrap_or_default();
        self.setting.recorder.told_of_state(self.setting.viewer, chat, state_seq);
        if !frame.invited && self.connection.asked.remove(&chat) {
            let frames = self.screen.subscribed(chat);
            self.show_missed(frames);
            return Ok(());
        }
        // The server brought this user into a chat by itself, from there on; what was before is asked for, unless it
        // is being read already.
        let is_new = self.screen.wait_for(chat);
        if is_new || self.setting.transport == Transport::WebSocket { self.catch_up(link, chat).await } else { Ok(()) }
    }

    async fn take(&mut self, link: &mut Link, frame: Frame) -> Result<(), Ended> {
        let is_missed = frame.seq <= self.connection.top && matches!(self.setting.account.who, Who::Visitor { .. });
        let own_change = self.own_change(&frame);
        let chat = frame.chat;
        let step = self.screen.take(frame);
        if let Some(frame) = step.show {
            if is_missed {
                self.show_missed(vec![frame]);
            } else {
                self.show(frame);
            }
        }
        step.passed_over.iter().for_each(|frame| self.keep_state(frame));
        if own_change == Some(false) {
            self.leave(chat);
        }
        match step.fetch {
            // A page that lists the chat is on its way; and who is brought into a chat over a socket is told `subscribed`
            // next, also where this is all it is told.
            Some(_) if self.is_user() && self.setting.transport == Transport::WebSocket => Ok(()),
            Some(chat) => self.catch_up(link, chat).await,
            None => Ok(()),
        }
    }

    /// The chat is gone, and with it the answer to what was asked of it: a `subscribed` that comes later is of another stay,
    /// and what was missed until then is still to be asked for.
    fn leave(&mut self, chat: i64) {
        self.connection.asked.remove(&chat);
        self.screen.leave(chat);
    }

    /// Whether it tells that this user itself came into the chat, or was taken out.
    fn own_change(&self, frame: &Frame) -> Option<bool> {
        match (&frame.what, self.setting.account.who) {
            (What::Member { user, is_in }, Who::User { user: own }) if *user == own => Some(*is_in),
            _ => None,
        }
    }

    fn is_staff(&self) -> bool {
        matches!(self.setting.account.who, Who::Staff { .. })
    }

    fn is_user(&self) -> bool {
        matches!(self.setting.account.who, Who::User { .. })
    }

    fn show_missed(&mut self, frames: Vec<Frame>) {
        if self.connection.came_back && !frames.is_empty() && !self.connection.got_news {
            self.connection.got_news = true;
            self.setting.recorder.missed_and_got(self.setting.viewer);
        }
        frames.into_iter().for_each(|frame| self.show(frame));
    }

    fn show(&self, frame: Frame) {
        self.setting.recorder.shows(self.setting.viewer, self.connection.number, frame);
    }

    /// The history that this client has read beyond the frame has messages alone: a state is kept by its own number.
    fn keep_state(&self, frame: &Frame) {
        if let What::State { state_seq } = frame.what {
            self.setting.recorder.told_of_state(self.setting.viewer, frame.chat, state_seq);
        }
    }

    fn resync(&mut self, frame: &Incoming) {
        match frame.why.as_deref().unwrap_or_default() {
            // A stream of several chats is meant to be told so: this client reads them all over REST anyway.
            "several" => {}
            // It was taken out of these while it was away.
            "gone" if self.is_user() || self.is_staff() => frame.chats.iter().for_each(|chat| self.leave(*chat)),
            why => self.setting.recorder.refusal(self.setting.viewer, &format!("resync: {why}")),
        }
    }

    fn acknowledged(&mut self, frame: Incoming) {
        let saying = frame.client_id.and_then(|client_id| self.unacked.take(client_id));
        match (saying, serde_json::from_value(frame.data)) {
            (Some(saying), Ok(message)) => self.setting.recorder.answered(saying.letter, message),
            (Some(_), Err(_)) => self.setting.recorder.refusal(self.setting.viewer, "an ack without its message"),
            (None, _) => {}
        }
    }

    fn refused(&mut self, frame: &Incoming) -> Result<(), Ended> {
        let code = frame.error["code"].as_str().unwrap_or_default();
        let is_passing = matches!(code, "unavailable" | "internal" | "rate_limited");
        match frame.client_id {
            Some(client_id) if is_passing => self.unacked.soon_again(client_id),
            Some(client_id) => {
                if let Some(saying) = self.unacked.take(client_id) {
                    self.setting.recorder.refused(saying.letter, &Value::to_string(&frame.error));
                }
            }
            // An operator asks of all sessions that it knows, also of a site that it lost.
            None if self.is_staff() && code == "not_found" => {
                frame.chat().into_iter().for_each(|chat| self.leave(chat));
            }
            // What was asked for is not coming: begin anew.
            None => return Err(Ended::GivenUp),
        }
        Ok(())
    }
}
