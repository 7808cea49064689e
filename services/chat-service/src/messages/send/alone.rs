//! A message that a batch left out: written by itself, as a change of its chat like any other. There is time to tell
//! the sender why not, to find its earlier message, and to open a closed session for its client.

use chat_events::{Message, SessionStatus};
use diesel::prelude::OptionalExtension;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use uuid::Uuid;

use super::{NewMessage, Sent, statement};
use crate::access::{Verb, sender_type};
use crate::changes::{By, ChatChanges};
use crate::error::Error;
use crate::messages::row::message_json;
use crate::sessions::{self, SessionChange};
use ::statement::statement;

/// Writes a message, once for each `client_id`.
pub(super) async fn send(changes: &ChatChanges, new: NewMessage) -> Result<Sent, Error> {
    let (chat, by) = (new.chat, By::Actor(new.actor, Verb::Write(new.visibility)));
    let lanes = changes.lanes();
    let sent = changes.change(chat, by, move |change| {
        async move {
            let author = change.author().id;
            if let Some(message) = first_result(change.conn(), &new, author).await? {
                return Ok(Sent { message, is_new: false });
            }
            if change.is_closed() {
                sessions::apply(change, chat, SessionChange::Status(SessionStatus::Open)).await?;
                change.flush().await?;
            }
            let written = statement::write_here(change.conn(), &[&new], lanes).await?;
            let message = written.into_iter().flatten().next();
            let message = message.ok_or_else(|| Error::Internal("a send that was allowed wrote nothing".into()))?;
            Ok(Sent { message, is_new: true })
        }
        .boxed()
    });
    sent.await
}

statement! {
    /// The message that a repeated send wrote the first time, in its present state.
    FirstResult<'a> {
        chat_id: i64 as BigInt,
        sender_type: &'a str as Text,
        sender_id: i64 as BigInt,
        client_id: Uuid as SqlUuid,
    } -> Text = concat!(
        "SELECT ", message_json!("c.kind"), "::text FROM messages m JOIN chats c ON c.id = m.chat_id
         WHERE m.chat_id = $chat_id AND m.sender_type = $sender_type AND m.sender_id = $sender_id
           AND m.client_id = $client_id"
    );
}

async fn first_result(
    conn: &mut AsyncPgConnection,
    new: &NewMessage,
    sender_id: i64,
) -> Result<Option<Message>, Error> {
    let statement = FirstResult {
        chat_id: new.chat.0,
        sender_type: sender_type(new.actor.principal).as_str(),
        sender_id,
        client_id: new.client_id,
    };
    let json: Option<String> = statement.get_result(conn).await.optional()?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
}
