//! One WebSocket of the crowd: its handshake, what it says until it is let in, and what it hears.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use anyhow::ensure;
use mio::net::TcpStream;

use crate::gateway::message::marker;
use crate::wire::{self, Incoming};

/// Who comes, and how it is let in.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    /// Where to.
    pub(crate) address: SocketAddr,
    /// Path and query of the handshake.
    pub(crate) target: String,
    /// What has to be heard, and then said, before it counts as connected.
    pub(crate) dialogue: VecDeque<Exchange>,
}

/// One step of a dialogue.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// What the frame holds that is waited for.
    pub(crate) hear: &'static str,
    /// What is answered, if anything.
    pub(crate) say: Option<String>,
}

/// What is listened for.
pub(crate) enum Wanted {
    One { number: u32, marker: String },
    Any,
}

/// What a reading brought.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Brought {
    /// Wanted messages.
    pub(crate) messages: usize,
    /// The number of the last of them, where any is wanted.
    pub(crate) number: u32,
    /// Their bytes on the wire.
    pub(crate) bytes: usize,
    /// The connection has just been let in.
    pub(crate) is_in: bool,
    /// The connection is over.
    pub(crate) is_over: bool,
}

pub(crate) struct Seat {
    stream: TcpStream,
    is_upgraded: bool,
    dialogue: VecDeque<Exchange>,
    /// The start of a frame whose end has not come.
    partial: Vec<u8>,
    /// The message heard last.
    last: u32,
}

impl Wanted {
    /// Messages that were marked with [`marker`] of that number, which is not 0.
    pub(crate) fn numbered(number: u32) -> Self {
        Self::One { number, marker: marker(number) }
    }

    /// Messages of any number.
    pub(crate) fn any() -> Self {
        Self::Any
    }

    /// The number of a message that is wanted.
    fn find_in(&self, text: &[u8]) -> Option<u32> {
        match self {
            Self::One { number, marker } => find(text, marker.as_bytes()).map(|_| *number),
            Self::Any => {
                let at = find(text, b"\"body\":\"#")? + b"\"body\":\"#".len();
                std::str::from_utf8(text.get(at..at + 6)?).ok()?.parse().ok()
            }
        }
    }
}

/// Where the needle begins.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = hay[from..].iter().position(|byte| *byte == first) {
        if hay[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

impl Seat {
    /// Connects and asks for the upgrade.
    pub(crate) fn take(guest: Guest) -> anyhow::Result<Self> {
        // On the loopback a connect is over at once, whenever it is accepted.
        let mut stream = std::net::TcpStream::connect(guest.address)?;
        stream.set_nodelay(true)?;
        stream.write_all(wire::handshake(&guest.target, guest.address).as_bytes())?;
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream);
        Ok(Self { stream, is_upgraded: false, dialogue: guest.dialogue, partial: Vec::new(), last: 0 })
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Says goodbye; the server closes.
    pub(crate) fn leave(&mut self) -> anyhow::Result<()> {
        Ok(self.stream.write_all(&wire::close())?)
    }

    /// Reads what is there. One read is enough unless the buffer was too small, or the end may have come.
    pub(crate) fn read(&mut self, buffer: &mut [u8], at_end: bool, wanted: Option<&Wanted>) -> anyhow::Result<Brought> {
        let mut brought = Brought::default();
        loop {
            match self.stream.read(buffer) {
                Ok(0) => {
                    brought.is_over = true;
                    return Ok(brought);
                }
                Ok(length) => {
                    self.take_in(&buffer[..length], wanted, &mut brought)?;
                    if length < buffer.len() && !at_end {
                        return Ok(brought);
                    }
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(brought),
                Err(why) if why.kind() == ErrorKind::ConnectionReset => {
                    brought.is_over = true;
                    return Ok(brought);
                }
                Err(why) => return Err(why.into()),
            }
        }
    }

    fn take_in(&mut self, bytes: &[u8], wanted: Option<&Wanted>, brought: &mut Brought) -> anyhow::Result<()> {
        let joined = (!self.partial.is_empty()).then(|| {
            let mut joined = std::mem::take(&mut self.partial);
            joined.extend_from_slice(bytes);
            joined
        });
        let mut rest = joined.as_deref().unwrap_or(bytes);
        if !self.is_upgraded {
            let Some(length) = wire::upgrade_length(rest)? else {
                self.partial = rest.to_vec();
                return Ok(());
            };
            rest = &rest[length..];
            self.is_upgraded = true;
            brought.is_in = self.dialogue.is_empty();
        }
        while let Some((incoming, length)) = wire::first_frame(rest) {
            self.frame(&incoming, length, wanted, brought)?;
            rest = &rest[length..];
        }
        self.partial = rest.to_vec();
        Ok(())
    }

    fn frame(
        &mut self,
        incoming: &Incoming<'_>,
        length: usize,
        wanted: Option<&Wanted>,
        brought: &mut Brought,
    ) -> anyhow::Result<()> {
        match incoming {
            Incoming::Text(text) if !self.dialogue.is_empty() => brought.is_in = self.converse(text)?,
            // The heartbeat of Engine.IO.
            Incoming::Text(b"2") => self.stream.write_all(&wire::text("3"))?,
            Incoming::Text(text) => {
                if let Some(number) = wanted.and_then(|wanted| wanted.find_in(text)) {
                    ensure!(number == 0 || self.last != number, "message {number} came twice");
                    self.last = number;
                    brought.messages += 1;
                    brought.number = number;
                    brought.bytes += length;
                }
            }
            Incoming::Ping(payload) => self.stream.write_all(&wire::pong(payload))?,
            // Nothing comes after it. Some servers leave the end of the stream to us, others have reset it by now.
            Incoming::Close => brought.is_over = true,
            Incoming::Other => {}
        }
        Ok(())
    }

    /// True when the last step is done.
    fn converse(&mut self, text: &[u8]) -> anyhow::Result<bool> {
        let is_awaited = |step: &Exchange| find(text, step.hear.as_bytes()).is_some();
        if self.dialogue.front().is_some_and(is_awaited)
            && let Some(step) = self.dialogue.pop_front()
            && let Some(say) = step.say
        {
            self.stream.write_all(&wire::text(&say))?;
        }
        Ok(self.dialogue.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_wherever_it_stands() {
        let marker = marker(12);
        for text in ["#000012#", "a ## #00001 #000012# b", "##000012#"] {
            assert!(find(text.as_bytes(), marker.as_bytes()).is_some(), "{text}");
        }
        assert_eq!(find(b"#000013# #00012#", marker.as_bytes()), None);
    }
}
