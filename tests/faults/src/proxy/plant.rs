//! Spoils one message on its way to one client, on purpose: the checker must cry. Knows the frames of RFC 6455 as far as
//! a server sends them: unmasked, unfragmented, small.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::meter::MARK;

/// The how-manieth message to the client is spoiled: not the first, so that its cursor is past it soon.
const WHICH: u32 = 5;

/// How a message is spoiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Spoil {
    /// It does not arrive.
    Loss,
    /// It arrives twice.
    Duplicate,
    /// It arrives after the next one.
    Inversion,
}

/// One message to be spoiled.
#[derive(Debug, Clone)]
pub struct Plant {
    peer: IpAddr,
    spoil: Spoil,
    /// Messages to the client so far, over all its connections.
    seen: Arc<AtomicU32>,
}

/// Spoils on one connection.
#[derive(Debug)]
pub struct Spoiler {
    plant: Plant,
    /// Whether the answer to the handshake is through.
    is_upgraded: bool,
    unread: Vec<u8>,
    /// Waits for the next message.
    held: Option<Vec<u8>>,
}

impl Plant {
    /// Spoils one message to that client.
    #[must_use]
    pub fn new(peer: IpAddr, spoil: Spoil) -> Self {
        Self { peer, spoil, seen: Arc::default() }
    }

    /// Whether the message was spoiled.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.seen.load(Ordering::Relaxed) > WHICH
    }

    pub(crate) fn spoiler_for(&self, peer: IpAddr) -> Option<Spoiler> {
        let spoiler = Spoiler { plant: self.clone(), is_upgraded: false, unread: Vec::new(), held: None };
        (peer == self.peer && !self.is_done()).then_some(spoiler)
    }
}

impl Spoiler {
    /// What is to be sent on in place of these bytes.
    pub(crate) fn spoil(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.unread.extend_from_slice(bytes);
        let mut out = Vec::new();
        if !self.is_upgraded {
            let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") else { return out };
            out.extend(self.unread.drain(..end + 4));
            self.is_upgraded = true;
        }
        while let Some(length) = frame_length(&self.unread) {
            let frame = self.unread.drain(..length).collect();
            self.frame(frame, &mut out);
        }
        out
    }

    fn frame(&mut self, frame: Vec<u8>, out: &mut Vec<u8>) {
        let is_message = frame.windows(MARK.len()).any(|window| window == MARK.as_bytes());
        if !is_message {
            return out.extend(frame);
        }
        let is_the_one = self.plant.seen.fetch_add(1, Ordering::Relaxed) + 1 == WHICH;
        match self.plant.spoil {
            Spoil::Loss if is_the_one => {}
            Spoil::Duplicate if is_the_one => {
                out.extend_from_slice(&frame);
                out.extend(frame);
            }
            Spoil::Inversion if is_the_one => self.held = Some(frame),
            _ => {
                out.extend(frame);
                out.extend(self.held.take().into_iter().flatten());
            }
        }
    }
}

/// The length of the first frame, header included, once all of it is there.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let (header, payload) = match *bytes.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (10, usize::try_from(length).ok()?)
        }
        length => (2, usize::from(length)),
    };
    (bytes.len() >= header + payload).then_some(header + payload)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn frame(text: &str) -> Vec<u8> {
        let mut frame = vec![0x81, u8::try_from(text.len()).expect("short")];
        frame.extend_from_slice(text.as_bytes());
        frame
    }

    /// The messages that arrive of seven, and a ping between them, cut into small pieces.
    fn arrive(spoil: Spoil) -> String {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let plant = Plant::new(peer, spoil);
        let mut spoiler = plant.spoiler_for(peer).expect("not done yet");
        let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
        for number in 1..=7 {
            bytes.extend(frame(&format!("{MARK}{number}")));
            bytes.extend(frame("ping"));
        }
        let out: Vec<u8> = bytes.chunks(3).flat_map(|piece| spoiler.spoil(piece)).collect();
        assert!(plant.is_done());
        let text = String::from_utf8_lossy(&out).into_owned();
        text.match_indices(MARK).map(|(at, _)| &text[at + MARK.len()..=at + MARK.len()]).collect()
    }

    #[test]
    fn one_message_is_spoiled_and_nothing_else() {
        assert_eq!(arrive(Spoil::Loss), "123467");
        assert_eq!(arrive(Spoil::Duplicate), "12345567");
        assert_eq!(arrive(Spoil::Inversion), "1234657");
    }
}
