//! Server-Sent Events: the same frames, server to client only. `id:` is `<epoch>:<seq>` with one chat,
//! `<epoch>:<chat>:<seq>` with several; `Last-Event-ID` resumes one chat.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use channel_auth::Purpose;
use chat_events::frame::CloseCode;
use chat_events::gateway_api::Principal;
use chat_events::{ChatId, ErrorBody, ErrorCode};
use futures_util::{Stream, stream};
use http_server::ChannelPermit;
use rate_limits::client_address;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Duration, Interval, interval};

use super::poller::SEND_BUFFER;
use super::sse_outlet::SseOutlet;
use super::{Outlet, stream_text, websocket};
use crate::auth::credentials::{ConnectQuery, Proof, Proved};
use crate::auth::origins::{self, Page};
use crate::catch_up::cursor::{self, CameFrom};
use crate::connection::Connection;
use crate::connection::lifecycle;
use crate::gateway::Gateway;
use crate::ops::error::ApiError;

/// How often a stream looks at its token's time.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The longest time between two pings of a stream: proxies cut a stream that is silent for 20 s.
const PING_AT_MOST: Duration = Duration::from_secs(15);
/// A client that is refused because of an outage comes again after this time at least.
pub(super) const AT_LEAST: Duration = Duration::from_secs(1);
/// Of a proxy before several gateways, which asks the next one where it is told 503.
const FAILOVER: &str = "x-failover";

/// `GET /channel/sse`
pub(crate) async fn channel(
    gateway: Data<Arc<Gateway>>,
    request: HttpRequest,
    query: Query<ConnectQuery>,
) -> Result<HttpResponse, ApiError> {
    let (came_from, page) = match may_come(&gateway, &request, query.after.as_deref(), query.epoch.as_deref()) {
        Ok(may_come) => may_come,
        Err(error) => return refuse(&gateway, &request, error),
    };
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(websocket::bearer_token);
    let proof = gateway.credentials.handshake(&query, bearer).await;
    let is_bad = proof.as_ref().is_err_and(|error| error.code == ErrorCode::Unauthorized);
    let proof = gateway.handshakes.judge_handshake(proof, address(&gateway, &request));
    match proof.and_then(|proof| proof.brought_by(&gateway.pages, page)) {
        Ok(Proof::Token(proved)) => open(&gateway, &request, proved, came_from),
        Ok(Proof::None) => Err(ErrorBody::new(ErrorCode::Unauthorized, "a token is missing").into()),
        // However often it was shown: it does not become better.
        Err(error) if is_bad => Err(error.into()),
        Err(error) => refuse(&gateway, &request, error),
    }
}

/// The query of a signed link.
#[derive(Debug, Deserialize)]
pub(crate) struct SignedLink {
    sig: String,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    epoch: Option<String>,
}

/// `GET /chat/{id}/stream?sig=…`
pub(crate) async fn signed_link(
    gateway: Data<Arc<Gateway>>,
    request: HttpRequest,
    session: Path<ChatId>,
    query: Query<SignedLink>,
) -> Result<HttpResponse, ApiError> {
    let (came_from, page) = match may_come(&gateway, &request, query.after.as_deref(), query.epoch.as_deref()) {
        Ok(may_come) => may_come,
        Err(error) => return refuse(&gateway, &request, error),
    };
    let proved = gateway.credentials.client(Purpose::Stream, *session, &query.sig);
    let is_bad = proved.is_err();
    match gateway.handshakes.judge(proved, address(&gateway, &request)) {
        Ok(proved) => open(&gateway, &request, Proved { page, ..proved }, came_from),
        Err(error) if is_bad => Err(error.into()),
        Err(error) => refuse(&gateway, &request, error),
    }
}

/// The checks before the token is looked at; returns where the stream comes back from, and its page.
fn may_come(
    gateway: &Gateway,
    request: &HttpRequest,
    after: Option<&str>,
    epoch: Option<&str>,
) -> Result<(Option<CameFrom>, Page), ErrorBody> {
    gateway.takes_connections()?;
    let page = page(gateway, request)?;
    Ok((came_from(request, after, epoch)?, page))
}

/// A browser's EventSource ends for good at any answer that is not 200. So a passing refusal is told in a stream, which
/// says when to come again; a lasting one is an HTTP error.
fn refuse(gateway: &Gateway, request: &HttpRequest, error: ErrorBody) -> Result<HttpResponse, ApiError> {
    let Passing { code, wait } = passing(gateway, request, error)?;
    let back_in = wait.max(AT_LEAST) + gateway.reconnect_within.mul_f64(rand::random());
    Ok(event_stream().body(stream_text::farewell(code, Some(back_in))))
}

/// A refusal of one who may come again as before.
pub(super) struct Passing {
    /// As a connection would be closed.
    pub(super) code: CloseCode,
    /// It is over after that time, if it is known.
    pub(super) wait: Duration,
}

/// The refusal, if it passes; else the error to answer with.
pub(super) fn passing(gateway: &Gateway, request: &HttpRequest, error: ErrorBody) -> Result<Passing, ApiError> {
    let gone_in = gateway.gone_in();
    let code = match error.code {
        ErrorCode::Unavailable if gone_in.is_some() => CloseCode::Restart,
        ErrorCode::Unavailable | ErrorCode::Internal => CloseCode::Unavailable,
        ErrorCode::RateLimited => CloseCode::RateLimited,
        _ => return Err(error.into()),
    };
    // Another gateway may serve it.
    if code != CloseCode::RateLimited && request.headers().contains_key(FAILOVER) {
        return Err(error.into());
    }
    let asked = error.details.get("retry_after_ms").and_then(serde_json::Value::as_u64).map(Duration::from_millis);
    Ok(Passing { code, wait: gone_in.or(asked).unwrap_or_default() })
}

/// The head of a stream. Neither kept nor changed on the way, nor held back to be sent with more.
fn event_stream() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .force_close()
        .content_type("text/event-stream")
        .insert_header(("cache-control", "no-store, no-transform"))
        .insert_header(("x-accel-buffering", "no"));
    response
}

pub(super) fn address(gateway: &Gateway, request: &HttpRequest) -> Option<IpAddr> {
    client_address(request.peer_addr(), request.head().headers(), gateway.rates.trusted_proxies)
}

/// The browser's CORS check reads the answer's headers; this one keeps the connection from being opened at all.
pub(super) fn page(gateway: &Gateway, request: &HttpRequest) -> Result<Page, ErrorBody> {
    let origin = request.headers().get("origin").map(|origin| origin.to_str().unwrap_or("null"));
    let host = request.connection_info().host().to_owned();
    origins::page_of(&gateway.pages, origin, &host)
}

/// Where a stream comes back from. The header that a browser sends by itself when it reconnects wins over the address
/// that it was given once; an id of an older version, which names no epoch, is of that of the address.
fn came_from(request: &HttpRequest, after: Option<&str>, epoch: Option<&str>) -> Result<Option<CameFrom>, ErrorBody> {
    let epoch = cursor::epoch(epoch)?;
    let given = cursor::after(after, epoch)?;
    let header = request.headers().get("last-event-id").filter(|id| !id.is_empty());
    // A header that is no text is no position.
    Ok(match header.map(|id| id.to_str().unwrap_or("?")) {
        Some(id) => Some(cursor::last_event_id(id, epoch.or(given.map(|given| given.epoch)))),
        None => given.map(CameFrom::One),
    })
}

fn open(
    gateway: &Arc<Gateway>,
    request: &HttpRequest,
    proved: Proved,
    came_from: Option<CameFrom>,
) -> Result<HttpResponse, ApiError> {
    let permit = match gateway.connections.open_channel(address(gateway, request), true) {
        Ok(permit) => permit,
        Err(error) => return refuse(gateway, request, error),
    };
    let has_one_chat = matches!(proved.identity.principal, Principal::Client { .. });
    let behind = request.conn_data::<Arc<http_server::Connection>>();
    if let Some(behind) = behind {
        behind.begin_stream(SEND_BUFFER);
    }
    let (outlet, receiver) = SseOutlet::new(has_one_chat, behind.map(Arc::downgrade), gateway.runtime.clone());
    let outlet = Arc::new(outlet);
    // No frames come that would have to wait until it is open.
    let connection = Arc::new(Connection::new(gateway.next_connection_id(), "sse", outlet.clone(), false));
    let ping_every = (gateway.ping_interval / 2).clamp(Duration::from_millis(1), PING_AT_MOST);
    let events = Events {
        opening: Some(stream_text::opening()),
        receiver,
        outlet,
        tick: interval(LOOK_EVERY.min(ping_every)),
        ping_every,
        next_ping: Instant::now() + ping_every,
        guard: Guard { gateway: gateway.clone(), connection: connection.clone(), _permit: permit },
    };
    let (gateway, runtime) = (gateway.clone(), gateway.runtime.clone());
    runtime.spawn(async move { lifecycle::open(&gateway, &connection, proved, came_from).await });
    Ok(event_stream().streaming(events.into_stream()))
}

/// The body of the answer.
struct Events {
    opening: Option<Bytes>,
    receiver: mpsc::UnboundedReceiver<Bytes>,
    outlet: Arc<SseOutlet>,
    tick: Interval,
    ping_every: Duration,
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
        if let Some(opening) = self.opening.take() {
            return Some(opening);
        }
        loop {
            tokio::select! {
                biased;
                bytes = self.receiver.recv() => {
                    let Some(bytes) = bytes else { return self.outlet.take_farewell() };
                    self.outlet.took(bytes.len());
                    // A slow client fetches the rest when it reconnects.
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
        // At the next look it would be late.
        if now + self.tick.period() <= self.next_ping {
            return None;
        }
        self.next_ping = now + self.ping_every;
        Some(Bytes::from_static(b": ping\n\n"))
    }
}

/// When actix drops the body, for whatever reason, the connection is gone.
struct Guard {
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
    /// It is counted as long as it is here.
    _permit: ChannelPermit,
}

impl Drop for Events {
    fn drop(&mut self) {
        let reason = self.outlet.ended().map_or("peer gone", CloseCode::reason);
        self.outlet.peer_gone();
        lifecycle::gone(&self.guard.gateway, &self.guard.connection, reason);
    }
}
