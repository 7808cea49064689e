//! RFC 6455 on bytes: frames in, messages out. Parsing of one frame is actix-http's; what is added is the limit
//! before a frame is buffered, the joining of fragments, and UTF-8.

use actix_http::ws::{OpCode, Parser};
use bytes::{Bytes, BytesMut};

/// What a peer said.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Bytes),
    /// To be answered with a pong of the same payload.
    Ping(Bytes),
    /// The answer to a ping.
    Pong(Bytes),
    /// The peer closes, with this code.
    Close(Option<u16>),
}

/// Why a connection has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// Against RFC 6455.
    Protocol,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A frame or message over the limit.
    TooLarge,
}

/// Reads one connection. Holds no memory between whole messages.
#[derive(Debug)]
pub struct Decoder {
    unread: BytesMut,
    message: Option<Fragments>,
    max_message: usize,
}

#[derive(Debug)]
struct Fragments {
    is_text: bool,
    payload: BytesMut,
    /// How much of the payload is known to be UTF-8.
    checked: usize,
}

impl Decoder {
    /// `max_message` bytes for a message, however it is fragmented.
    #[must_use]
    pub fn new(max_message: usize) -> Self {
        Self { unread: BytesMut::new(), message: None, max_message }
    }

    /// Takes bytes as they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// Bytes that are kept for what is not whole yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.unread.len() + self.message.as_ref().map_or(0, |message| message.payload.len())
    }

    /// The next whole message or control frame, if it is all here.
    pub fn next_message(&mut self) -> Result<Option<Incoming>, Violation> {
        loop {
            if declared_length(&self.unread).is_some_and(|length| length > self.max_message as u64) {
                return Err(Violation::TooLarge);
            }
            let parsed = Parser::parse(&mut self.unread, true, self.max_message);
            let Some((fin, opcode, payload)) = parsed.map_err(|_| Violation::Protocol)? else {
                if self.unread.is_empty() {
                    self.unread = BytesMut::new();
                }
                return Ok(None);
            };
            let payload = payload.unwrap_or_default();
            let incoming = match opcode {
                OpCode::Text | OpCode::Binary | OpCode::Continue => self.data(fin, opcode, payload)?,
                _ => Some(control(fin, opcode, payload)?),
            };
            if incoming.is_some() {
                return Ok(incoming);
            }
        }
    }

    fn data(&mut self, fin: bool, opcode: OpCode, payload: BytesMut) -> Result<Option<Incoming>, Violation> {
        let mut message = match (opcode, self.message.take()) {
            (OpCode::Continue, Some(mut message)) => {
                if message.payload.len() + payload.len() > self.max_message {
                    return Err(Violation::TooLarge);
                }
                message.payload.unsplit(payload);
                message
            }
            (OpCode::Continue, None) | (_, Some(_)) => return Err(Violation::Protocol),
            (_, None) => Fragments { is_text: opcode == OpCode::Text, payload, checked: 0 },
        };
        message.check_text(fin)?;
        if fin {
            return message.finish().map(Some);
        }
        self.message = Some(message);
        Ok(None)
    }
}

impl Fragments {
    /// Bad text is refused at the fragment where it shows, not at the end.
    fn check_text(&mut self, fin: bool) -> Result<(), Violation> {
        if !self.is_text {
            return Ok(());
        }
        match std::str::from_utf8(&self.payload[self.checked..]) {
            Ok(_) => self.checked = self.payload.len(),
            Err(why) if why.error_len().is_none() && !fin => self.checked += why.valid_up_to(),
            Err(_) => return Err(Violation::NotUtf8),
        }
        Ok(())
    }

    fn finish(self) -> Result<Incoming, Violation> {
        if !self.is_text {
            return Ok(Incoming::Binary(self.payload.freeze()));
        }
        let text = String::from_utf8(self.payload.to_vec()).map_err(|_| Violation::NotUtf8)?;
        Ok(Incoming::Text(text))
    }
}

fn control(fin: bool, opcode: OpCode, payload: BytesMut) -> Result<Incoming, Violation> {
    match opcode {
        _ if !fin || payload.len() > 125 => Err(Violation::Protocol),
        OpCode::Ping => Ok(Incoming::Ping(payload.freeze())),
        OpCode::Pong => Ok(Incoming::Pong(payload.freeze())),
        OpCode::Close => Parser::try_parse_close_payload(&payload)
            .map(|reason| Incoming::Close(reason.map(|reason| reason.code.into())))
            .map_err(|_| Violation::Protocol),
        _ => Err(Violation::Protocol),
    }
}

/// The payload length in a frame's header, once the header is here. None where the first two bytes are a violation
/// already: what is said of a frame must not depend on how much of it has come.
fn declared_length(bytes: &[u8]) -> Option<u64> {
    let [first, second, ..] = *bytes else { return None };
    let (has_reserved_bits, is_masked) = (first & 0x70 != 0, second & 0x80 != 0);
    if has_reserved_bits || !is_masked || OpCode::from(first & 0x0f) == OpCode::Bad {
        return None;
    }
    match second & 0x7f {
        126 => bytes.get(2..4).map(|length| u64::from(u16::from_be_bytes([length[0], length[1]]))),
        127 => bytes.get(2..10).and_then(|length| length.try_into().ok()).map(u64::from_be_bytes),
        short => Some(u64::from(short)),
    }
}

/// A control frame, or a data frame for the echo, as a server sends it.
#[must_use]
pub fn encode(opcode: OpCode, payload: &[u8]) -> Bytes {
    let mut wire = BytesMut::with_capacity(payload.len() + 10);
    Parser::write_message(&mut wire, payload, opcode, true, false);
    wire.freeze()
}

/// A close frame.
#[must_use]
pub fn encode_close(code: Option<u16>, reason: &str) -> Bytes {
    let Some(code) = code else { return encode(OpCode::Close, &[]) };
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    encode(OpCode::Close, &payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(fin: bool, opcode: OpCode, payload: &[u8]) -> BytesMut {
        let mut wire = BytesMut::new();
        Parser::write_message(&mut wire, payload, opcode, fin, true);
        wire
    }

    #[test]
    fn a_message_in_fragments_and_single_bytes_is_put_together() {
        let mut decoder = Decoder::new(64);
        let mut wire = masked(false, OpCode::Text, "при".as_bytes());
        wire.unsplit(masked(true, OpCode::Ping, b"!"));
        wire.unsplit(masked(true, OpCode::Continue, "вет".as_bytes()));
        let mut seen = Vec::new();
        for byte in wire {
            decoder.feed(&[byte]);
            seen.extend(decoder.next_message().expect("good frames"));
        }
        assert_eq!(seen, [Incoming::Ping(Bytes::from_static(b"!")), Incoming::Text("привет".into())]);
        assert_eq!(decoder.next_message(), Ok(None));
        assert_eq!(decoder.unread.capacity(), 0);
    }

    #[test]
    fn a_large_frame_is_refused_by_its_header_alone() {
        let mut decoder = Decoder::new(64);
        decoder.feed(&masked(true, OpCode::Text, &[b'a'; 65])[..2]);
        assert_eq!(decoder.next_message(), Err(Violation::TooLarge));
        let mut fragments = Decoder::new(64);
        fragments.feed(&masked(false, OpCode::Text, &[b'a'; 40]));
        fragments.feed(&masked(true, OpCode::Continue, &[b'a'; 40]));
        assert_eq!(fragments.next_message(), Err(Violation::TooLarge));
    }

    #[test]
    fn a_violation_is_the_same_however_much_of_the_frame_has_come() {
        let unmasked = encode(OpCode::Text, &[b'a'; 300]);
        for length in [2, unmasked.len()] {
            let mut decoder = Decoder::new(64);
            decoder.feed(&unmasked[..length]);
            assert_eq!(decoder.next_message(), Err(Violation::Protocol));
        }
    }

    #[test]
    fn bad_text_is_refused_at_the_fragment_where_it_shows() {
        let mut decoder = Decoder::new(64);
        decoder.feed(&masked(false, OpCode::Text, &[b'a', 0xff]));
        assert_eq!(decoder.next_message(), Err(Violation::NotUtf8));
    }

    #[test]
    fn a_character_may_be_split_between_fragments() {
        let mut decoder = Decoder::new(64);
        let text = "é".as_bytes();
        decoder.feed(&masked(false, OpCode::Text, &text[..1]));
        decoder.feed(&masked(true, OpCode::Continue, &text[1..]));
        assert_eq!(decoder.next_message(), Ok(Some(Incoming::Text("é".into()))));
    }

    #[test]
    fn an_unmasked_frame_is_a_violation() {
        let mut decoder = Decoder::new(64);
        decoder.feed(&encode(OpCode::Text, b"hi"));
        assert_eq!(decoder.next_message(), Err(Violation::Protocol));
    }
}
