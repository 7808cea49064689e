//! The WebSocket handshake: proves the token while HTTP can still say no, then hands the socket to a poller.

use std::io::Write;
use std::net::{IpAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use actix_http::{HttpMessage, Request, header, ws};
use chat_events::frame::{CloseCode, MAX_FRAME_BYTES};
use chat_events::{Epoch, ErrorBody, ErrorCode, ErrorEnvelope, Seq};
use tokio::io::AsyncWriteExt;

use super::codec::Incoming;
use super::echo;
use super::poller::{Limits, Peer};
use super::socket::{Ending, Socket};
use crate::client_address::client_address;
use crate::connection::Connection;
use crate::credentials::{ConnectQuery, Proof};
use crate::error::retry_after;
use crate::frame_rate::{self, FrameRate, Verdict};
use crate::gateway::Gateway;
use crate::lifecycle;
use crate::resume::Position;

/// Where channels are.
pub(super) const CHANNEL: &str = "/channel/ws";
/// The same for short.
pub(super) const SHORT: &str = "/ws";

/// How long a connection without a token may take to send `init`.
const INIT_WITHIN: Duration = Duration::from_secs(5);

/// Serves one upgrade request to its end; afterwards the socket, which does not block, is the poller's. `rest` is what was
/// read behind the request.
pub async fn serve(gateway: Arc<Gateway>, request: Request, io: TcpStream, rest: &[u8]) {
    let served = match accept(&gateway, &request).await {
        Ok(accepted) => switch(&gateway, io, &request, rest, accepted),
        Err(error) => refuse(io, &error).await,
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a handshake was not finished");
    }
}

/// What a handshake brought.
struct Opening {
    proof: Proof,
    after: Option<Position>,
    expects_resume: bool,
    address: Option<IpAddr>,
}

enum Accepted {
    Channel(Opening),
    Echo,
}

async fn accept(gateway: &Gateway, request: &Request) -> Result<Accepted, ErrorBody> {
    ws::verify_handshake(request.head()).map_err(|why| ErrorBody::new(ErrorCode::BadRequest, why.to_string()))?;
    match request.path() {
        CHANNEL | SHORT => {}
        echo::PATH if gateway.serves_echo() => return Ok(Accepted::Echo),
        _ => return Err(ErrorBody::new(ErrorCode::NotFound, "there is no WebSocket at this path")),
    }
    gateway.takes_connections()?;
    if !gateway.origins.allow(request.headers()) {
        return Err(ErrorBody::new(ErrorCode::Forbidden, "pages of this origin are not allowed"));
    }
    let query = actix_web::web::Query::<ConnectQuery>::from_query(request.uri().query().unwrap_or_default())
        .map_err(|_| ErrorBody::new(ErrorCode::BadRequest, "the query cannot be read"))?
        .into_inner();
    let (epoch, expects_resume) = (epoch(query.epoch.as_deref())?, query.expects_resume()?);
    let after = cursor(query.after.as_deref())?.map(|seq| Position { seq, epoch });
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(bearer_token);
    let address = client_address(request.peer_addr(), request.headers(), gateway.rates.trusted_proxies);
    let proof = gateway.credentials.handshake(&query, bearer).await;
    let proof = gateway.handshakes.judge_handshake(proof, address)?;
    Ok(Accepted::Channel(Opening { proof, after, expects_resume, address }))
}

/// A cursor as it stands in a query or header.
pub fn cursor(text: Option<&str>) -> Result<Option<Seq>, ErrorBody> {
    match text.map(str::parse::<Seq>) {
        None => Ok(None),
        Some(Ok(seq)) if seq >= Seq::ZERO => Ok(Some(seq)),
        Some(_) => Err(ErrorBody::field(ErrorCode::BadRequest, "after", "after is a seq: 0 or more")),
    }
}

/// The epoch that a cursor is of, as it stands in a query.
pub fn epoch(text: Option<&str>) -> Result<Option<Epoch>, ErrorBody> {
    let bad = |_| ErrorBody::field(ErrorCode::BadRequest, "epoch", "epoch is a number");
    text.map(|text| text.parse().map(Epoch)).transpose().map_err(bad)
}

/// The token of an `Authorization: Bearer` header.
pub fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn switch(
    gateway: &Arc<Gateway>,
    mut io: TcpStream,
    request: &Request,
    rest: &[u8],
    accepted: Accepted,
) -> std::io::Result<()> {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).map_or(&b""[..], |key| key.as_bytes());
    let accept = ws::hash_key(key);
    let mut answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n".to_vec();
    answer.extend_from_slice(b"Sec-WebSocket-Accept: ");
    answer.extend_from_slice(&accept);
    answer.extend_from_slice(b"\r\n\r\n");
    // The first bytes of a connection always fit in its send buffer.
    io.write_all(&answer)?;
    io.set_nodelay(true)?;
    match accepted {
        Accepted::Echo => gateway.pollers.take_over(io, rest, echo::LIMITS, |_| Arc::new(echo::Echo)),
        Accepted::Channel(opening) => {
            let limits = Limits { max_message: MAX_FRAME_BYTES, ping_interval: gateway.ping_interval };
            gateway.pollers.take_over(io, rest, limits, |socket| begin(gateway, socket, opening))
        }
    }
}

fn begin(gateway: &Arc<Gateway>, socket: &Arc<Socket>, opening: Opening) -> Arc<dyn Peer> {
    let Opening { proof, after, expects_resume, address } = opening;
    let brings_proof = matches!(proof, Proof::Identity(_));
    let id = gateway.next_connection_id();
    let connection = Connection::new(id, "websocket", socket.clone(), brings_proof).expecting_resume(expects_resume);
    let connection = Arc::new(connection.from(address));
    if let Proof::Identity(identity) = proof {
        let socket = socket.clone();
        let when_ready = move || socket.ask_attention();
        let opening = lifecycle::open_and_listen(gateway.clone(), connection.clone(), identity, after, when_ready);
        gateway.runtime.spawn(opening);
    }
    Arc::new(ChannelPeer { gateway: gateway.clone(), connection, rate: OnceLock::new() })
}

/// An HTTP answer in the error shape; then the connection ends.
async fn refuse(io: TcpStream, error: &ErrorBody) -> std::io::Result<()> {
    let mut io = tokio::net::TcpStream::from_std(io)?;
    let body = serde_json::to_vec(&ErrorEnvelope { error: error.clone() })?;
    let status = actix_http::StatusCode::from_u16(error.code.status()).unwrap_or_default();
    let version = if error.code == ErrorCode::BadRequest { "Sec-WebSocket-Version: 13\r\n" } else { "" };
    let wait = retry_after(error).map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{version}{wait}Connection: close\r\n\r\n",
        body.len()
    );
    io.write_all(head.as_bytes()).await?;
    io.write_all(&body).await?;
    io.shutdown().await
}

struct ChannelPeer {
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
    /// From the first frame on: most connections only listen.
    rate: OnceLock<Option<Box<FrameRate>>>,
}

impl ChannelPeer {
    /// False when the frame came too soon. That is said at once, before answers to earlier frames.
    fn is_in_time(&self, text: &str) -> bool {
        let rate = self.rate.get_or_init(|| FrameRate::new(&self.gateway.rates).map(Box::new));
        match rate.as_ref().map_or(Verdict::Pass, |rate| rate.take()) {
            Verdict::Pass => return true,
            Verdict::Wait(wait) => {
                let (client_id, chat_id) = frame_rate::names_of(text);
                self.connection.refuse_frame(frame_rate::too_fast(wait), client_id, chat_id);
            }
            Verdict::Flood => self.connection.outlet().close(CloseCode::RateLimited),
        }
        false
    }
}

impl Peer for ChannelPeer {
    fn message(&self, incoming: Incoming, socket: &Arc<Socket>) -> bool {
        let Incoming::Text(text) = incoming else {
            let code = CloseCode::BadFrame;
            socket.close_with(Some(code.code()), code.reason());
            return true;
        };
        if !self.is_in_time(&text) {
            return true;
        }
        let socket = socket.clone();
        lifecycle::receive(&self.gateway, &self.connection, text, move || socket.ask_attention())
    }

    fn is_ready(&self) -> bool {
        self.connection.has_room()
    }

    fn overdue(&self, now: Instant) -> Option<CloseCode> {
        match self.connection.grant() {
            Some(grant) => (now >= grant.expires_at).then_some(CloseCode::TokenExpired),
            None => (now >= self.connection.opened() + INIT_WITHIN).then_some(CloseCode::InitTimeout),
        }
    }

    fn pinged(&self, took: Duration) {
        self.gateway.metrics.pinged(took);
    }

    fn gone(&self, ending: Ending) {
        lifecycle::gone(&self.gateway, &self.connection, ending.reason);
    }
}
