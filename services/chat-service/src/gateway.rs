//! Requests of gateways, the same over HTTP and within one process.
//!
//! - `routes`: over HTTP
//! - [`command`](mod@command): writes that clients ask for
//! - [`connect`](mod@connect): the states that connections start from
//! - [`tops`](mod@tops): where chats stand; [`revocations`](mod@revocations): rights that were taken away

mod command;
mod connect;
mod revocations;
pub(crate) mod routes;
mod tops;

use chat_events::gateway_api::{
    Accounts, AccountsRequest, Changes, ChangesRequest, Clients, ClientsRequest, Connect, ConnectResult,
    ConnectSnapshot, MAX_ACCOUNTS, MAX_CLIENTS, OperatorsRequest, Principal, Revocations, RevocationsRequest, Sites,
    SyncPage, SyncRequest, Tops, TopsRequest,
};
use chat_events::{ChatId, ErrorBody, ErrorCode, Seq};

use crate::access::{Actor, check_scope};
use crate::chats::changed::{Question, changed};
use crate::db::installation;
use crate::error::Error;
use crate::messages::{Reading, sync};
use crate::sites;
use crate::state::AppState;
use crate::{operators as leases, workspace};

pub use command::command;

/// The largest page of `sync`.
const MAX_PAGE: u16 = 1000;

/// Many operators and users that connect: the identity of each, and its chats.
pub async fn accounts(state: &AppState, request: AccountsRequest) -> Result<Accounts, ErrorBody> {
    async {
        let AccountsRequest { connects } = request;
        if connects.len() > MAX_ACCOUNTS {
            return Err(Error::invalid("connects", format!("there are more than {MAX_ACCOUNTS} connections")));
        }
        let actors = connects.into_iter().map(account).collect::<Result<Vec<_>, _>>()?;
        let mut conn = state.connection().await?;
        let found = connect::accounts(&mut conn, &state.bad_rows, &actors).await?;
        Ok(Accounts { admissions: found.into_iter().map(admission).collect() })
    }
    .await
    .map_err(Error::into_body)
}

fn account(Connect { principal, token }: Connect) -> Result<Actor, Error> {
    match (principal, token) {
        (Principal::Client { .. }, _) => Err(Error::invalid("connects", "clients are asked for by their sessions")),
        (_, Some(token)) => Ok(Actor::new(principal, token)),
        (_, None) => Ok(principal.into()),
    }
}

fn admission(found: Result<ConnectSnapshot, Error>) -> ConnectResult {
    match found {
        Ok(snapshot) => ConnectResult::Admitted(snapshot),
        Err(error) => ConnectResult::Refused(shut_out(error).into_body()),
    }
}

/// Many clients that connect.
pub async fn clients(state: &AppState, request: ClientsRequest) -> Result<Clients, ErrorBody> {
    async {
        if request.session_ids.len() > MAX_CLIENTS {
            return Err(Error::invalid("session_ids", format!("there are more than {MAX_CLIENTS} sessions")));
        }
        let mut conn = state.connection().await?;
        connect::clients(&mut conn, &state.bad_rows, &request.session_ids).await
    }
    .await
    .map_err(Error::into_body)
}

/// The gateway has seen a good token. If its account or login is over all the same, asking again is no use.
fn shut_out(error: Error) -> Error {
    match error {
        Error::Refused(body) if body.code == ErrorCode::Unauthorized => Error::forbidden(&body.message),
        other => other,
    }
}

/// The changes in a chat after a cursor, notes included.
pub async fn sync(state: &AppState, request: SyncRequest) -> Result<SyncPage, ErrorBody> {
    async {
        if !(1..=MAX_PAGE).contains(&request.limit) {
            return Err(Error::invalid("limit", "limit must be from 1 to 1000"));
        }
        if let Some(principal) = request.principal {
            check_scope(principal, request.chat_id)?;
        }
        let reading =
            Reading { actor: request.principal.map(Actor::from), chat: request.chat_id, notes: true, activity: true };
        let mut conn = state.connection().await?;
        sync::read(&mut conn, &state.bad_rows, reading, request.after, request.limit).await
    }
    .await
    .map_err(Error::into_body)
}

/// Where chats stand.
pub async fn tops(state: &AppState, request: TopsRequest) -> Result<Tops, ErrorBody> {
    async {
        let mut conn = state.connection().await?;
        let epoch = installation::epoch(&mut conn).await?;
        let (memberships, next) = tops::memberships(&mut conn, &state.bad_rows, &request).await?;
        let tops = tops::read(&mut conn, &state.bad_rows, &request).await?;
        Ok(Tops { epoch, tops, memberships, next })
    }
    .await
    .map_err(Error::into_body)
}

/// Which of many chats changed since their reader was last there.
pub async fn changes(state: &AppState, request: ChangesRequest) -> Result<Changes, ErrorBody> {
    let cursors: Vec<(ChatId, Seq)> = request.cursors.into_iter().collect();
    let actor = Actor::from(request.principal);
    let own_chats = matches!(request.principal, Principal::User { .. });
    let question = Question { actor, own_chats, cursors: &cursors, new_after: request.new_after };
    changed(state, question).await.map_err(Error::into_body)
}

/// Which rights were taken away or given back.
pub async fn revocations(state: &AppState, request: RevocationsRequest) -> Result<Revocations, ErrorBody> {
    async {
        let mut conn = state.connection().await?;
        let taken = revocations::read(&mut conn, request.after).await?;
        let workspace = workspace::read::news(&mut conn, request.workspace).await?;
        Ok(Revocations { workspace, ..taken })
    }
    .await
    .map_err(Error::into_body)
}

/// The rules of all sites for pages and visitors.
pub async fn sites(state: &AppState) -> Result<Sites, ErrorBody> {
    async { sites::pages::read(&mut *state.connection().await?).await }.await.map_err(Error::into_body)
}

/// Which operators are connected to a gateway.
pub async fn operators(state: &AppState, request: OperatorsRequest) -> Result<(), ErrorBody> {
    async {
        let mut conn = state.connection().await?;
        leases::renew(&mut conn, &request).await
    }
    .await
    .map_err(Error::into_body)
}
