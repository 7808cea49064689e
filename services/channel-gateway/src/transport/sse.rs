//! Server-Sent Events: the same frames, server to client only. `id:` is the `seq` with one chat, `<chat>:<seq>` with
//! several; `Last-Event-ID` resumes one chat.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use channel_auth::Purpose;
use chat_events::frame::CloseCode;
use chat_events::gateway_api::Principal;
use chat_events::{ChatId, Epoch, ErrorBody, ErrorCode, Seq};
use futures_util::{Stream, stream};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Duration, Interval, interval};

use super::peer_socket::PeerSocket;
use super::sse_outlet::SseOutlet;
use super::{Outlet, websocket};
use crate::client_address::client_address;
use crate::connection::Connection;
use crate::credentials::{ConnectQuery, Identity, Proof};
use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::lifecycle;
use crate::resume::{CameFrom, Position};

/// How often a stream looks at its token's time.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// `GET /channel/sse`
pub async fn channel(
    gateway: Data<Arc<Gateway>>,
    request: HttpRequest,
    query: Query<ConnectQuery>,
) -> Result<HttpResponse, ApiError> {
    gateway.takes_connections()?;
    check_origin(&gateway, &request)?;
    let came_from = came_from(&request, query.after.as_deref(), query.epoch.as_deref())?;
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(websocket::bearer_token);
    let proof = gateway.credentials.handshake(&query, bearer).await;
    match gateway.handshakes.judge_handshake(proof, address(&gateway, &request))? {
        Proof::Identity(identity) => Ok(open(&gateway, &request, identity, came_from)),
        Proof::None => Err(ErrorBody::new(ErrorCode::Unauthorized, "a token is missing").into()),
    }
}

/// The query of a signed link.
#[derive(Debug, Deserialize)]
pub struct SignedLink {
    sig: String,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    epoch: Option<String>,
}

/// `GET /chat/{id}/stream?sig=…`
pub async fn signed_link(
    gateway: Data<Arc<Gateway>>,
    request: HttpRequest,
    session: Path<ChatId>,
    query: Query<SignedLink>,
) -> Result<HttpResponse, ApiError> {
    gateway.takes_connections()?;
    check_origin(&gateway, &request)?;
    let came_from = came_from(&request, query.after.as_deref(), query.epoch.as_deref())?;
    let proved = gateway.credentials.client(Purpose::Stream, *session, &query.sig);
    let identity = gateway.handshakes.judge(proved, address(&gateway, &request))?;
    Ok(open(&gateway, &request, identity, came_from))
}

fn address(gateway: &Gateway, request: &HttpRequest) -> Option<IpAddr> {
    client_address(request.peer_addr(), request.head().headers(), gateway.rates.trusted_proxies)
}

fn check_origin(gateway: &Gateway, request: &HttpRequest) -> Result<(), ApiError> {
    // The browser's CORS check reads the answer's headers; this one keeps the connection from being opened at all.
    let origin = request.headers().get("origin").and_then(|origin| origin.to_str().ok());
    let host = request.connection_info().host().to_owned();
    if gateway.origins.allow_text(origin, &host) {
        return Ok(());
    }
    Err(ErrorBody::new(ErrorCode::Forbidden, "pages of this origin are not allowed").into())
}

/// Where a stream comes back from. What a browser sends by itself when it reconnects wins over the address that it was
/// given once; the epoch stays that of the address.
fn came_from(request: &HttpRequest, after: Option<&str>, epoch: Option<&str>) -> Result<Option<CameFrom>, ApiError> {
    let epoch = websocket::epoch(epoch)?;
    let header = request.headers().get("last-event-id").filter(|id| !id.is_empty());
    // What is no text is no cursor, and refused as such.
    match header.map(|id| id.to_str().unwrap_or("?")) {
        Some(id) => Ok(Some(last_event_id(id, epoch)?)),
        None => Ok(websocket::cursor(after)?.map(|seq| CameFrom::One(Position { seq, epoch }))),
    }
}

/// What `Last-Event-ID` says.
pub fn last_event_id(id: &str, epoch: Option<Epoch>) -> Result<CameFrom, ErrorBody> {
    if id.contains(':') {
        return Ok(CameFrom::Several);
    }
    let seq = websocket::cursor(Some(id))?.unwrap_or(Seq::ZERO);
    Ok(CameFrom::One(Position { seq, epoch }))
}

fn open(
    gateway: &Arc<Gateway>,
    request: &HttpRequest,
    identity: Identity,
    came_from: Option<CameFrom>,
) -> HttpResponse {
    let has_one_chat = matches!(identity.principal, Principal::Client { .. });
    let (outlet, receiver) = SseOutlet::new(has_one_chat, PeerSocket::of(request), gateway.runtime.clone());
    let outlet = Arc::new(outlet);
    // No frames come that would have to wait until it is open.
    let connection = Arc::new(Connection::new(gateway.next_connection_id(), "sse", outlet.clone(), false));
    let events = Events {
        receiver,
        outlet,
        tick: interval(LOOK_EVERY),
        next_ping: Instant::now() + gateway.ping_interval,
        guard: Guard { gateway: gateway.clone(), connection: connection.clone() },
    };
    let (gateway, runtime) = (gateway.clone(), gateway.runtime.clone());
    runtime.spawn(async move { lifecycle::open(&gateway, &connection, identity, came_from).await });
    HttpResponse::Ok()
        .force_close()
        .content_type("text/event-stream")
        .insert_header(("cache-control", "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events.into_stream())
}

/// The body of the answer.
struct Events {
    receiver: mpsc::UnboundedReceiver<Bytes>,
    outlet: Arc<SseOutlet>,
    tick: Interval,
    next_ping: Instant,
    guard: Guard,
}

impl Events {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut events| async move {
            let bytes = events.next().await?;
            Some((Ok(bytes), events))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                biased;
                bytes = self.receiver.recv() => {
                    let Some(bytes) = bytes else { return self.outlet.take_farewell() };
                    self.outlet.took(bytes.len());
                    // Who was too slow fetches the rest when it is back.
                    if self.outlet.ended() != Some(CloseCode::SlowConsumer) {
                        return Some(bytes);
                    }
                }
                _ = self.tick.tick() => {
                    if let Some(ping) = self.look() {
                        return Some(ping);
                    }
                }
            }
        }
    }

    /// Ends a stream whose token's time is over; says that it lives, which also finds out whether the peer does.
    fn look(&mut self) -> Option<Bytes> {
        let now = Instant::now();
        let connection = &self.guard.connection;
        if connection.grant().is_some_and(|grant| now >= grant.expires_at) {
            self.outlet.close(CloseCode::TokenExpired);
        }
        if now < self.next_ping {
            return None;
        }
        self.next_ping = now + self.guard.gateway.ping_interval;
        Some(Bytes::from_static(b": ping\n\n"))
    }
}

/// When actix drops the body, for whatever reason, the connection is gone.
struct Guard {
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
}

impl Drop for Events {
    fn drop(&mut self) {
        let reason = self.outlet.ended().map_or("peer gone", CloseCode::reason);
        self.outlet.peer_gone();
        lifecycle::gone(&self.guard.gateway, &self.guard.connection, reason);
    }
}
