//! The calls of a gateway to chat-service: over HTTP here; within one process in standalone.

pub(crate) mod batch_loader;
pub(crate) mod connect_snapshots;

use std::time::Duration;

use async_trait::async_trait;
use chat_events::gateway_api::{
    Accounts, AccountsRequest, Changes, ChangesRequest, Clients, ClientsRequest, CommandOutcome, CommandRequest,
    OperatorsRequest, Revocations, RevocationsRequest, Sites, SyncPage, SyncRequest, Tops, TopsRequest,
};
use chat_events::{ErrorBody, ErrorCode, ErrorEnvelope};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The answer, or the error to tell.
pub type Answer<T> = Result<T, ErrorBody>;

/// The questions of a gateway. Every call may fail with [`ErrorCode::Unavailable`]: that is never an answer about
/// rights.
#[async_trait]
pub trait ChatService: Send + Sync {
    /// The admission of many operators and users that connect, with their snapshots.
    async fn accounts(&self, ask: AccountsRequest) -> Answer<Accounts>;
    /// The changes of a chat after a cursor.
    async fn sync(&self, ask: SyncRequest) -> Answer<SyncPage>;
    /// Executes a command: a message to write, or a mark to raise.
    async fn command(&self, ask: CommandRequest) -> Answer<CommandOutcome>;
    /// The states of many clients that connect.
    async fn clients(&self, ask: ClientsRequest) -> Answer<Clients>;
    /// Where chats stand.
    async fn tops(&self, ask: TopsRequest) -> Answer<Tops>;
    /// Which of many chats changed.
    async fn changes(&self, ask: ChangesRequest) -> Answer<Changes>;
    /// Which rights were taken away or given back.
    async fn revocations(&self, ask: RevocationsRequest) -> Answer<Revocations>;
    /// The rules of all sites.
    async fn sites(&self) -> Answer<Sites>;
    /// Says which operators are connected here.
    async fn operators(&self, ask: OperatorsRequest) -> Answer<()>;
}

/// Where chats stand, and all chats of the users that were asked for, however many pages they take. Users' chats are each
/// as they were at some time after the question was put.
pub(crate) async fn whole_tops(chat_service: &dyn ChatService, ask: TopsRequest) -> Answer<Tops> {
    let mut whole = chat_service.tops(ask.clone()).await?;
    while let Some(after) = whole.next {
        // The other parts of the question have been answered.
        let chats = if ask.only_these { ask.chats.clone() } else { Vec::new() };
        let only_these = ask.only_these;
        let users = ask.users.iter().copied().filter(|user| *user >= after.user_id).collect();
        let more = TopsRequest { users, chats, only_these, after: Some(after), ..TopsRequest::default() };
        let page = chat_service.tops(more).await?;
        if page.next.is_some_and(|next| next <= after) {
            return Err(ErrorBody::new(ErrorCode::Unavailable, "the chat service answered something else; try again"));
        }
        for (user, chats) in page.memberships {
            whole.memberships.entry(user).or_default().extend(chats);
        }
        whole.next = page.next;
    }
    Ok(whole)
}

/// chat-service over HTTP, with the internal secret.
pub(crate) struct HttpChatService {
    http: reqwest::Client,
    base: String,
    secret: SecretString,
}

impl HttpChatService {
    /// `base` is chat-service's address, without a path.
    pub(crate) fn new(base: &str, secret: SecretString) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(2))
            // Answers take milliseconds. A connection that a dead peer left behind must not hold a caller for long.
            .timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), secret })
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Answer<T> {
        let mut request =
            self.http.post(format!("{}{path}", self.base)).bearer_auth(self.secret.expose_secret()).json(body);
        if let Some(traceparent) = telemetry::trace::current_traceparent() {
            request = request.header("traceparent", traceparent);
        }
        let response = request.send().await.map_err(|why| unavailable(&why))?;
        if response.status().is_success() {
            return response.json().await.map_err(|why| unavailable(&why));
        }
        match response.json::<ErrorEnvelope>().await {
            Ok(envelope) => Err(envelope.error),
            Err(why) => Err(unavailable(&why)),
        }
    }
}

fn unavailable(why: &reqwest::Error) -> ErrorBody {
    tracing::warn!(error = %why, "chat-service does not answer");
    ErrorBody::new(ErrorCode::Unavailable, "the chat service does not answer; try again")
}

#[async_trait]
impl ChatService for HttpChatService {
    async fn accounts(&self, ask: AccountsRequest) -> Answer<Accounts> {
        self.ask("/internal/accounts", &ask).await
    }

    async fn sync(&self, ask: SyncRequest) -> Answer<SyncPage> {
        self.ask("/internal/sync", &ask).await
    }

    async fn command(&self, ask: CommandRequest) -> Answer<CommandOutcome> {
        self.ask("/internal/command", &ask).await
    }

    async fn clients(&self, ask: ClientsRequest) -> Answer<Clients> {
        self.ask("/internal/clients", &ask).await
    }

    async fn tops(&self, ask: TopsRequest) -> Answer<Tops> {
        self.ask("/internal/tops", &ask).await
    }

    async fn changes(&self, ask: ChangesRequest) -> Answer<Changes> {
        self.ask("/internal/changes", &ask).await
    }

    async fn revocations(&self, ask: RevocationsRequest) -> Answer<Revocations> {
        self.ask("/internal/revocations", &ask).await
    }

    async fn sites(&self) -> Answer<Sites> {
        self.ask("/internal/sites", &()).await
    }

    async fn operators(&self, ask: OperatorsRequest) -> Answer<()> {
        self.ask("/internal/operators", &ask).await
    }
}
