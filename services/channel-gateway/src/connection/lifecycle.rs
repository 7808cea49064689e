//! The one lifecycle of a connection, whatever carries it: opened, listened to, invited, closed.

use std::ops::ControlFlow;
use std::sync::Arc;

use bus::Incomings;
use chat_events::frame::{ClientFrame, CloseCode, Connected, ServerFrame};
use chat_events::gateway_api::{Chats, Connect, ConnectSnapshot, Principal};
use chat_events::{ChatId, ChatKind, ErrorBody, ErrorCode, Seq, UserId};
use tokio::sync::mpsc;

use crate::auth::credentials::Proved;
use crate::auth::origins::{self, Page};
use crate::catch_up::cursor::{CameFrom, Position};
use crate::catch_up::join::JoinTarget;
use crate::catch_up::watch::Watch;
use crate::catch_up::{join, resume};
use crate::connection::client_frames;
use crate::connection::connected::{self, Known};
use crate::connection::{Connection, Own, unserved};
use crate::gateway::Gateway;
use crate::hub::Invitation;

/// Takes items from the bus until it ends; users who are added to a chat join it.
pub async fn run_hub(gateway: Arc<Gateway>, incoming: Incomings) {
    if let Some(invitations) = gateway.take_invitations() {
        gateway.vital.spawn("invitations", invite_all(gateway.clone(), invitations));
    }
    gateway.hub.clone().run(incoming).await;
}

async fn invite_all(gateway: Arc<Gateway>, mut invitations: mpsc::UnboundedReceiver<Invitation>) {
    while let Some(Invitation { connection, chat }) = invitations.recv().await {
        let gateway = gateway.clone();
        gateway.runtime.clone().spawn(async move {
            let Some(added_at) = connection.take_invitation(chat) else { return };
            // Refused means that it is not a member after all: then there is nothing to tell.
            if let Err(error) = join::accept(&gateway, &connection, chat, added_at).await {
                tracing::debug!(%error, "a chat was not joined");
            }
        });
    }
}

// --- opening -------------------------------------------------------------------------------------------------

/// Opens a connection that brought its proof, then serves the frames that came meanwhile.
pub(crate) async fn open_and_listen(
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
    proved: Proved,
    came_from: Option<CameFrom>,
    when_ready: impl FnOnce(),
) {
    open(&gateway, &connection, proved, came_from).await;
    serve_queue(&gateway, &connection, when_ready).await;
}

/// The token was good: joins its chats, says `connected`, replays from the cursor, goes live.
pub(crate) async fn open(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    proved: Proved,
    came_from: Option<CameFrom>,
) {
    let Proved { identity, resume_ticket, page } = proved;
    let principal = identity.principal;
    let after = match (came_from, principal) {
        (Some(CameFrom::One(position)), Principal::Client { .. }) => Some(position),
        _ => None,
    };
    if !connection.prove(identity) {
        return connection.refuse(ErrorBody::new(ErrorCode::Conflict, "the connection is already open"));
    }
    gateway.limits.admit(connection);
    let opened = match principal {
        Principal::Client { session_id } => open_client(gateway, connection, session_id, (after, page)).await,
        Principal::Staff { .. } => open_staff(gateway, connection, resume_ticket).await,
        Principal::User { user_id } => open_user(gateway, connection, user_id, resume_ticket).await,
    };
    match opened {
        Err(error) => refuse_and_close(connection, error),
        // One position tells nothing of several chats, nor several of one.
        Ok(()) if came_from.is_some() && after.is_none() => {
            connection.tell(&ServerFrame::Resync { why: "several".to_owned(), chats: Vec::new() });
        }
        Ok(()) => {}
    }
    if connection.finish_opening() {
        gateway.metrics.opened(connection);
        if let (Principal::Staff { user_id }, Some(_)) = (principal, connection.own()) {
            gateway.hub.operator_came(user_id);
        }
    } else {
        leave(gateway, connection);
    }
}

async fn open_client(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    session: ChatId,
    (after, page): (Option<Position>, Page),
) -> Result<(), ErrorBody> {
    let kind = ChatKind::Session;
    let Some(generation) = connection.watch(session, Watch::joining(kind)) else { return Ok(()) };
    gateway.hub.attach(session, connection).await?;
    let snapshot = snapshot(gateway, connection).await?;
    let top = if let Chats::One(chat) = &snapshot.chats { chat.seq } else { Seq::ZERO };
    let site =
        if let Chats::One(chat) = &snapshot.chats { chat.session.as_ref().map(|state| state.site_id) } else { None };
    origins::check(&gateway.pages, &page, site)?;
    if let Some(site) = site {
        gateway.hub.is_of_site(session, site);
    }
    let is_foreign = after.is_some_and(|after| after.epoch != snapshot.epoch);
    let after = after.filter(|_| !is_foreign).map(|after| after.seq);
    // A browser comes back by itself with the position in `connected`: a cursor that is not honoured must not be that.
    let begins_at = after.filter(|after| *after <= top).unwrap_or(top);
    say_connected(gateway, connection, snapshot, Some((session, begins_at)), None);
    if is_foreign {
        resume::refuse(gateway, connection, "epoch", vec![session]).await;
    }
    join::catch_up(gateway, connection, JoinTarget { chat: session, kind, top, generation }, after).await
}

async fn open_staff(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    resume_ticket: Option<String>,
) -> Result<(), ErrorBody> {
    // Its sites are asked first to attach to them; rights are read after that.
    let scope = snapshot(gateway, connection).await?.scope.unwrap_or_default();
    connection.works_in(scope.clone());
    gateway.hub.attach_staff(connection, &scope).await?;
    let snapshot = snapshot(gateway, connection).await?;
    if snapshot.scope.as_ref() != Some(&scope) {
        return Err(ErrorBody::new(ErrorCode::Unavailable, "your sites have just changed; come again"));
    }
    say_connected(gateway, connection, snapshot, None, resume_ticket);
    if let Some(brought) = resume::expected(gateway, connection).await {
        if brought.is_poll {
            resume::bring_recent(gateway, connection, &scope, &brought).await?;
        }
        resume::serve(gateway, connection, brought).await?;
    }
    connection.send_early()
}

async fn open_user(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    user: UserId,
    resume_ticket: Option<String>,
) -> Result<(), ErrorBody> {
    gateway.hub.attach_user(user, connection).await?;
    // Chats are listed first to attach to them; rights and tops are read after that.
    let chats = gateway.connect_snapshots.chats_of(user).await?;
    for chat in chats.iter() {
        connection.watch(chat.chat_id, Watch::joining(chat.kind));
    }
    let ids: Vec<ChatId> = chats.iter().map(|chat| chat.chat_id).collect();
    gateway.hub.attach_all(&ids, connection).await?;
    let snapshot = snapshot(gateway, connection).await?;
    let (targets, late) = match &snapshot.chats {
        Chats::Page(page) if page.has_more => {
            targets(connection, connected::known(page, &gateway.connect_snapshots.chats_of(user).await?))
        }
        Chats::Page(page) => targets(connection, connected::known(page, &[])),
        Chats::One(_) | Chats::Unlisted => (Vec::new(), Vec::new()),
    };
    let changed_lately = match &snapshot.chats {
        Chats::Page(page) if connection.has_brought() => resume::changed_lately(page),
        _ => Vec::new(),
    };
    say_connected(gateway, connection, snapshot, None, resume_ticket);
    let brought = resume::expected(gateway, connection).await;
    // It may have come into that chat since its last poll.
    if brought.as_ref().is_some_and(|brought| changed_lately.iter().any(|chat| !brought.names(*chat))) {
        connection.outlet().has_news();
    }
    resume::join_all(gateway, connection, targets, brought).await?;
    let invited = connection.take_invitations();
    for (chat, added_at) in late.into_iter().chain(invited) {
        match join::accept(gateway, connection, chat, added_at).await {
            Err(error) if error.code == ErrorCode::Unavailable => return Err(error),
            // Refused means that it has been taken out again.
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// The chats that it is attached to, and the chats that it came into since.
fn targets(connection: &Connection, known: Vec<Known>) -> (Vec<JoinTarget>, Vec<(ChatId, Seq)>) {
    let (mut targets, mut late) = (Vec::new(), Vec::new());
    for Known { chat, kind, top } in known {
        match connection.generation(chat) {
            Some(generation) => targets.push(JoinTarget { chat, kind, top, generation }),
            None => late.push((chat, top.next())),
        }
    }
    (targets, late)
}

/// The connection is on the hub's lists by now: a right that is taken away after this is enforced there.
async fn snapshot(gateway: &Gateway, connection: &Connection) -> Result<ConnectSnapshot, ErrorBody> {
    let identity = connection.proved()?;
    gateway.revocations.watched().await;
    let snapshot = match identity.principal {
        Principal::Client { session_id } => gateway.connect_snapshots.of_client(session_id).await,
        principal => {
            let connect = Connect { principal, token: identity.grant.token };
            gateway.connect_snapshots.of_account(connect, connection.watch_count()).await
        }
    }?;
    gateway.history.set_epoch(snapshot.epoch);
    connection.outlet().of_epoch(snapshot.epoch);
    Ok(snapshot)
}

fn say_connected(
    gateway: &Gateway,
    connection: &Connection,
    snapshot: ConnectSnapshot,
    cursor: Option<(ChatId, Seq)>,
    resume_ticket: Option<String>,
) {
    let role = match connection.principal() {
        Some(Principal::Client { .. }) => "client",
        Some(Principal::Staff { .. }) => "staff",
        _ => "user",
    };
    let own = Own { id: snapshot.self_id, name: snapshot.name.clone(), workspace: snapshot.workspace };
    let data = Connected {
        connection_id: connection.id.clone(),
        role: role.to_owned(),
        self_id: snapshot.self_id,
        name: snapshot.name,
        epoch: snapshot.epoch,
        ping_interval: gateway.ping_interval.as_secs(),
        chats: Vec::new(),
        more: None,
        workspace: snapshot.workspace,
        resume_ticket,
    };
    let (session_id, seq) = (cursor.map(|(chat, _)| chat), cursor.map(|(_, seq)| seq));
    let frame = match snapshot.chats {
        Chats::Page(page) => connected::with_page(data, page),
        Chats::One(chat) => ServerFrame::Connected { session_id, seq, data: Connected { chats: vec![*chat], ..data } },
        Chats::Unlisted => ServerFrame::Connected { session_id, seq, data },
    };
    connection.tell_quietly(&frame, cursor);
    connection.introduce(own);
    // From here on the hub tells it by itself.
    if let Some(told) = snapshot.workspace {
        gateway.hub.tell_of_workspace_since(connection, told);
    }
}

/// Why it could not be opened decides whether it may come again.
fn refuse_and_close(connection: &Connection, error: ErrorBody) {
    let code = match error.code {
        ErrorCode::Unauthorized | ErrorCode::NotFound => CloseCode::BadToken,
        ErrorCode::Forbidden => CloseCode::Revoked,
        ErrorCode::TokenExpired => CloseCode::TokenExpired,
        ErrorCode::RateLimited => CloseCode::RateLimited,
        _ => CloseCode::Unavailable,
    };
    connection.refuse(error);
    connection.outlet().close(code);
}

// --- listening -----------------------------------------------------------------------------------------------

/// A text frame came. They are served one at a time, in order; a task exists only while there are some.
/// False when too many wait; `when_ready` is called once there is room.
pub(crate) fn receive(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    text: String,
    when_ready: impl FnOnce() + Send + 'static,
) -> bool {
    let queued = connection.queue(text);
    if queued.is_first {
        let (gateway, connection) = (gateway.clone(), connection.clone());
        gateway.runtime.clone().spawn(async move { serve_queue(&gateway, &connection, when_ready).await });
    }
    queued.has_room
}

async fn serve_queue(gateway: &Arc<Gateway>, connection: &Arc<Connection>, when_ready: impl FnOnce()) {
    loop {
        match connection.next_frame() {
            ControlFlow::Continue(text) => serve(gateway, connection, &text).await,
            ControlFlow::Break(was_full) => {
                if was_full {
                    when_ready();
                }
                return;
            }
        }
    }
}

/// Serves one text frame. Whatever goes wrong is told in an `error` frame; the connection stays.
async fn serve(gateway: &Arc<Gateway>, connection: &Arc<Connection>, text: &str) {
    match ClientFrame::parse(text) {
        Err(refused) => {
            // JSON that cannot be read as a whole may still name itself.
            let client_id = refused.client_id.or_else(|| unserved::client_id_of(text));
            connection.refuse_frame(refused.error, client_id, None);
        }
        Ok(frame) if connection.identity().is_none() => init(gateway, connection, frame).await,
        Ok(frame) => client_frames::serve(gateway, connection, frame).await,
    }
}

async fn init(gateway: &Arc<Gateway>, connection: &Arc<Connection>, frame: ClientFrame) {
    let ClientFrame::Init { access_token } = frame else {
        let error = ErrorBody::new(ErrorCode::Unauthorized, "the first frame must be init with an access_token");
        return connection.refuse(error);
    };
    let proved = gateway.credentials.user(&access_token).await;
    match gateway.handshakes.judge(proved, connection.address) {
        Ok(proved) => open(gateway, connection, proved, None).await,
        Err(error) => refuse_and_close(connection, error),
    }
}

// --- closing -------------------------------------------------------------------------------------------------

/// The transport is gone: nothing of it stays behind.
pub(crate) fn gone(gateway: &Gateway, connection: &Arc<Connection>, reason: &str) {
    let was_open = connection.mark_gone();
    leave(gateway, connection);
    gateway.metrics.closed(connection, reason, was_open);
    tracing::debug!(connection = %connection.id, reason, "closed");
}

fn leave(gateway: &Gateway, connection: &Arc<Connection>) {
    for chat in connection.unwatch_all() {
        gateway.hub.detach(chat, connection);
    }
    match connection.principal() {
        Some(Principal::Staff { .. }) => gateway.hub.detach_staff(connection),
        Some(Principal::User { user_id }) => gateway.hub.detach_user(user_id, connection),
        _ => {}
    }
    gateway.limits.release(connection);
}
