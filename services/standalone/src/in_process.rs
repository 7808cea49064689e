//! chat-service, asked within the process.

use async_trait::async_trait;
use channel_gateway::{Answer, ChatService};
use chat_events::gateway_api::{
    Accounts, AccountsRequest, Changes, ChangesRequest, Clients, ClientsRequest, CommandOutcome, CommandRequest,
    OperatorsRequest, Revocations, RevocationsRequest, Sites, SyncPage, SyncRequest, Tops, TopsRequest,
};
use chat_service::{AppState, gateway};

/// Asks without HTTP.
pub(crate) struct InProcess(pub(crate) AppState);

#[async_trait]
impl ChatService for InProcess {
    async fn accounts(&self, ask: AccountsRequest) -> Answer<Accounts> {
        gateway::accounts(&self.0, ask).await
    }

    async fn sync(&self, ask: SyncRequest) -> Answer<SyncPage> {
        gateway::sync(&self.0, ask).await
    }

    async fn command(&self, ask: CommandRequest) -> Answer<CommandOutcome> {
        gateway::command(&self.0, ask).await
    }

    async fn clients(&self, ask: ClientsRequest) -> Answer<Clients> {
        gateway::clients(&self.0, ask).await
    }

    async fn changes(&self, ask: ChangesRequest) -> Answer<Changes> {
        gateway::changes(&self.0, ask).await
    }

    async fn revocations(&self, ask: RevocationsRequest) -> Answer<Revocations> {
        gateway::revocations(&self.0, ask).await
    }

    async fn sites(&self) -> Answer<Sites> {
        gateway::sites(&self.0).await
    }

    async fn tops(&self, ask: TopsRequest) -> Answer<Tops> {
        gateway::tops(&self.0, ask).await
    }

    async fn operators(&self, ask: OperatorsRequest) -> Answer<()> {
        gateway::operators(&self.0, ask).await
    }
}
