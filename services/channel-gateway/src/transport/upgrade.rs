//! Tells handshakes from other requests, by the first bytes of a connection. Nothing is taken from those that are HTTP's.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

use actix_http::h1::{Codec, Message, MessageType};
use actix_http::{Request, ServiceConfig};
use bytes::BytesMut;
use tokio::time::timeout;
use tokio_util::codec::Decoder;

use super::websocket::{CHANNEL, SHORT};

/// A handshake that is longer is left to HTTP.
const MAX_HEAD: usize = 4096;
/// Who says nothing for so long is left to HTTP, which has a time for that.
const WORD_WITHIN: Duration = Duration::from_secs(1);

/// Who came.
pub(crate) enum Guest {
    /// A whole handshake, and its socket, which does not block.
    Handshake(Request, TcpStream),
    /// Anybody else.
    Http(tokio::net::TcpStream),
}

/// Looks at connections that were just accepted.
#[derive(Default)]
pub(crate) struct Doorman {
    config: ServiceConfig,
}

impl Doorman {
    /// Waits for the first bytes and looks at them.
    pub(crate) async fn look_at(&self, io: tokio::net::TcpStream) -> std::io::Result<Guest> {
        if let Ok(ready) = timeout(WORD_WITHIN, io.readable()).await {
            ready?;
        }
        let mut io = io.into_std()?;
        match self.handshake(&mut io)? {
            Some(request) => Ok(Guest::Handshake(request, io)),
            None => tokio::net::TcpStream::from_std(io).map(Guest::Http),
        }
    }

    /// Takes a handshake from the socket, if it is there as a whole. HTTP's own parser reads it.
    fn handshake(&self, io: &mut TcpStream) -> std::io::Result<Option<Request>> {
        let mut buffer = [0; MAX_HEAD];
        let length = match io.peek(&mut buffer) {
            Ok(length) => length,
            Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(why) => return Err(why),
        };
        if !is_for_a_channel(&buffer[..length]) {
            return Ok(None);
        }
        let mut head = BytesMut::from(&buffer[..length]);
        let mut codec = Codec::new(self.config.clone());
        let Ok(Some(Message::Item(mut request))) = codec.decode(&mut head) else { return Ok(None) };
        if codec.message_type() != MessageType::Stream {
            return Ok(None);
        }
        request.head_mut().peer_addr = io.peer_addr().ok();
        io.read_exact(&mut buffer[..length - head.len()])?;
        Ok(Some(request))
    }
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

    /// What is made of these bytes, and what is left of them to read.
    async fn seen(said: &str) -> (Option<String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        client.write_all(said.as_bytes()).expect("room for it");
        client.shutdown(std::net::Shutdown::Write).expect("an end");
        let (io, _) = listener.accept().expect("a connection");
        io.set_nonblocking(true).expect("a socket");
        let io = tokio::net::TcpStream::from_std(io).expect("a socket");
        let (target, mut io) = match Doorman::default().look_at(io).await.expect("bytes") {
            Guest::Handshake(request, io) => {
                assert!(request.peer_addr().is_some());
                (Some(request.uri().to_string()), io)
            }
            Guest::Http(io) => (None, io.into_std().expect("a socket")),
        };
        io.set_nonblocking(false).expect("a socket");
        let mut rest = String::new();
        io.read_to_string(&mut rest).expect("text");
        (target, rest)
    }

    #[actix_rt::test]
    async fn a_whole_handshake_is_taken_and_what_follows_it_is_left() {
        let target = Some("/channel/ws?session=7&token=t".to_owned());
        assert_eq!(seen(HANDSHAKE).await, (target.clone(), String::new()));
        assert_eq!(seen(&format!("{HANDSHAKE}frame")).await, (target, "frame".to_owned()));
    }

    #[actix_rt::test]
    async fn all_else_is_left_as_it_came() {
        let elsewhere = HANDSHAKE.replace("/channel/ws?", "/channel/sse?");
        let no_upgrade = HANDSHAKE.replace("Upgrade: websocket\r\n", "").replace("keep-alive, Upgrade", "close");
        let posted = HANDSHAKE.replace("GET ", "POST ");
        let long = HANDSHAKE.replace("Host: a", &format!("Host: {}", "a".repeat(MAX_HEAD)));
        let cut = HANDSHAKE[..HANDSHAKE.len() - 2].to_owned();
        for said in [elsewhere, no_upgrade, posted, long, cut, "GET / HTTP/1.1\r\n\r\n".to_owned(), String::new()] {
            assert_eq!(seen(&said).await, (None, said));
        }
    }
}
