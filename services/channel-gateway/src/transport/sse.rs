//! Server-Sent Events: the same frames, server to client only. `id:` is the `seq` with one chat, `<chat>:<seq>` with
//! several; `Last-Event-ID` resumes one chat.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use channel_auth::Purpose;
use chat_events::frame::{CloseCode, ServerFrame};
use chat_events::gateway_api::Principal;
use chat_events::{ChatId, ErrorBody, ErrorCode, Seq};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, stream};
use serde::Deserialize;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Duration, Interval, interval};

use super::socket::MAX_UNSENT;
use super::{Outlet, websocket};
use crate::client_address::client_address;
use crate::connection::Connection;
use crate::credentials::{ConnectQuery, Identity, Proof};
use crate::error::ApiError;
use crate::frames::Frame;
use crate::gateway::Gateway;
use crate::lifecycle;

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
    let after = cursor(&request, query.after.as_deref())?;
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(websocket::bearer_token);
    let proof = gateway.credentials.handshake(&query, bearer).await;
    match gateway.handshakes.judge_handshake(proof, address(&gateway, &request))? {
        Proof::Identity(identity) => Ok(open(&gateway, identity, after)),
        Proof::None => Err(ErrorBody::new(ErrorCode::Unauthorized, "a token is missing").into()),
    }
}

/// The query of a signed link.
#[derive(Debug, Deserialize)]
pub struct SignedLink {
    sig: String,
    #[serde(default)]
    after: Option<String>,
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
    let after = cursor(&request, query.after.as_deref())?;
    let proved = gateway.credentials.client(Purpose::Stream, *session, &query.sig);
    let identity = gateway.handshakes.judge(proved, address(&gateway, &request))?;
    Ok(open(&gateway, identity, after))
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

/// What a browser sends by itself when it reconnects wins over the address that it was given once.
fn cursor(request: &HttpRequest, query: Option<&str>) -> Result<Option<Cursor>, ApiError> {
    let header = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    match header {
        Some(id) if id.contains(':') => Ok(Some(Cursor::Several)),
        Some(id) => Ok(websocket::cursor(Some(id))?.map(Cursor::One)),
        None => Ok(websocket::cursor(query)?.map(Cursor::One)),
    }
}

enum Cursor {
    One(Seq),
    Several,
}

fn open(gateway: &Arc<Gateway>, identity: Identity, cursor: Option<Cursor>) -> HttpResponse {
    let (sender, receiver) = mpsc::unbounded_channel();
    let has_one_chat = matches!(identity.principal, Principal::Client { .. });
    let outlet = Arc::new(SseOutlet { has_one_chat, sender: Mutex::new(Some(sender)), ..SseOutlet::default() });
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
    runtime.spawn(async move {
        let after = match cursor {
            Some(Cursor::One(seq)) if has_one_chat => Some(seq),
            _ => None,
        };
        lifecycle::open(&gateway, &connection, identity, after).await;
        if cursor.is_some() && !has_one_chat {
            connection.tell(&ServerFrame::Resync { why: "several".to_owned(), chats: Vec::new() });
        }
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("cache-control", "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events.into_stream())
}

/// The way out of an SSE stream. The queue is bounded by [`MAX_UNSENT`] bytes.
#[derive(Default)]
struct SseOutlet {
    has_one_chat: bool,
    sender: Mutex<Option<mpsc::UnboundedSender<Bytes>>>,
    unsent: AtomicUsize,
    taken: Notify,
    ended: Mutex<Option<CloseCode>>,
}

impl SseOutlet {
    fn push(&self, text: String) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref() {
            self.unsent.fetch_add(text.len(), Ordering::AcqRel);
            // A stream that is gone is cleared up by its guard.
            let _ = sender.send(Bytes::from(text));
        }
    }

    fn took(&self, bytes: usize) {
        self.unsent.fetch_sub(bytes, Ordering::AcqRel);
        self.taken.notify_waiters();
    }

    fn ended(&self) -> Option<CloseCode> {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet for SseOutlet {
    fn send(&self, frame: &Frame, at: Option<(ChatId, Seq)>) {
        let id = match at {
            Some((_, seq)) if self.has_one_chat => format!("id: {seq}\n"),
            Some((chat, seq)) => format!("id: {chat}:{seq}\n"),
            None => String::new(),
        };
        let json = frame.json();
        // JSON of ours holds no line breaks, so one data line is enough.
        self.push(format!("{id}data: {}\n\n", String::from_utf8_lossy(&json)));
        if self.unsent.load(Ordering::Acquire) > MAX_UNSENT {
            self.close(CloseCode::SlowConsumer);
        }
    }

    /// `retry:` has a browser wait that long by itself.
    fn close_until(&self, code: CloseCode, back_in: Option<Duration>) {
        {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            if ended.is_some() {
                return;
            }
            *ended = Some(code);
        }
        let mut data = serde_json::json!({"code": code.code(), "reason": code.reason()});
        let mut retry = String::new();
        if let Some(wait) = back_in.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)) {
            data["retry_after_ms"] = wait.into();
            retry = format!("retry: {wait}\n");
        }
        self.push(format!("{retry}event: close\ndata: {data}\n\n"));
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.taken.notify_waiters();
    }

    fn below(&self, bytes: usize) -> BoxFuture<'_, ()> {
        async move {
            loop {
                let taken = self.taken.notified();
                if self.unsent.load(Ordering::Acquire) < bytes || self.is_closed() {
                    return;
                }
                taken.await;
            }
        }
        .boxed()
    }

    fn is_closed(&self) -> bool {
        self.ended().is_some()
    }
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
                    let bytes = bytes?;
                    self.outlet.took(bytes.len());
                    return Some(bytes);
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
        self.outlet.close(CloseCode::Idle);
        lifecycle::gone(&self.guard.gateway, &self.guard.connection, reason);
    }
}
