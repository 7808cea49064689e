//! `/internal/…`: requests of gateways, with the internal secret. Not in the OpenAPI document.

use actix_web::web::{Data, Json};
use chat_events::gateway_api::{
    Accounts, AccountsRequest, Changes, ChangesRequest, Clients, ClientsRequest, CommandOutcome, CommandRequest,
    OperatorsRequest, Revocations, RevocationsRequest, Sites, SyncPage, SyncRequest, Tops, TopsRequest,
};

use super as gateway;
use crate::http::api_error::ApiError;
use crate::http::caller::Gateway;
use crate::http::table::{Route, internal};
use crate::state::AppState;

/// Where gateways ask.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        internal("/internal/accounts", accounts),
        internal("/internal/clients", clients),
        internal("/internal/sync", sync),
        internal("/internal/command", command),
        internal("/internal/tops", tops),
        internal("/internal/changes", changes),
        internal("/internal/revocations", revocations),
        internal("/internal/sites", sites),
        internal("/internal/operators", operators),
    ]
}

type Answered<T> = Result<Json<T>, ApiError>;

pub(crate) async fn accounts(_: Gateway, state: Data<AppState>, body: Json<AccountsRequest>) -> Answered<Accounts> {
    gateway::accounts(&state, body.into_inner()).await.map(Json).map_err(ApiError)
}

pub(crate) async fn clients(_: Gateway, state: Data<AppState>, body: Json<ClientsRequest>) -> Answered<Clients> {
    gateway::clients(&state, body.into_inner()).await.map(Json).map_err(ApiError)
}

pub(crate) async fn sync(_: Gateway, state: Data<AppState>, body: Json<SyncRequest>) -> Answered<SyncPage> {
    gateway::sync(&state, body.into_inner()).await.map(Json).map_err(ApiError)
}

pub(crate) async fn command(_: Gateway, state: Data<AppState>, body: Json<CommandRequest>) -> Answered<CommandOutcome> {
    gateway::command(&state, body.into_inner()).await.map(Json).map_err(ApiError)
}

pub(crate) async fn tops(_: Gateway, state: Data<AppState>, body: Json<TopsRequest>) -> Answered<Tops> {
    gateway::tops(&state, body.into_inner()).await.map(Json).map_err(ApiError)
}

pub(crate) async fn changes(_: Gateway, state: Data<AppState>, body: Json<ChangesRequest>) -> Answered<Changes> {
    gateway::changes(&state, body.into_inner()).await.map(Json).map_err(ApiError)
}

pub(crate) async fn revocations(
    _: Gateway,
    state: Data<AppState>,
    body: Json<RevocationsRequest>,
) -> Answered<Revocations> {
    gateway::revocations(&state, body.into_inner()).await.map(Json).map_err(ApiError)
}

pub(crate) async fn sites(_: Gateway, state: Data<AppState>) -> Answered<Sites> {
    gateway::sites(&state).await.map(Json).map_err(ApiError)
}

pub(crate) async fn operators(_: Gateway, state: Data<AppState>, body: Json<OperatorsRequest>) -> Answered<()> {
    gateway::operators(&state, body.into_inner()).await.map(Json).map_err(ApiError)
}
