//! The snapshots for connections that open, asked for many at a time: after the end of a gateway thousands come at
//! once, and each must not cost chat-service a question.

use std::collections::HashMap;
use std::sync::Arc;

use chat_events::gateway_api::{
    AccountsRequest, Chats, ClientState, Clients, ClientsRequest, Connect, ConnectResult, ConnectSnapshot,
    MAX_ACCOUNTS, MAX_CLIENTS, MAX_LISTED, Membership, Principal, TopsRequest,
};
use chat_events::{ChatId, ErrorBody, ErrorCode, UserId};
use futures_util::FutureExt;
use telemetry::Vital;

use crate::chat_service::batch_loader::BatchLoader;
use crate::chat_service::{Answer, ChatService, whole_tops};

/// Users whose chats are asked for at a time.
const MAX_USERS: usize = 256;

/// A user of more chats than this is asked for with a few like it, so that nobody else waits until thousands of chats are
/// looked through.
const MANY_CHATS: usize = MAX_LISTED;

/// Users of many chats that are asked for at a time.
const MAX_OF_MANY_CHATS: usize = 8;

/// Loads the snapshots for connections that open.
pub struct ConnectSnapshots {
    clients: BatchLoader<ChatId, ConnectSnapshot>,
    users: BatchLoader<UserId, Arc<[Membership]>>,
    accounts: BatchLoader<Connect, ConnectSnapshot>,
    of_many_chats: BatchLoader<Connect, ConnectSnapshot>,
}

impl ConnectSnapshots {
    /// Asks from vital tasks, until this is dropped.
    pub fn new(chat_service: &Arc<dyn ChatService>, vital: &Vital) -> Self {
        let [for_clients, for_users] = [chat_service.clone(), chat_service.clone()];
        let about_accounts = |name, at_once| {
            let chat_service = chat_service.clone();
            BatchLoader::new(vital, name, at_once, move |connects| accounts(chat_service.clone(), connects).boxed())
        };
        Self {
            clients: BatchLoader::new(vital, "clients' snapshot", MAX_CLIENTS, move |sessions| {
                clients(for_clients.clone(), sessions).boxed()
            }),
            users: BatchLoader::new(vital, "users' snapshot", MAX_USERS, move |users| {
                chats(for_users.clone(), users).boxed()
            }),
            accounts: about_accounts("accounts' snapshot", MAX_ACCOUNTS),
            of_many_chats: about_accounts("snapshot of users of many chats", MAX_OF_MANY_CHATS),
        }
    }

    /// The snapshot for the client of a session.
    pub async fn of_client(&self, session: ChatId) -> Answer<ConnectSnapshot> {
        self.clients.ask(session).await
    }

    /// The snapshot for an operator, or for a user who has so many chats.
    pub async fn of_account(&self, connect: Connect, chats: usize) -> Answer<ConnectSnapshot> {
        let is_user = matches!(connect.principal, Principal::User { .. });
        let questions = if is_user && chats > MANY_CHATS { &self.of_many_chats } else { &self.accounts };
        questions.ask(connect).await
    }

    /// The chats that a user may read, and their tops, if its account is open. Nothing is said of its token.
    pub async fn chats_of(&self, user: UserId) -> Answer<Arc<[Membership]>> {
        self.users.ask(user).await
    }
}

async fn clients(chat_service: Arc<dyn ChatService>, sessions: Vec<ChatId>) -> Answer<Vec<Answer<ConnectSnapshot>>> {
    let mut session_ids = sessions.clone();
    session_ids.sort_unstable();
    session_ids.dedup();
    let Clients { epoch, clients } = chat_service.clients(ClientsRequest { session_ids }).await?;
    let snapshot = |client: ClientState| {
        let session = client.chat.chat_id;
        let chats = Chats::One(Box::new(client.chat));
        let snapshot =
            ConnectSnapshot { epoch, self_id: client.id, name: client.name, chats, scope: None, workspace: None };
        (session, if client.is_banned { Err(banned()) } else { Ok(snapshot) })
    };
    let connect_snapshots: HashMap<ChatId, Answer<ConnectSnapshot>> = clients.into_iter().map(snapshot).collect();
    let of = |session| connect_snapshots.get(session).cloned().unwrap_or_else(|| Err(unknown()));
    Ok(sessions.iter().map(of).collect())
}

async fn accounts(chat_service: Arc<dyn ChatService>, connects: Vec<Connect>) -> Answer<Vec<Answer<ConnectSnapshot>>> {
    let asked = connects.len();
    let answer = chat_service.accounts(AccountsRequest { connects }).await?;
    if answer.admissions.len() != asked {
        // Each would get the answer for another.
        return Err(ErrorBody::new(ErrorCode::Unavailable, "the chat service answered something else; try again"));
    }
    let admission = |admission| match admission {
        ConnectResult::Admitted(snapshot) => Ok(snapshot),
        ConnectResult::Refused(error) => Err(error),
    };
    Ok(answer.admissions.into_iter().map(admission).collect())
}

async fn chats(chat_service: Arc<dyn ChatService>, users: Vec<UserId>) -> Answer<Vec<Answer<Arc<[Membership]>>>> {
    let tops = whole_tops(&*chat_service, TopsRequest { users: users.clone(), ..TopsRequest::default() }).await?;
    // A user may connect several times at once.
    let chats: HashMap<UserId, Arc<[Membership]>> =
        tops.memberships.into_iter().map(|(user, chats)| (user, chats.into())).collect();
    Ok(users.iter().map(|user| Ok(chats.get(user).cloned().unwrap_or_default())).collect())
}

fn unknown() -> ErrorBody {
    ErrorBody::new(ErrorCode::NotFound, "there is no such session")
}

fn banned() -> ErrorBody {
    ErrorBody::new(ErrorCode::Forbidden, "the client is banned")
}
