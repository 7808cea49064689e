//! Long polling: a request that is answered with the frames that there are above its cursors, or as soon as there are some.
//!
//! A poll is a connection like any other for as long as it waits: listed, limited, closed when rights are taken. It keeps nothing
//! between two requests, so any gateway answers the next one. While it waits it has no task: the request's own future waits, and
//! is dropped when its peer hangs up.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Data, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use bytes::{BufMut, Bytes, BytesMut};
use chat_events::frame::CloseCode;
use chat_events::gateway_api::Principal;
use chat_events::{ErrorBody, ErrorCode};
use http_server::ChannelPermit;
use tokio::time::timeout_at;

use super::poll_outlet::{End, PollOutlet, Stage};
use super::poll_request::{MAX_BODY, MAX_CLIENT_BODY, PollRequest};
use super::sse::{self, Passing};
use super::{Outlet, stream_text, websocket};
use crate::auth::credentials::{ConnectQuery, Proved, Shown};
use crate::catch_up::cursor::{self, CameFrom};
use crate::catch_up::resume::Cursors;
use crate::connection::{Connection, lifecycle};
use crate::gateway::Gateway;
use crate::ops::error::ApiError;
use crate::transport::frames::Frame;

/// How long it may take until all that was missed is gathered, or the answer is full.
const OPENS_WITHIN: Duration = Duration::from_secs(20);
/// After the first of the news: what is written together comes together.
const LINGER: Duration = Duration::from_millis(15);

/// `POST /channel/poll`
pub(crate) async fn channel(
    gateway: Data<Arc<Gateway>>,
    request: HttpRequest,
    query: Query<ConnectQuery>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let began = Instant::now();
    match asked(&gateway, &request, &query, payload).await {
        Ok(asked) => match Poll::begin(&gateway, &request, asked) {
            Ok(poll) => Ok(poll.answer(began).await),
            Err(error) => refuse(&gateway, &request, error),
        },
        Err(Refusal::Lasting(error)) => Err(error.into()),
        Err(Refusal::Any(error)) => refuse(&gateway, &request, error),
    }
}

/// A poll that may come in.
struct Asked {
    proved: Proved,
    wait: Duration,
    from: Cursor,
}

/// Where it goes on from.
enum Cursor {
    /// The one chat of a client.
    One(Option<CameFrom>),
    /// The chats of an account.
    Many(Option<Box<[Cursors]>>),
}

enum Refusal {
    /// As long as the request is the same, whatever its code.
    Lasting(ErrorBody),
    Any(ErrorBody),
}

impl From<ErrorBody> for Refusal {
    fn from(error: ErrorBody) -> Self {
        Self::Any(error)
    }
}

/// The token comes first, so that a stranger's body is not read. Who it is for stands in the body.
async fn asked(
    gateway: &Gateway,
    request: &HttpRequest,
    query: &ConnectQuery,
    payload: Payload,
) -> Result<Asked, Refusal> {
    gateway.takes_connections()?;
    let page = sse::page(gateway, request)?;
    check_type(request)?;
    let address = sse::address(gateway, request);
    let shown = match shown(gateway, request, query).await {
        Ok(shown) => shown,
        Err(error) => return Err(bad_proof(gateway, error, address)),
    };
    let body = read(payload, if shown.is_client() { MAX_CLIENT_BODY } else { MAX_BODY }).await?;
    let poll = PollRequest::read(&body)?;
    let named = query.session.as_deref().map(str::parse).transpose();
    let named = named.map_err(|_| ErrorBody::field(ErrorCode::BadRequest, "session", "session is not a session id"))?;
    let kind = poll.r#type.as_deref().or(query.r#type.as_deref());
    let proved = match gateway.credentials.as_whom(shown, poll.session_id.or(named), kind) {
        Ok(proved) => gateway.handshakes.judge(Ok(proved), address)?.brought_by(&gateway.pages, page)?,
        Err(error) => return Err(bad_proof(gateway, error, address)),
    };
    let wait = poll.wait();
    let from = match proved.identity.principal {
        Principal::Client { session_id } => {
            let epoch = cursor::epoch(query.epoch.as_deref())?;
            let in_query = cursor::after(query.after.as_deref(), epoch)?;
            Cursor::One(poll.position(session_id)?.or(in_query).map(CameFrom::One))
        }
        Principal::Staff { .. } | Principal::User { .. } => Cursor::Many(poll.cursors()?),
    };
    Ok(Asked { proved, wait, from })
}

/// The body is JSON; a page may say that it is text, which spares it a preflight.
fn check_type(request: &HttpRequest) -> Result<(), ErrorBody> {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    let kind = text(CONTENT_TYPE).map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let is_known = kind.is_none_or(|kind| matches!(kind.as_str(), "application/json" | "text/plain"));
    if is_known && text(CONTENT_ENCODING).is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity")) {
        return Ok(());
    }
    Err(ErrorBody::new(ErrorCode::UnsupportedMediaType, "the body must be application/json or text/plain, as it is"))
}

async fn shown(gateway: &Gateway, request: &HttpRequest, query: &ConnectQuery) -> Result<Shown, ErrorBody> {
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(websocket::bearer_token);
    let token = query.access_token.as_deref().or(query.token.as_deref()).or(bearer);
    let token = token.ok_or_else(|| ErrorBody::new(ErrorCode::Unauthorized, "a token is missing"))?;
    gateway.credentials.shown(token).await
}

/// However often a bad token was shown: it does not become better.
fn bad_proof(gateway: &Gateway, error: ErrorBody, address: Option<IpAddr>) -> Refusal {
    let is_bad = error.code == ErrorCode::Unauthorized;
    let error = gateway.handshakes.refused(error, address);
    if is_bad { Refusal::Lasting(error) } else { Refusal::Any(error) }
}

async fn read(payload: Payload, limit: usize) -> Result<Bytes, ErrorBody> {
    match payload.to_bytes_limited(limit).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(ErrorBody::new(ErrorCode::BadRequest, "the body could not be read")),
        Err(_) => Err(ErrorBody::new(ErrorCode::TooLarge, "the body is too large").with("limit", limit)),
    }
}

/// A passing refusal is an answer like any other, and says when to come again; a lasting one is an HTTP error.
fn refuse(gateway: &Gateway, request: &HttpRequest, error: ErrorBody) -> Result<HttpResponse, ApiError> {
    let Passing { code, wait } = sse::passing(gateway, request, error)?;
    // A client that polls too often is told to the moment. In an outage there are many that come back.
    let back_in = match code {
        CloseCode::RateLimited => wait,
        _ => wait.max(sse::AT_LEAST) + gateway.reconnect_within.mul_f64(rand::random()),
    };
    Ok(answer(&[], Some((code, Some(back_in)))))
}

/// A poll that waits. Where it goes, the connection is gone.
struct Poll {
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
    outlet: Arc<PollOutlet>,
    /// None for one that is answered as soon as it is open.
    wait: Option<Duration>,
    reason: &'static str,
    /// It is counted as long as it is here.
    _permit: ChannelPermit,
}

impl Poll {
    fn begin(gateway: &Arc<Gateway>, request: &HttpRequest, asked: Asked) -> Result<Self, ErrorBody> {
        let permit = gateway.connections.open_channel(sse::address(gateway, request), true)?;
        if let Some(behind) = request.conn_data::<Arc<http_server::Connection>>()
            && !behind.end_with_peer()
        {
            return Err(ErrorBody::new(ErrorCode::BadRequest, "the peer has gone"));
        }
        let Asked { proved, wait, from } = asked;
        let outlet = Arc::new(PollOutlet::default());
        let connection = Connection::new(gateway.next_connection_id(), "poll", outlet.clone(), false);
        let (connection, came_from, has_cursors) = match from {
            Cursor::One(came_from) => (connection, came_from, came_from.is_some()),
            Cursor::Many(None) => (connection, None, false),
            Cursor::Many(Some(cursors)) => (connection.bringing(cursors), None, true),
        };
        let connection = Arc::new(connection);
        let poll = Self {
            gateway: gateway.clone(),
            connection: connection.clone(),
            outlet: outlet.clone(),
            wait: has_cursors.then_some(wait),
            reason: "peer gone",
            _permit: permit,
        };
        let gateway = gateway.clone();
        gateway.runtime.clone().spawn(async move {
            lifecycle::open(&gateway, &connection, proved, came_from).await;
            outlet.opened();
        });
        Ok(poll)
    }

    async fn answer(mut self, began: Instant) -> HttpResponse {
        self.gather(began).await;
        let (frames, end) = self.outlet.finish();
        let close = match end {
            Some(End::Closed(code, back_in)) => Some((code, back_in)),
            Some(End::Full | End::Over) | None => None,
        };
        self.reason = close.map_or("answered", |(code, _)| code.reason());
        // Off all lists and counts before the peer has the answer, and comes again.
        drop(self);
        answer(&frames, close)
    }

    /// Returns when there is something to answer, or it has waited long enough.
    async fn gather(&self, began: Instant) {
        let (mut has_waited, mut lingers_until) = (false, None);
        loop {
            let (stage, changed) = self.outlet.stage();
            let until = match (stage, self.wait) {
                (Stage::Ended, _) | (Stage::Waiting | Stage::News, None) => return,
                // All that was missed is there.
                (Stage::News, _) if !has_waited => return,
                (Stage::Opening, _) => began + OPENS_WITHIN,
                (Stage::News, _) => *lingers_until.get_or_insert_with(|| Instant::now() + LINGER),
                (Stage::Waiting, Some(wait)) => began + wait,
            };
            has_waited |= stage == Stage::Waiting;
            let expires_at = self.connection.grant().map_or(until, |grant| grant.expires_at);
            if timeout_at(until.min(expires_at).into(), changed).await.is_ok() {
                continue;
            }
            match stage {
                _ if expires_at < until => self.outlet.close(CloseCode::TokenExpired),
                Stage::Opening => self.outlet.close(CloseCode::Unavailable),
                _ => return,
            }
        }
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        drop(self.outlet.finish());
        lifecycle::gone(&self.gateway, &self.connection, self.reason);
    }
}

fn answer(frames: &[Frame], close: Option<(CloseCode, Option<Duration>)>) -> HttpResponse {
    let mut body = BytesMut::from(&br#"{"frames":["#[..]);
    for (index, frame) in frames.iter().enumerate() {
        if index > 0 {
            body.put_u8(b',');
        }
        body.extend_from_slice(&frame.json());
    }
    let close = close.map(|(code, back_in)| stream_text::close(code, back_in));
    body.extend_from_slice(br#"],"close":"#);
    body.extend_from_slice(serde_json::json!(close).to_string().as_bytes());
    body.put_u8(b'}');
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((CACHE_CONTROL, "no-store, no-transform"))
        .body(body.freeze())
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    #[actix_web::test]
    async fn an_answer_is_json_with_its_frames_as_they_are() {
        let told = async |frames: &[Frame], close| {
            let body = to_bytes(answer(frames, close).into_body()).await.expect("a body");
            String::from_utf8(body.to_vec()).expect("text")
        };
        assert_eq!(told(&[], None).await, r#"{"frames":[],"close":null}"#);
        let frames = [Frame::text(r#"{"a":1.10}"#), Frame::text("{}")];
        let wait = Duration::from_millis(1830);
        assert_eq!(
            told(&frames, Some((CloseCode::Restart, Some(wait)))).await,
            r#"{"frames":[{"a":1.10},{}],"close":{"code":4004,"reason":"restart","retry_after_ms":1830}}"#
        );
    }
}
