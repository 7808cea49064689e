//! One batch: as one statement the messages that are nothing out of the ordinary, and each of the others alone.
//!
//! The statement leaves out messages that it cannot simply write: a refusal, a repeat, a closed session that is to be
//! opened again, a chat that another transaction has locked. Such messages go the slower way, chat by chat and in their
//! order, while the writer is already at its next batch. So none of them can harm a message that only happened to come
//! with it.

use std::collections::{HashMap, HashSet};

use chat_events::gateway_api::Principal;
use chat_events::{ChatId, Message};
use uuid::Uuid;

use super::{Batch, NewMessage, OnTheirWay, Sends, Sent, Waiting, alone, statement};
use crate::db::Connection;
use crate::error::Error;
use crate::writes::WRITE_ENDS_WITHIN;

/// Writes a batch and answers each sender.
pub(super) async fn write(sends: &Sends, batch: Batch) {
    let mut on_their_way = OnTheirWay::new(sends, batch.chats);
    sends.0.metrics.batched(batch.messages.len());
    // A sender that has waited that long was told that it failed.
    let still_wanted = batch.messages.into_iter().filter(|waiting| waiting.since.elapsed() < WRITE_ENDS_WITHIN);
    let (together, mut alone) = apart(still_wanted);
    let news: Vec<&NewMessage> = together.iter().map(|waiting| &waiting.new).collect();
    let written = match as_one_statement(sends, &news).await {
        Err(Error::Unavailable(why)) => return refuse_all(together.into_iter().chain(alone), &why),
        Err(error) => {
            tracing::debug!(%error, "a batch is written one by one");
            together.iter().map(|_| None).collect()
        }
        Ok(written) => written,
    };
    let (done, left) = by_outcome(together, written);
    alone.extend(left);
    let mut rest = by_chat(alone);
    on_their_way.give_back(|chat| !rest.contains_key(&chat));
    for chat in std::mem::take(&mut on_their_way.chats) {
        let waiting = rest.remove(&chat).unwrap_or_default();
        sends.0.writes.spawn(write_alone(OnTheirWay::new(sends, vec![chat]), chat, waiting));
    }
    for (waiting, message) in done {
        waiting.written(sends, message);
    }
}

async fn as_one_statement(sends: &Sends, news: &[&NewMessage]) -> Result<Vec<Option<Message>>, Error> {
    let Sends(shared) = sends;
    let write = async |conn: &mut Connection| statement::write(conn, news, shared.changes.lanes()).await;
    shared.database.until_silent(shared.database.get_for_batch(), write).await
}

/// The messages of one chat that the statement left out. If they are several, the chat is likely locked, by another
/// process that writes in it too: then all wait together for their turn.
async fn write_alone(on_its_way: OnTheirWay, chat: ChatId, waiting: Vec<Waiting>) {
    let sends = on_its_way.sends.clone();
    let left = if waiting.len() > 1 { write_in_turn(&sends, chat, waiting).await } else { waiting };
    for waiting in left {
        let result = alone::send(&sends.0.changes, waiting.new.clone()).await;
        waiting.answer(&sends, result);
    }
    drop(on_its_way);
}

/// Returns the messages that are still not written.
async fn write_in_turn(sends: &Sends, chat: ChatId, waiting: Vec<Waiting>) -> Vec<Waiting> {
    let Sends(shared) = sends;
    let (together, alone) = apart(waiting);
    let news: Vec<&NewMessage> = together.iter().map(|waiting| &waiting.new).collect();
    let write = async |conn: &mut Connection| statement::write_in_turn(conn, chat, &news, shared.changes.lanes()).await;
    let written = shared
        .database
        .until_silent(shared.database.get(), write)
        .await
        .unwrap_or_else(|_| together.iter().map(|_| None).collect());
    let (done, mut left) = by_outcome(together, written);
    for (waiting, message) in done {
        waiting.written(sends, message);
    }
    left.extend(alone);
    left
}

/// The messages that can be in one statement, and repeats of them, which have to come after it.
fn apart(waiting: impl IntoIterator<Item = Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
    let mut known: HashSet<(ChatId, Principal, Uuid)> = HashSet::new();
    waiting.into_iter().partition(|Waiting { new, .. }| known.insert((new.chat, new.actor.principal, new.client_id)))
}

fn by_outcome(batch: Vec<Waiting>, written: Vec<Option<Message>>) -> (Vec<(Waiting, Message)>, Vec<Waiting>) {
    let (mut done, mut left) = (Vec::with_capacity(batch.len()), Vec::new());
    for (waiting, message) in batch.into_iter().zip(written) {
        match message {
            Some(message) => done.push((waiting, message)),
            None => left.push(waiting),
        }
    }
    (done, left)
}

fn by_chat(waiting: Vec<Waiting>) -> HashMap<ChatId, Vec<Waiting>> {
    let mut chats: HashMap<ChatId, Vec<Waiting>> = HashMap::new();
    for waiting in waiting {
        chats.entry(waiting.new.chat).or_default().push(waiting);
    }
    chats
}

fn refuse_all(waiting: impl Iterator<Item = Waiting>, why: &str) {
    for Waiting { answer, .. } in waiting {
        // A sender that hung up does not want to know.
        let _hung_up = answer.send(Err(Error::Unavailable(why.to_owned())));
    }
}

impl Waiting {
    fn written(self, sends: &Sends, message: Message) {
        self.answer(sends, Ok(Sent { message, is_new: true }));
    }

    /// Tells the relay, and then the sender.
    fn answer(self, sends: &Sends, result: Result<Sent, Error>) {
        if result.as_ref().is_ok_and(|sent| sent.is_new) {
            sends.0.changes.committed(self.new.chat);
            sends.0.metrics.messages_sent.inc();
        }
        let _hung_up = self.answer.send(result);
    }
}
