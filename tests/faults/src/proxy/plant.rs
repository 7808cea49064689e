//! Spoils one message on its way to one client, on purpose: the checker must cry. Knows the frames of RFC 6455 as far as
//! a server sends them: unmasked, unfragmented, small.
//!
//! What was spoiled counts only once the next change of the same chat is on its way to the client, on the same connection:
//! its cursor is past the spoiled message then, and the server will not send that again. A connection that ended before
//! has done no harm, and the next one begins anew.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use crate::frame::{Frame, Incoming, What};

/// How a message is spoiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Spoil {
    /// It does not arrive.
    Loss,
    /// It arrives twice.
    Duplicate,
    /// It arrives after the next change of its chat.
    Inversion,
}

/// The place of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which chat.
    pub chat: i64,
    /// Where it stands in the chat.
    pub seq: i64,
}

/// One message to be spoiled.
#[derive(Debug, Clone)]
pub struct Plant {
    peer: IpAddr,
    spoil: Spoil,
    /// What was spoiled, of all connections of the client.
    spoiled: Arc<OnceLock<Place>>,
}

/// Spoils on one connection.
#[derive(Debug)]
pub struct Spoiler {
    plant: Plant,
    /// Whether the answer to the handshake is through.
    is_upgraded: bool,
    unread: Vec<u8>,
    /// Spoiled, and nothing of its chat has followed yet.
    chosen: Option<Chosen>,
}

#[derive(Debug)]
struct Chosen {
    place: Place,
    /// What is sent on behind the change that follows.
    held: Vec<u8>,
}

impl Plant {
    /// Spoils one message to that client.
    #[must_use]
    pub fn new(peer: IpAddr, spoil: Spoil) -> Self {
        Self { peer, spoil, spoiled: Arc::default() }
    }

    /// The message that was spoiled, once the harm is done.
    #[must_use]
    pub fn spoiled(&self) -> Option<Place> {
        self.spoiled.get().copied()
    }

    pub(crate) fn spoiler_for(&self, peer: IpAddr) -> Option<Spoiler> {
        let spoiler = Spoiler { plant: self.clone(), is_upgraded: false, unread: Vec::new(), chosen: None };
        (peer == self.peer && self.spoiled().is_none()).then_some(spoiler)
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
        while let Some((header, length)) = first_frame(&self.unread) {
            let frame: Vec<u8> = self.unread.drain(..length).collect();
            let change = durable(&frame[header..]);
            self.frame(frame, change, &mut out);
        }
        out
    }

    fn frame(&mut self, frame: Vec<u8>, change: Option<Frame>, out: &mut Vec<u8>) {
        let Some(change) = change else { return out.extend(frame) };
        match self.chosen.take() {
            Some(chosen) if change.chat == chosen.place.chat && change.seq > chosen.place.seq => {
                out.extend(frame);
                out.extend(chosen.held);
                // Another connection of the client may have been first: then both are spoiled, and the run says so.
                let _is_first = self.plant.spoiled.set(chosen.place);
            }
            Some(chosen) => {
                self.chosen = Some(chosen);
                out.extend(frame);
            }
            None if matches!(change.what, What::Message(_)) && self.plant.spoiled().is_none() => {
                let place = Place { chat: change.chat, seq: change.seq };
                let held = self.choose(frame, out);
                self.chosen = Some(Chosen { place, held });
            }
            None => out.extend(frame),
        }
    }

    /// Spoils this one; what is left of it for later.
    fn choose(&self, frame: Vec<u8>, out: &mut Vec<u8>) -> Vec<u8> {
        match self.plant.spoil {
            Spoil::Loss => Vec::new(),
            Spoil::Inversion => frame,
            Spoil::Duplicate => {
                out.extend_from_slice(&frame);
                out.extend(frame);
                Vec::new()
            }
        }
    }
}

/// The durable change in a payload, if it tells of one. An `ack` repeats a message too, but shows none.
fn durable(payload: &[u8]) -> Option<Frame> {
    serde_json::from_slice::<Incoming>(payload).ok()?.durable()
}

/// The lengths of the first frame's header, and of the whole frame, once all of it is there.
fn first_frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (header, payload) = match *bytes.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (10, usize::try_from(length).ok()?)
        }
        length => (2, usize::from(length)),
    };
    (bytes.len() >= header + payload).then_some((header, header + payload))
}

#[cfg(test)]
#[path = "plant_tests.rs"]
mod tests;
