//! The WebSocket handshake: proves the token while HTTP can still say no; then the socket is a poller's.

use std::io::Write;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use actix_http::{HttpMessage, Request, Version, header, ws};
use bytes::Bytes;
use chat_events::frame::{CloseCode, MAX_CLIENT_FRAME_BYTES, MAX_REFUSED_FRAME_BYTES};
use chat_events::{ChatId, ErrorBody, ErrorCode, ErrorEnvelope};
use http_server::ChannelPermit;
use http_server::io::Io;
use rate_limits::client_address;

use super::codec::{Ends, Incoming};
use super::echo;
use super::poller::acceptor::{UpgradeAccepted, UpgradeOutcome};
use super::poller::{Limits, Peer};
use super::socket::{Ending, Socket};
use crate::auth::credentials::Grant;
use crate::auth::credentials::{ConnectQuery, Proof};
use crate::auth::origins::{self, Page};
use crate::catch_up::cursor::{self, CameFrom};
use crate::connection::Connection;
use crate::connection::lifecycle;
use crate::connection::unserved;
use crate::gateway::Gateway;
use crate::limits::frame_rate::{FrameRate, Verdict};
use crate::ops::error::retry_after;

/// Where channels are.
pub(crate) const CHANNEL: &str = "/channel/ws";
/// The same for short.
pub(crate) const SHORT: &str = "/ws";

/// How long a connection without a token may take to send `init`.
const INIT_WITHIN: Duration = Duration::from_secs(5);

/// How long a message may take to come whole: the largest needs 2 KiB a second.
const WHOLE_WITHIN: Duration = Duration::from_secs(60);

/// Serves one upgrade request that HTTP has read; afterwards the socket, which does not block, is a poller's. `rest`
/// holds the bytes that were read behind the request.
pub(crate) async fn serve(gateway: Arc<Gateway>, request: Request, io: Io, rest: &[u8]) -> std::io::Result<()> {
    let handshake = Handshake::read(&gateway, &request, request.peer_addr());
    // The request keeps its connection, which is taken apart here.
    drop(request);
    let (mut stream, permit, held) = io.into_socket().await?;
    match Handshake::judge(&gateway, handshake).await {
        Ok(accepted) => gateway.pollers.take_over(stream, permit, &[rest, &held].concat(), accepted),
        Err(answer) => {
            // The first bytes of a connection always fit in its send buffer.
            if let Err(error) = stream.write_all(&answer).and_then(|()| stream.shutdown(Shutdown::Write)) {
                tracing::debug!(%error, "a handshake was not refused");
            }
        }
    }
    Ok(())
}

/// A request for a WebSocket.
pub(super) struct Handshake {
    /// The HTTP answer, if nothing speaks against it.
    answer: Bytes,
    asks_for: AsksFor,
}

enum AsksFor {
    Channel(Box<UpgradeRequest>),
    Echo,
}

/// The content of a request for a channel.
struct UpgradeRequest {
    query: ConnectQuery,
    bearer: Option<String>,
    came_from: Option<CameFrom>,
    expects_resume: bool,
    address: Option<IpAddr>,
    page: Page,
}

/// A request whose token was good, or that is to bring one.
struct Opening {
    proof: Proof,
    came_from: Option<CameFrom>,
    expects_resume: bool,
    address: Option<IpAddr>,
    permit: ChannelPermit,
}

impl Handshake {
    /// Reads a request, as far as nobody need be asked.
    pub(super) fn read(gateway: &Gateway, request: &Request, peer: Option<SocketAddr>) -> Result<Self, ErrorBody> {
        if request.version() < Version::HTTP_11 {
            return Err(ErrorBody::new(ErrorCode::BadRequest, "a WebSocket needs HTTP/1.1"));
        }
        ws::verify_handshake(request.head()).map_err(|why| ErrorBody::new(ErrorCode::BadRequest, why.to_string()))?;
        let asks_for = match request.path() {
            CHANNEL | SHORT => AsksFor::Channel(Box::new(UpgradeRequest::read(gateway, request, peer)?)),
            echo::PATH if gateway.serves_echo() => AsksFor::Echo,
            _ => return Err(ErrorBody::new(ErrorCode::NotFound, "there is no WebSocket at this path")),
        };
        let key = request.headers().get(header::SEC_WEBSOCKET_KEY).map_or(&b""[..], |key| key.as_bytes());
        Ok(Self { answer: answer(key), asks_for })
    }

    /// The outcome of a handshake.
    pub(super) async fn judge(gateway: &Arc<Gateway>, handshake: Result<Self, ErrorBody>) -> UpgradeOutcome {
        let decision = async {
            let Self { answer, asks_for } = handshake?;
            match asks_for {
                AsksFor::Channel(request) => Ok(accepted(gateway, answer, request.judge(gateway).await?)),
                AsksFor::Echo => Ok(UpgradeAccepted {
                    answer,
                    waits_for_a_frame: false,
                    limits: echo::LIMITS,
                    make_peer: Box::new(|_| Arc::new(echo::Echo)),
                }),
            }
        };
        decision.await.map_err(|error| refusal(&error))
    }
}

impl UpgradeRequest {
    fn read(gateway: &Gateway, request: &Request, peer: Option<SocketAddr>) -> Result<Self, ErrorBody> {
        gateway.takes_connections()?;
        let page = origins::page(&gateway.pages, request.headers())?;
        let query = actix_web::web::Query::<ConnectQuery>::from_query(request.uri().query().unwrap_or_default())
            .map_err(|_| ErrorBody::new(ErrorCode::BadRequest, "the query cannot be read"))?
            .into_inner();
        let (epoch, expects_resume) = (cursor::epoch(query.epoch.as_deref())?, query.expects_resume()?);
        let came_from = cursor::after(query.after.as_deref(), epoch)?.map(CameFrom::One);
        let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = authorization.and_then(bearer_token).map(str::to_owned);
        let address = client_address(peer, request.headers(), gateway.rates.trusted_proxies);
        Ok(Self { query, bearer, came_from, expects_resume, address, page })
    }

    async fn judge(self, gateway: &Gateway) -> Result<Opening, ErrorBody> {
        let Self { query, bearer, came_from, expects_resume, address, page } = self;
        let proof = gateway.credentials.handshake(&query, bearer.as_deref()).await;
        let proof = gateway.handshakes.judge_handshake(proof, address)?.brought_by(&gateway.pages, page)?;
        let permit = gateway.connections.open_channel(address, matches!(proof, Proof::Token(_)))?;
        Ok(Opening { proof, came_from, expects_resume, address, permit })
    }
}

/// The HTTP answer that switches protocols (RFC 6455, section 4.2.2).
fn answer(key: &[u8]) -> Bytes {
    let before =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
    [&before[..], &ws::hash_key(key), b"\r\n\r\n"].concat().into()
}

fn accepted(gateway: &Arc<Gateway>, answer: Bytes, opening: Opening) -> UpgradeAccepted {
    let brings_proof = matches!(opening.proof, Proof::Token(_));
    let limits = Limits {
        max_message: MAX_CLIENT_FRAME_BYTES,
        max_passed: MAX_REFUSED_FRAME_BYTES,
        ping_interval: gateway.ping_interval,
        whole_within: WHOLE_WITHIN,
        prove_within: (!brings_proof).then_some(INIT_WITHIN),
    };
    // A client that is to speak first must not wait for the answer.
    let waits_for_a_frame = brings_proof && !opening.expects_resume;
    let gateway = gateway.clone();
    let make_peer = Box::new(move |socket: &Arc<Socket>| begin(&gateway, socket, opening));
    UpgradeAccepted { answer, waits_for_a_frame, limits, make_peer }
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn begin(gateway: &Arc<Gateway>, socket: &Arc<Socket>, opening: Opening) -> Arc<dyn Peer> {
    let Opening { proof, came_from, expects_resume, address, permit } = opening;
    let brings_proof = matches!(proof, Proof::Token(_));
    let id = gateway.next_connection_id();
    let connection = Connection::new(id, "websocket", socket.clone(), brings_proof).expecting_resume(expects_resume);
    let connection = Arc::new(connection.from(address));
    if let Proof::Token(proved) = proof {
        let socket = socket.clone();
        let when_ready = move || socket.ask_attention();
        let opening = lifecycle::open_and_listen(gateway.clone(), connection.clone(), proved, came_from, when_ready);
        gateway.runtime.spawn(opening);
    }
    Arc::new(ChannelPeer { gateway: gateway.clone(), connection, rate: OnceLock::new(), permit })
}

/// An HTTP answer in the error shape, after which the connection ends.
pub(super) fn refusal(error: &ErrorBody) -> Vec<u8> {
    let body = serde_json::to_vec(&ErrorEnvelope { error: error.clone() }).unwrap_or_default();
    let status = actix_http::StatusCode::from_u16(error.code.status()).unwrap_or_default();
    let version = if error.code == ErrorCode::BadRequest { "Sec-WebSocket-Version: 13\r\n" } else { "" };
    let wait = retry_after(error).map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         X-Content-Type-Options: nosniff\r\n{version}{wait}Connection: close\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

struct ChannelPeer {
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
    /// From the first frame on: most connections only listen.
    rate: OnceLock<Option<Box<FrameRate>>>,
    /// It is counted as long as it is here.
    permit: ChannelPermit,
}

impl ChannelPeer {
    fn rate(&self) -> Option<&FrameRate> {
        self.rate.get_or_init(|| FrameRate::new(&self.gateway.rates).map(Box::new)).as_deref()
    }

    /// How long it may stay, once it has proved its owner; then it is no stranger any more. For a connection that only
    /// listens, the wheel asks.
    fn grant(&self) -> Option<Grant> {
        let grant = self.connection.grant();
        if grant.is_some() {
            self.permit.prove();
        }
        grant
    }

    /// A frame came. A client that sends too many is closed.
    fn take(&self) -> Verdict {
        let verdict = self.rate().map_or(Verdict::Pass, FrameRate::take);
        if verdict == Verdict::Flood {
            self.connection.outlet().close(CloseCode::RateLimited);
        }
        verdict
    }

    /// False when the frame came too soon. That is said at once, before answers to earlier frames.
    fn is_in_time(&self, names: impl FnOnce() -> (Option<String>, Option<ChatId>)) -> bool {
        let verdict = self.take();
        if let Verdict::Wait(wait) = verdict {
            let (client_id, chat_id) = names();
            self.connection.refuse_frame(unserved::too_fast(wait), client_id, chat_id);
        }
        verdict == Verdict::Pass
    }

    /// It was passed over, which is said at once too.
    fn too_large(&self, ends: &Ends) {
        if self.is_in_time(|| (unserved::client_id_in(ends), None)) {
            self.connection.refuse_frame(unserved::too_large(), unserved::client_id_in(ends), None);
        }
    }
}

impl Peer for ChannelPeer {
    fn message(&self, incoming: Incoming, socket: &Arc<Socket>) -> bool {
        let text = match incoming {
            Incoming::Text(text) => text,
            Incoming::TooLarge(ends) => {
                self.too_large(&ends);
                return true;
            }
            _ => {
                let code = CloseCode::BadFrame;
                socket.close_with(Some(code.code()), code.reason());
                return true;
            }
        };
        if !self.is_in_time(|| unserved::names_of(&text)) {
            return true;
        }
        let socket = socket.clone();
        lifecycle::receive(&self.gateway, &self.connection, text, move || socket.ask_attention())
    }

    fn frame(&self) -> bool {
        self.take() == Verdict::Pass
    }

    fn piece(&self) {
        if !self.rate().is_none_or(FrameRate::bear) {
            self.connection.outlet().close(CloseCode::RateLimited);
        }
    }

    fn is_ready(&self) -> bool {
        self.connection.has_room()
    }

    fn is_proved(&self) -> bool {
        self.grant().is_some()
    }

    fn waits_for_proof(&self) -> bool {
        self.connection.tell_when_served();
        // It may have come meanwhile.
        !self.is_proved()
    }

    fn overdue(&self, now: Instant) -> Option<CloseCode> {
        match self.grant() {
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
