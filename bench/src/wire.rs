//! As much of RFC 6455 as a client needs that believes its server: frames are read where they lie, and never copied.

use std::net::SocketAddr;

use anyhow::{Context, bail};

/// A request for a WebSocket at that path and query.
pub(crate) fn handshake(target: &str, address: SocketAddr) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// The length of the answer to a handshake; nothing if it has not come to its end.
pub(crate) fn upgrade_length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&bytes[..end]);
    if !head.starts_with("HTTP/1.1 101 ") {
        let status = head.lines().next().context("a status line")?;
        bail!("a handshake was answered with {status}: {}", String::from_utf8_lossy(&bytes[end + 4..]));
    }
    Ok(Some(end + 4))
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    Text(&'a [u8]),
    Ping(&'a [u8]),
    Close,
    Other,
}

/// The first frame in these bytes and its length on the wire; nothing if it is not whole yet.
pub(crate) fn first_frame(bytes: &[u8]) -> Option<(Incoming<'_>, usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (length, head) = match second {
        126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*rest.first_chunk()?), 10),
        length => (u64::from(length), 2),
    };
    let end = usize::try_from(length).ok()?.checked_add(head)?;
    let payload = bytes.get(head..end)?;
    let incoming = match first {
        0x81 => Incoming::Text(payload),
        0x89 => Incoming::Ping(payload),
        0x88 => Incoming::Close,
        _ => Incoming::Other,
    };
    Some((incoming, end))
}

/// A frame as a server sends it.
pub(crate) fn server_frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    push_length(&mut frame, text.len(), 0);
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// A text frame as a client sends it. Masked, as it must be, by zero, which leaves the text as it is.
pub(crate) fn text(text: &str) -> Vec<u8> {
    masked_by_zero(0x81, text.as_bytes())
}

/// A ping.
pub(crate) fn ping(payload: &[u8]) -> Vec<u8> {
    masked_by_zero(0x89, payload)
}

/// A frame that is not the last of its message.
pub(crate) fn fragment(opcode: u8, payload: &[u8]) -> Vec<u8> {
    masked_by_zero(opcode, payload)
}

/// What is before so many bytes of a frame.
pub(crate) fn head(first: u8, length: usize) -> Vec<u8> {
    let mut head = vec![first];
    push_length(&mut head, length, 0x80);
    head.extend_from_slice(&[0; 4]);
    head
}

/// The answer to a ping.
pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    masked_by_zero(0x8a, payload)
}

/// Goes away in order (1000).
pub(crate) fn close() -> Vec<u8> {
    masked_by_zero(0x88, &1000u16.to_be_bytes())
}

fn masked_by_zero(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn push_length(frame: &mut Vec<u8>, length: usize, mask: u8) {
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => frame.push(mask | short),
        (_, Ok(medium)) => {
            frame.push(mask | 126);
            frame.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            frame.push(mask | 127);
            frame.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_handshake_says_why() {
        assert_eq!(upgrade_length(b"HTTP/1.1 101 Switching").expect("no refusal"), None);
        assert_eq!(upgrade_length(b"HTTP/1.1 101 Fine\r\n\r\nrest").expect("no refusal"), Some(21));
        let refused = upgrade_length(b"HTTP/1.1 401 Unauthorized\r\n\r\n{}").expect_err("a refusal");
        assert!(refused.to_string().contains("401 Unauthorized"), "{refused}");
    }

    #[test]
    fn a_frame_is_found_when_it_is_whole_and_not_before() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let said = "x".repeat(length);
            let frame = server_frame(&said);
            assert_eq!(first_frame(&frame[..frame.len() - 1]), None);
            let mut more = frame.clone();
            more.extend_from_slice(b"\x89\x01p");
            assert_eq!(first_frame(&more), Some((Incoming::Text(said.as_bytes()), frame.len())));
            assert_eq!(first_frame(&more[frame.len()..]), Some((Incoming::Ping(b"p"), 3)));
        }
    }
}
