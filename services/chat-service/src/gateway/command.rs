//! Writes that clients ask for, by frames on their sockets: each command and its handler.

use chat_events::command::UpTo;
use chat_events::gateway_api::{CommandOutcome, CommandRequest};
use chat_events::{ChatId, Command, ErrorBody, ErrorCode, MarkKind, MessageId};

use crate::access::Actor;
use crate::error::Error;
use crate::marks;
use crate::messages;
use crate::messages::send::NewMessage;
use crate::state::AppState;

/// Does the write that a client asks for.
pub async fn command(state: &AppState, request: CommandRequest) -> Result<CommandOutcome, ErrorBody> {
    let CommandRequest { principal, chat_id, from, origin, command } = request;
    let actor = Actor::from(principal);
    let outcome = match command {
        Command::Message(draft) => {
            let sent = messages::write(state, NewMessage::of(actor, chat_id, draft), from).await;
            sent.map(|sent| CommandOutcome::Message(sent.message))
        }
        Command::Ack(UpTo { last_id }) => raise(state, actor, chat_id, (MarkKind::Delivered, last_id), origin).await,
        Command::Read(UpTo { last_id }) => raise(state, actor, chat_id, (MarkKind::Read, last_id), origin).await,
    };
    outcome.map_err(Error::into_body)
}

async fn raise(
    state: &AppState,
    actor: Actor,
    chat: ChatId,
    up_to: (MarkKind, MessageId),
    origin: Option<String>,
) -> Result<CommandOutcome, Error> {
    let mark = marks::raise(state, actor, chat, up_to, origin).await;
    mark.map(|_| CommandOutcome::Mark).map_err(|error| error.told_as(ErrorCode::NotFound))
}
