//! Tells handshakes from other requests, by the first bytes of a connection. Nothing is taken from those that are HTTP's.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::Arc;

use actix_http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use actix_http::{Request, Uri};
use chat_events::{ErrorBody, ErrorCode};
use futures_util::FutureExt;
use http_server::{ConnectionPermit, Refused, Workers};
use mio::net::TcpStream;

use super::poller::acceptor::{Acceptor, FirstBytes};
use super::websocket::{CHANNEL, Handshake, SHORT, refusal};
use crate::gateway::Gateway;

/// A handshake that is longer is left to HTTP.
const MAX_HEAD: usize = 4096;
/// One with more headers too.
const MAX_HEADERS: usize = 64;

/// The acceptor of WebSocket handshakes.
pub(crate) struct UpgradeAcceptor {
    gateway: Arc<Gateway>,
    http: Workers,
}

impl UpgradeAcceptor {
    /// Lets handshakes in to `gateway`, and leaves the others to `http`.
    pub(crate) fn new(gateway: Arc<Gateway>, http: Workers) -> Self {
        Self { gateway, http }
    }
}

impl Acceptor for UpgradeAcceptor {
    fn admit(&self, address: SocketAddr) -> Result<ConnectionPermit, Refused> {
        self.gateway.connections.admit(address.ip())
    }

    fn refuse(&self, why: Refused) -> ErrorBody {
        self.gateway.connections.refuse(why)
    }

    fn look_at(&self, io: &TcpStream, address: SocketAddr) -> std::io::Result<FirstBytes> {
        let (request, has_more) = match read_first(io) {
            Ok(FirstRead::Handshake(request, has_more)) => (request, has_more),
            Ok(FirstRead::Others) => return Ok(FirstBytes::Http),
            Ok(FirstRead::Garbage) => {
                let decision = std::future::ready(Err(no_http())).boxed();
                return Ok(FirstBytes::Upgrade { decision, has_more: false });
            }
            Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(FirstBytes::Nothing),
            Err(why) => return Err(why),
        };
        let handshake = Handshake::read(&self.gateway, &request, Some(address));
        let gateway = self.gateway.clone();
        let decision = async move { Handshake::judge(&gateway, handshake).await }.boxed();
        Ok(FirstBytes::Upgrade { decision, has_more })
    }

    fn leave_to_http(&self, io: std::net::TcpStream, permit: ConnectionPermit) {
        self.http.serve(io, permit);
    }
}

/// The first bytes of a connection.
enum FirstRead {
    /// A whole handshake, which is taken from the socket, and whether there may be more.
    Handshake(Request, bool),
    /// Bytes that no request begins with, such as a handshake of TLS.
    Garbage,
    Others,
}

/// Takes a whole handshake from the socket; nothing of other requests, nor of an end.
fn read_first(mut io: &TcpStream) -> std::io::Result<FirstRead> {
    let mut buffer = [0; MAX_HEAD];
    let length = io.peek(&mut buffer)?;
    if buffer[..length].first().is_some_and(|first| !may_begin_a_request(*first)) {
        // Unread bytes would reset the connection when it is closed, and the answer might be lost.
        io.read_exact(&mut buffer[..length])?;
        return Ok(FirstRead::Garbage);
    }
    let Some((request, head)) = read_upgrade(&buffer[..length]) else { return Ok(FirstRead::Others) };
    io.read_exact(&mut buffer[..head])?;
    Ok(FirstRead::Handshake(request, head < length || length == MAX_HEAD))
}

/// A character of a method, or an empty line, which may come before a request (RFC 9112, section 2.2).
fn may_begin_a_request(first: u8) -> bool {
    first.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~\r\n".contains(&first)
}

/// The answer to bytes that are no HTTP: no thread for HTTP is troubled with it.
fn no_http() -> Vec<u8> {
    refusal(&ErrorBody::new(ErrorCode::BadRequest, "this is not HTTP; TLS ends before this port, at a proxy"))
}

/// A whole request for a channel that asks for an upgrade, and its length.
pub fn read_upgrade(bytes: &[u8]) -> Option<(Request, usize)> {
    if !is_for_a_channel(bytes) {
        return None;
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut read = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = read.parse(bytes).ok()? else { return None };
    let mut request = Request::new();
    let head = request.head_mut();
    head.uri = read.path?.parse::<Uri>().ok()?;
    for header in read.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        head.headers.append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    // Whatever has a body, another version, or not the one host and upgrade, is HTTP's to understand or to refuse.
    let headers = &head.headers;
    let has_body = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    let has_one_host = headers.get_all(HOST).count() == 1;
    let upgrade = headers.get(UPGRADE).map_or(&b""[..], |upgrade| upgrade.as_bytes().trim_ascii());
    let is_upgrade = head.upgrade() && upgrade.eq_ignore_ascii_case(b"websocket");
    (!has_body && has_one_host && is_upgrade && read.version == Some(1)).then_some((request, length))
}

/// Whether a request's first line asks for a place where there are channels.
fn is_for_a_channel(head: &[u8]) -> bool {
    let Some(target) = head.strip_prefix(b"GET ") else { return false };
    let place = target.split(|byte| matches!(byte, b'?' | b' ')).next();
    place == Some(CHANNEL.as_bytes()) || place == Some(SHORT.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    const HANDSHAKE: &str = "GET /channel/ws?session=7&token=t HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    /// The handshake in these bytes, if there is one, and the bytes that are left to read.
    fn seen(said: &str) -> (Option<(String, bool)>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut client =
            std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        client.write_all(said.as_bytes()).expect("room for it");
        client.shutdown(std::net::Shutdown::Write).expect("an end");
        let (mut io, _) = listener.accept().expect("a connection");
        // All of it is there.
        io.peek(&mut [0]).expect("bytes");
        io.set_nonblocking(true).expect("a socket");
        let pending = TcpStream::from_std(io.try_clone().expect("a handle"));
        let found = match read_first(&pending).expect("bytes were there") {
            FirstRead::Handshake(request, has_more) => Some((request.uri().to_string(), has_more)),
            FirstRead::Garbage => return (None, "garbage".to_owned()),
            FirstRead::Others => None,
        };
        io.set_nonblocking(false).expect("a socket");
        let mut rest = String::new();
        io.read_to_string(&mut rest).expect("text");
        (found, rest)
    }

    #[test]
    fn a_whole_handshake_is_taken_and_what_follows_it_is_left() {
        let found = |has_more| Some(("/channel/ws?session=7&token=t".to_owned(), has_more));
        assert_eq!(seen(HANDSHAKE), (found(false), String::new()));
        assert_eq!(seen(&format!("{HANDSHAKE}frame")), (found(true), "frame".to_owned()));
    }

    #[test]
    fn what_no_request_begins_with_is_not_left_to_http() {
        for said in ["\u{16}\u{3}\u{1}\u{2}", "\0\0\0", "{\"a\":1}", " GET / HTTP/1.1\r\n\r\n", "приве́т"] {
            assert_eq!(seen(said), (None, "garbage".to_owned()), "{said:?}");
        }
        for said in ["get / HTTP/1.1\r\n\r\n", "\r\nGET / HTTP/1.1\r\n\r\n", "!"] {
            assert_eq!(seen(said), (None, said.to_owned()));
        }
    }

    #[test]
    fn all_else_is_left_as_it_came() {
        let elsewhere = HANDSHAKE.replace("/channel/ws?", "/channel/sse?");
        let no_upgrade = HANDSHAKE.replace("Upgrade: websocket\r\n", "").replace("keep-alive, Upgrade", "close");
        let posted = HANDSHAKE.replace("GET ", "POST ");
        let long = HANDSHAKE.replace("Host: a", &format!("Host: {}", "a".repeat(MAX_HEAD)));
        let many = HANDSHAKE.replace("Host: a", &format!("Host: a{}", "\r\nX: a".repeat(MAX_HEADERS)));
        let with_body = HANDSHAKE.replace("Host: a", "Host: a\r\nContent-Length: 1");
        let without_host = HANDSHAKE.replace("Host: a\r\n", "");
        let two_hosts = HANDSHAKE.replace("Host: a", "Host: a\r\nHost: b");
        let another_upgrade = HANDSHAKE.replace("Upgrade: websocket", "Upgrade: h2c, websocket");
        let old = HANDSHAKE.replace("HTTP/1.1", "HTTP/1.0");
        let cut = HANDSHAKE[..HANDSHAKE.len() - 2].to_owned();
        let other = "GET / HTTP/1.1\r\n\r\n".to_owned();
        for said in [elsewhere, no_upgrade, posted, long, many, with_body, old, cut, other, String::new()] {
            assert_eq!(seen(&said), (None, said));
        }
        for said in [without_host, two_hosts, another_upgrade] {
            assert_eq!(seen(&said), (None, said));
        }
    }
}
