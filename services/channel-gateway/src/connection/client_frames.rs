//! The effect of each client frame. Frames are handled one at a time, in order.

use std::sync::Arc;
use std::time::Instant;

use chat_events::command::CommandFrame;
use chat_events::frame::{Authenticated, ClientFrame, ServerFrame};
use chat_events::gateway_api::{CommandOutcome, CommandRequest, Connect, Principal, SentFrom};
use chat_events::sign::{Page, PageTitle, SignFrame, Typing, Viewing};
use chat_events::signal::SignalData;
use chat_events::{ChatId, ChatKind, Epoch, ErrorBody, ErrorCode, Seq, Sign, Signal, UserId, Visibility};
use chrono::Utc;
use uuid::Uuid;

use crate::auth::credentials::Proved;
use crate::catch_up::join;
use crate::catch_up::resume::{self, Cursors};
use crate::connection::Connection;
use crate::gateway::Gateway;
use crate::limits::frame_costs as cost;

/// Serves one frame of a connection that has proved itself.
pub(crate) async fn serve(gateway: &Arc<Gateway>, connection: &Arc<Connection>, frame: ClientFrame) {
    let client_id = match &frame {
        ClientFrame::Command(frame) => frame.command.client_id(),
        _ => None,
    };
    let chat_id = frame.chat_id();
    if let Err(error) = handle(gateway, connection, frame).await {
        connection.refuse_frame(error, client_id, chat_id);
    }
}

async fn handle(gateway: &Arc<Gateway>, connection: &Arc<Connection>, frame: ClientFrame) -> Result<(), ErrorBody> {
    match frame {
        ClientFrame::Init { .. } => Err(ErrorBody::new(ErrorCode::Conflict, "the connection is already open")),
        ClientFrame::Auth { token } => authenticate(gateway, connection, &token).await,
        ClientFrame::Resume { cursors, epoch, more: _ } => {
            pay(gateway, connection, cost::of_resume(cursors.len()))?;
            resume::serve_late(gateway, connection, Cursors { cursors, epoch }).await
        }
        ClientFrame::Subscribe { chat_id, after, epoch } => {
            subscribe(gateway, connection, chat_id, (after, epoch)).await
        }
        ClientFrame::Unsubscribe { chat_id } => unsubscribe(gateway, connection, chat_id),
        ClientFrame::Command(frame) => write(gateway, connection, frame).await,
        ClientFrame::Sign(SignFrame { chat_id, sign }) => {
            give_sign(gateway, connection, which(connection, chat_id)?, sign).await
        }
        ClientFrame::Ping {} => {
            connection.tell(&ServerFrame::Pong {});
            Ok(())
        }
        ClientFrame::Pong {} => Ok(()),
    }
}

/// Counts a frame by what it costs, where frames are counted.
fn pay(gateway: &Gateway, connection: &Connection, cost: u32) -> Result<(), ErrorBody> {
    if gateway.rates.frames_per_second == 0 {
        return Ok(());
    }
    let too_soon = |wait| ErrorBody::rate_limited("too many frames of this kind in a short time; wait a little", wait);
    connection.pay(cost).map_err(too_soon)
}

/// The chat that a frame means: a client of a session has only one.
fn which(connection: &Connection, chat: Option<ChatId>) -> Result<ChatId, ErrorBody> {
    match (connection.principal(), chat) {
        (Some(Principal::Client { session_id }), None) => Ok(session_id),
        (Some(Principal::Client { session_id }), Some(other)) if other != session_id => Err(not_yours()),
        (_, Some(chat)) => Ok(chat),
        (_, None) => Err(ErrorBody::field(ErrorCode::Invalid, "chat_id", "chat_id is missing")),
    }
}

fn not_yours() -> ErrorBody {
    ErrorBody::field(ErrorCode::NotFound, "chat_id", "there is no such chat")
}

/// A fresh token for the connection that stands. It is held against logouts, like that of a new connection.
async fn authenticate(gateway: &Gateway, connection: &Connection, token: &str) -> Result<(), ErrorBody> {
    let principal = connection.proved()?.principal;
    let Proved { identity, resume_ticket, page: _ } = gateway.credentials.renewal(principal, token).await?;
    if identity.principal != principal {
        return Err(ErrorBody::field(ErrorCode::Forbidden, "token", "the token is somebody else's"));
    }
    if identity.grant.expires_at <= Instant::now() {
        // Within the leeway for clocks it is good for a handshake, but it would end this connection.
        return Err(ErrorBody::field(ErrorCode::TokenExpired, "token", "the token has expired"));
    }
    if let Some(token) = identity.grant.token {
        pay(gateway, connection, cost::RENEWAL)?;
        let connect = Connect { principal, token: Some(token) };
        gateway.connect_snapshots.of_account(connect, connection.watch_count()).await?;
    }
    connection.renew(&identity);
    connection.tell(&ServerFrame::Authenticated { data: Authenticated { resume_ticket } });
    Ok(())
}

async fn subscribe(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    chat: ChatId,
    (after, epoch): (Option<Seq>, Option<Epoch>),
) -> Result<(), ErrorBody> {
    let chat = which(connection, Some(chat))?;
    if after.is_some_and(|after| after < Seq::ZERO) {
        return Err(ErrorBody::field(ErrorCode::Invalid, "after", "after is a seq: 0 or more"));
    }
    if after.is_some() && !gateway.history.is_of(epoch.unwrap_or(Epoch::FIRST)) {
        resume::refuse(gateway, connection, "epoch", vec![chat]).await;
        return join::subscribe(gateway, connection, chat, None).await;
    }
    join::subscribe(gateway, connection, chat, after).await
}

fn unsubscribe(gateway: &Gateway, connection: &Arc<Connection>, chat: ChatId) -> Result<(), ErrorBody> {
    if let Some(Principal::Client { .. }) = connection.principal() {
        return Err(ErrorBody::new(ErrorCode::Forbidden, "a client of a session has only this chat"));
    }
    if connection.leave(chat) {
        gateway.hub.detach(chat, connection);
    }
    connection.tell(&ServerFrame::Unsubscribed { chat_id: chat });
    Ok(())
}

/// Has chat-service write a message or a mark. A message is acknowledged here; chat-service tells of a mark.
async fn write(gateway: &Gateway, connection: &Connection, frame: CommandFrame) -> Result<(), ErrorBody> {
    let CommandFrame { chat_id, command } = frame;
    let (principal, chat_id) = (connection.proved()?.principal, which(connection, chat_id)?);
    let grant = connection.grant().filter(|_| matches!(principal, Principal::Client { .. }));
    let from = grant.map(|grant| SentFrom { address: connection.address, token_made_at: grant.token_made_at });
    let origin = Some(connection.id.clone());
    match gateway.chat_service.command(CommandRequest { principal, chat_id, from, origin, command }).await? {
        CommandOutcome::Message(data) => connection.tell(&ServerFrame::Ack { client_id: data.client_id, data }),
        CommandOutcome::Mark => {}
    }
    Ok(())
}

/// Tells others in the chat of a sign of life.
async fn give_sign(gateway: &Gateway, connection: &Connection, chat: ChatId, sign: Sign) -> Result<(), ErrorBody> {
    let visibility = readers_of(connection.proved()?.principal, &sign)?;
    let (kind, site) = match (connection.kind_of(chat), gateway.hub.site_of(chat)) {
        (Some(ChatKind::Session), None) | (None, _) => {
            let state = join::state_of(gateway, connection, chat).await?;
            (state.kind, state.session.map(|session| session.site_id))
        }
        (Some(kind), site) => (kind, site),
    };
    let Some(own) = connection.own() else { return Ok(()) };
    let data = match sign {
        Sign::Typing(Typing { is_typing, visibility: _ }) => SignalData::Typing {
            sender_type: connection.sender_type(),
            sender_id: own.id,
            sender_name: own.name.clone(),
            is_typing,
            visibility,
        },
        Sign::Viewing(Viewing { is_viewing }) => {
            SignalData::Viewing { user_id: UserId(own.id), name: own.name.clone(), is_viewing }
        }
        Sign::Page(Page { url, title }) => SignalData::Page {
            client_id: own.id,
            url: url.into_inner(),
            title: title.and_then(PageTitle::into_inner),
            at: Utc::now(),
        },
    };
    let (id, origin) = (Uuid::new_v4(), Some(connection.id.clone()));
    gateway.hub.publish(Signal { id, chat_id: chat, chat_kind: kind, site_id: site, visibility, origin, data });
    Ok(())
}

/// The readers who may hear of a sign, if its giver may give it.
fn readers_of(giver: Principal, sign: &Sign) -> Result<Visibility, ErrorBody> {
    let forbidden = |field, why| Err(ErrorBody::field(ErrorCode::Forbidden, field, why));
    match (sign, giver) {
        (Sign::Typing(Typing { visibility: Some(Visibility::Staff), .. }), Principal::Staff { .. }) => {
            Ok(Visibility::Staff)
        }
        (Sign::Typing(Typing { visibility: Some(Visibility::Staff), .. }), _) => {
            forbidden("visibility", "only operators write notes")
        }
        (Sign::Typing(_), _) => Ok(Visibility::Public),
        (Sign::Viewing(_), Principal::Staff { .. }) => Ok(Visibility::Staff),
        (Sign::Viewing(_), _) => forbidden("type", "operators alone say which session they look at"),
        (Sign::Page(_), Principal::Client { .. }) => Ok(Visibility::Staff),
        (Sign::Page(_), _) => forbidden("type", "pages are told by the client of a session"),
    }
}
