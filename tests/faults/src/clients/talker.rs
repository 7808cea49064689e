//! Somebody who writes: over REST, or over the socket of its client. What is not answered is sent again under the same
//! `client_id` until it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::sleep;
use uuid::Uuid;

use super::account::Account;
use super::client::Command;
use super::rest::{Answer, Ask, Rest};
use super::unacked::Saying;
use crate::proxy::meter::MARK;
use crate::record::Who;
use crate::recorder::{Letter, Recorder};

/// One talker has at most so many messages under way: when nothing is answered, it falls silent.
const UNDER_WAY_MAX: usize = 8;
/// Of how many messages of staff in sessions one is a note.
const ONE_NOTE_IN: u32 = 4;
/// Characters of a usual message.
const USUAL_LENGTH: usize = 120;

/// A text of so many bytes is long.
const LONG: usize = 5000;

/// Chats to write into; they change while the run goes on.
pub type Chats = Arc<Mutex<Vec<i64>>>;

/// What a talker needs.
#[derive(Clone)]
pub struct Talker {
    /// Who writes.
    pub account: Arc<Account>,
    /// Into which chats.
    pub chats: Chats,
    /// Its client, if that has a socket.
    pub socket: Option<mpsc::UnboundedSender<Command>>,
    /// The chat-services.
    pub rest: Rest,
    /// The record.
    pub recorder: Recorder,
    /// Raised when no new message is to be begun.
    pub is_over: Arc<AtomicBool>,
    under_way: Arc<Semaphore>,
}

impl Talker {
    /// One that has written nothing yet.
    #[must_use]
    pub fn new(
        account: Arc<Account>,
        chats: Chats,
        socket: Option<mpsc::UnboundedSender<Command>>,
        (rest, recorder): (Rest, Recorder),
        is_over: Arc<AtomicBool>,
    ) -> Self {
        let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX));
        Self { account, chats, socket, rest, recorder, is_over, under_way }
    }

    /// Writes a message every so often on the average, until it is over or `messages` are written.
    pub async fn talk(self, every: Duration, messages: usize) {
        for _ in 0..messages {
            let pause = every.mul_f64(-rand::rng().random_range(0.0001_f64..1.0).ln());
            sleep(pause.min(every * 4)).await;
            let Ok(permit) = self.under_way.clone().acquire_owned().await else { return };
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            if let Some(chat) = self.pick_chat() {
                self.write(chat, USUAL_LENGTH, permit);
            }
        }
    }

    /// Writes long messages into one chat, one after the other, over REST.
    pub async fn flood(&self, chat: i64, messages: usize, length: usize) {
        let room = Arc::new(Semaphore::new(UNDER_WAY_MAX));
        for _ in 0..messages {
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            let (letter, ask) = self.compose_for_rest(chat, length, false);
            self.post(letter, ask, permit);
        }
        // All are answered when all permits are back.
        let _all = room.acquire_many(u32::try_from(UNDER_WAY_MAX).unwrap_or(u32::MAX)).await;
    }

    fn pick_chat(&self) -> Option<i64> {
        let chats = self.chats.lock().unwrap_or_else(PoisonError::into_inner);
        chats.choose(&mut rand::rng()).copied()
    }

    fn write(&self, chat: i64, length: usize, permit: OwnedSemaphorePermit) {
        let is_note = self.account.who.sees_notes() && rand::rng().random_ratio(1, ONE_NOTE_IN);
        match &self.socket {
            Some(socket) if rand::rng().random() => {
                let (letter, client_id, body) = self.compose(chat, length, is_note);
                let mut frame = json!({"type": "message", "chat_id": chat, "body": body, "client_id": client_id});
                if is_note {
                    frame["visibility"] = "staff".into();
                }
                // The client lives as long as its talker.
                let _sent = socket.send(Command::Say(Saying { letter, client_id, frame, permit }));
            }
            _ => {
                let (letter, ask) = self.compose_for_rest(chat, length, is_note);
                self.post(letter, ask, permit);
            }
        }
    }

    fn compose(&self, chat: i64, length: usize, is_note: bool) -> (Letter, Uuid, String) {
        let client_id = Uuid::new_v4();
        // Every body begins with what the proxies count, and no two are the same.
        let mut body = format!("{MARK}{client_id} ");
        // A text may have 10,000 characters; long ones are filled with characters of three bytes.
        let missing = length.saturating_sub(body.len());
        match length {
            ..LONG => body.extend(std::iter::repeat_n('.', missing)),
            _ => body.extend(std::iter::repeat_n('…', missing / '…'.len_utf8())),
        }
        let letter = self.recorder.sends(self.account.who, chat, client_id, &body, is_note);
        (letter, client_id, body)
    }

    fn compose_for_rest(&self, chat: i64, length: usize, is_note: bool) -> (Letter, Ask) {
        let (letter, client_id, body) = self.compose(chat, length, is_note);
        let mut message = json!({"body": body, "client_id": client_id});
        if is_note {
            message["visibility"] = "staff".into();
        }
        let path = format!("{}/messages", self.account.chat_path(chat));
        (letter, Ask::post(&path, &self.account.token(), message))
    }

    fn post(&self, letter: Letter, mut ask: Ask, permit: OwnedSemaphorePermit) {
        let talker = self.clone();
        tokio::spawn(async move {
            let _held = permit;
            loop {
                let tries = || talker.recorder.tries(letter);
                let answer = talker.rest.ask_until_answered(&ask, tries).await;
                if answer.wants_a_fresh_token() {
                    talker.account.renew(&talker.rest).await;
                    ask = ask.with_token(&talker.account.token());
                    continue;
                }
                return talker.note(letter, answer);
            }
        });
    }

    fn note(&self, letter: Letter, answer: Answer) {
        if !answer.is_good() {
            return self.recorder.refused(letter, &format!("{} {}", answer.status, answer.body));
        }
        match serde_json::from_value(answer.body) {
            Ok(message) => self.recorder.answered(letter, message),
            Err(why) => self.recorder.refused(letter, &format!("{} with no message: {why}", answer.status)),
        }
    }

    /// Whether it may write notes, and so whether it answers visitors.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        matches!(self.account.who, Who::Staff { .. })
    }
}
