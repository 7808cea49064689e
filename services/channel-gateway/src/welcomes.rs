//! What clients that connect are told. Whoever comes while a question is under way goes with the next one: after a
//! gateway is gone thousands come at once, and each must not cost chat-service a query.

use std::collections::HashMap;
use std::sync::Arc;

use chat_events::gateway_api::{Clients, ClientsRequest, MAX_CLIENTS, Welcome};
use chat_events::{ChatId, ErrorBody, ErrorCode};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::chat_service::{Answer, ChatService};

/// Who waits.
type Waiting = (ChatId, oneshot::Sender<Answer<Welcome>>);

/// Asks for the clients of sessions, many at a time.
pub struct Welcomes {
    waiting: mpsc::UnboundedSender<Waiting>,
}

impl Welcomes {
    /// Asks from a task on this runtime, until this is dropped.
    pub fn new(chat_service: Arc<dyn ChatService>, runtime: &Handle) -> Self {
        let (waiting, queue) = mpsc::unbounded_channel();
        runtime.spawn(serve(chat_service, queue));
        Self { waiting }
    }

    /// What the client of a session is told.
    pub async fn of(&self, session: ChatId) -> Answer<Welcome> {
        let gone = || ErrorBody::new(ErrorCode::Unavailable, "the gateway is going down");
        let (tell, told) = oneshot::channel();
        self.waiting.send((session, tell)).map_err(|_| gone())?;
        told.await.map_err(|_| gone())?
    }
}

async fn serve(chat_service: Arc<dyn ChatService>, mut queue: mpsc::UnboundedReceiver<Waiting>) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, MAX_CLIENTS).await > 0 {
        let mut session_ids: Vec<ChatId> = waiting.iter().map(|(session, _)| *session).collect();
        session_ids.sort_unstable();
        session_ids.dedup();
        let answer = chat_service.clients(ClientsRequest { session_ids }).await.map(welcomes);
        for (session, tell) in waiting.drain(..) {
            let one = match &answer {
                Ok(welcomes) => welcomes.get(&session).cloned().unwrap_or_else(|| Err(unknown())),
                Err(error) => Err(error.clone()),
            };
            // Who has gone meanwhile needs no answer.
            let _ = tell.send(one);
        }
    }
}

fn welcomes(Clients { epoch, clients }: Clients) -> HashMap<ChatId, Answer<Welcome>> {
    let welcome = |client: chat_events::gateway_api::ClientState| {
        let session = client.chat.chat_id;
        let welcome = Welcome { epoch, self_id: client.id, name: client.name, chats: vec![client.chat] };
        (session, if client.is_banned { Err(banned()) } else { Ok(welcome) })
    };
    clients.into_iter().map(welcome).collect()
}

fn unknown() -> ErrorBody {
    ErrorBody::new(ErrorCode::NotFound, "there is no such session")
}

fn banned() -> ErrorBody {
    ErrorBody::new(ErrorCode::Forbidden, "the client is banned")
}
