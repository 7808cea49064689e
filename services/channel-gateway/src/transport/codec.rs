//! RFC 6455 on bytes: frames in, messages out. Parsing of one frame is actix-http's; added are the limit before a frame
//! is buffered, the joining of fragments, UTF-8, and passing over messages that are too large to be kept.

use actix_http::ws::{OpCode, Parser};
use bytes::{Buf, Bytes, BytesMut};

/// How much is kept of each end of a message that is passed over.
pub const END: usize = 512;
/// No control frame may be longer (RFC 6455, section 5.5).
const MAX_CONTROL: u8 = 125;

/// A message, a part of one, or a control frame from a peer.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Bytes),
    /// A frame of a message that is not whole yet, told for it to be counted.
    Part,
    /// A message over the limit, which was passed over.
    TooLarge(Box<Ends>),
    /// To be answered with a pong of the same payload.
    Ping(Bytes),
    /// The answer to a ping.
    Pong(Bytes),
    /// The peer closes, with this code.
    Close(Option<u16>),
}

/// The kept ends of a message that was passed over.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Its first bytes, at most [`END`].
    pub first: Vec<u8>,
    /// Its last bytes, at most [`END`].
    pub last: Vec<u8>,
}

/// Why a connection has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// Against RFC 6455.
    Protocol,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A message that is too large even to be passed over.
    TooLarge,
}

/// Reads one connection. Holds no memory between whole messages.
#[derive(Debug)]
pub struct Decoder {
    unread: BytesMut,
    begun: Option<Box<Begun>>,
    max_message: usize,
    max_passed: usize,
}

/// A message that is not whole yet.
#[derive(Debug)]
enum Begun {
    Kept(Fragments),
    PassedOver(Oversized),
}

#[derive(Debug)]
struct Fragments {
    is_text: bool,
    payload: BytesMut,
    /// How much of the payload is known to be UTF-8.
    checked: usize,
}

/// A message of which only the ends are kept.
#[derive(Debug, Default)]
struct Oversized {
    length: usize,
    ends: Ends,
    frame: Option<Passing>,
}

/// A frame that is being passed over.
#[derive(Debug)]
struct Passing {
    fin: bool,
    mask: [u8; 4],
    at: usize,
    left: usize,
}

impl Decoder {
    /// `max_message` bytes for a message, however it is fragmented.
    #[must_use]
    pub fn new(max_message: usize) -> Self {
        Self { unread: BytesMut::new(), begun: None, max_message, max_passed: 0 }
    }

    /// Passes over messages of up to so many bytes, instead of calling them a violation.
    #[must_use]
    pub fn passing_over(self, max_passed: usize) -> Self {
        Self { max_passed, ..self }
    }

    /// Takes bytes as they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// Bytes that are kept for a message that is not whole yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.unread.len() + self.begun.as_ref().map_or(0, |begun| begun.kept())
    }

    /// Whether a frame has begun and has not ended.
    #[must_use]
    pub fn is_amid_a_frame(&self) -> bool {
        let is_passing = |begun: &Begun| matches!(begun, Begun::PassedOver(Oversized { frame: Some(_), .. }));
        !self.unread.is_empty() || self.begun.as_deref().is_some_and(is_passing)
    }

    /// The next whole message, control frame or part of a message, if it is all here.
    pub fn next_message(&mut self) -> Result<Option<Incoming>, Violation> {
        if let Some(Begun::PassedOver(oversized)) = self.begun.as_deref_mut()
            && oversized.frame.is_some()
        {
            return Ok(self.pass_over());
        }
        let Some(header) = Header::read(&self.unread)? else { return Ok(self.nothing_yet()) };
        if !header.is_control() {
            if (header.opcode == OpCode::Continue) != self.begun.is_some() {
                return Err(Violation::Protocol);
            }
            let before = self.begun.as_ref().map_or(0, |begun| begun.length());
            let length = usize::try_from(header.length).unwrap_or(usize::MAX).saturating_add(before);
            if length > self.max_message {
                return match length > self.max_passed {
                    true => Err(Violation::TooLarge),
                    false => Ok(self.begin_to_pass_over(&header, length)),
                };
            }
        }
        let parsed = Parser::parse(&mut self.unread, true, self.max_message.max(MAX_CONTROL.into()));
        let Some((fin, opcode, payload)) = parsed.map_err(|_| Violation::Protocol)? else {
            return Ok(self.nothing_yet());
        };
        let payload = payload.unwrap_or_default();
        match opcode {
            OpCode::Text | OpCode::Binary | OpCode::Continue => self.data(fin, opcode, payload),
            _ => control(opcode, payload),
        }
        .map(Some)
    }

    fn nothing_yet(&mut self) -> Option<Incoming> {
        if self.unread.is_empty() {
            self.unread = BytesMut::new();
        }
        None
    }

    fn data(&mut self, fin: bool, opcode: OpCode, payload: BytesMut) -> Result<Incoming, Violation> {
        let Some(begun) = self.begun.as_deref_mut() else {
            let mut message = Fragments { is_text: opcode == OpCode::Text, payload, checked: 0 };
            message.check_text(fin)?;
            if fin {
                return message.finish();
            }
            // A copy: the little that it may be must not keep all that came with it.
            message.payload = BytesMut::from(&message.payload[..]);
            self.begun = Some(Box::new(Begun::Kept(message)));
            return Ok(Incoming::Part);
        };
        // A message that is passed over does not come here.
        let Begun::Kept(message) = begun else { return Err(Violation::Protocol) };
        message.payload.extend_from_slice(&payload);
        message.check_text(fin)?;
        if !fin {
            return Ok(Incoming::Part);
        }
        let message = Fragments { payload: message.payload.split(), ..*message };
        self.begun = None;
        message.finish()
    }

    /// A frame is here, or begins, with which its message is too large.
    fn begin_to_pass_over(&mut self, header: &Header, length: usize) -> Option<Incoming> {
        let mask = self.unread.get(header.mask_at..header.mask_at + 4)?.try_into().ok()?;
        self.unread.advance(header.mask_at + 4);
        let mut oversized = match self.begun.take().map(|begun| *begun) {
            None => Oversized::default(),
            Some(Begun::PassedOver(oversized)) => oversized,
            Some(Begun::Kept(message)) => {
                let mut oversized = Oversized::default();
                oversized.ends.add(&message.payload, [0; 4], 0);
                oversized
            }
        };
        // Within the limits, which are lengths in memory.
        let left = usize::try_from(header.length).unwrap_or(usize::MAX);
        oversized.length = length;
        oversized.frame = Some(Passing { fin: header.fin, mask, at: 0, left });
        self.begun = Some(Box::new(Begun::PassedOver(oversized)));
        self.pass_over()
    }

    fn pass_over(&mut self) -> Option<Incoming> {
        let Some(Begun::PassedOver(oversized)) = self.begun.as_deref_mut() else { return None };
        let frame = oversized.frame.as_mut()?;
        let taken = frame.left.min(self.unread.len());
        oversized.ends.add(&self.unread[..taken], frame.mask, frame.at);
        self.unread.advance(taken);
        (frame.at, frame.left) = (frame.at + taken, frame.left - taken);
        if frame.left > 0 {
            return self.nothing_yet();
        }
        let fin = frame.fin;
        oversized.frame = None;
        if !fin {
            return Some(Incoming::Part);
        }
        let ends = std::mem::take(&mut oversized.ends);
        self.begun = None;
        Some(Incoming::TooLarge(Box::new(ends)))
    }
}

impl Begun {
    /// Of all that came of it.
    fn length(&self) -> usize {
        match self {
            Self::Kept(message) => message.payload.len(),
            Self::PassedOver(oversized) => oversized.length,
        }
    }

    fn kept(&self) -> usize {
        match self {
            Self::Kept(message) => message.payload.len(),
            Self::PassedOver(Oversized { ends, .. }) => ends.first.len() + ends.last.len(),
        }
    }
}

impl Ends {
    /// Takes the bytes that follow, which are masked; the first of them is at this place in its frame.
    fn add(&mut self, masked: &[u8], mask: [u8; 4], at: usize) {
        let clear = |index: usize| masked[index] ^ mask[(at + index) % 4];
        let room = END - self.first.len();
        self.first.extend((0..masked.len().min(room)).map(clear));
        self.last.extend((masked.len().saturating_sub(END)..masked.len()).map(clear));
        let surplus = self.last.len().saturating_sub(END);
        self.last.drain(..surplus);
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

fn control(opcode: OpCode, payload: BytesMut) -> Result<Incoming, Violation> {
    match opcode {
        OpCode::Ping => Ok(Incoming::Ping(payload.freeze())),
        OpCode::Pong => Ok(Incoming::Pong(payload.freeze())),
        OpCode::Close => Parser::try_parse_close_payload(&payload)
            .map(|reason| Incoming::Close(reason.map(|reason| reason.code.into())))
            .map_err(|_| Violation::Protocol),
        _ => Err(Violation::Protocol),
    }
}

/// The header of a frame.
struct Header {
    fin: bool,
    opcode: OpCode,
    length: u64,
    /// Where its mask is.
    mask_at: usize,
}

impl Header {
    /// None until the length is here. A violation shows in the first two bytes: the verdict on a frame must not depend
    /// on how much of it has come.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let [first, second, ..] = *bytes else { return Ok(None) };
        let (has_reserved_bits, is_masked, short) = (first & 0x70 != 0, second & 0x80 != 0, second & 0x7f);
        let (fin, opcode) = (first & 0x80 != 0, OpCode::from(first & 0x0f));
        if has_reserved_bits || !is_masked || opcode == OpCode::Bad {
            return Err(Violation::Protocol);
        }
        let (length, mask_at) = match short {
            126 => (bytes.get(2..4).map(|length| u64::from(u16::from_be_bytes([length[0], length[1]]))), 4),
            127 => (bytes.get(2..10).and_then(|length| length.try_into().ok()).map(u64::from_be_bytes), 10),
            short => (Some(u64::from(short)), 2),
        };
        let header = Self { fin, opcode, length: length.unwrap_or_default(), mask_at };
        if header.is_control() && (!fin || short > MAX_CONTROL) {
            return Err(Violation::Protocol);
        }
        Ok(length.map(|_| header))
    }

    fn is_control(&self) -> bool {
        !matches!(self.opcode, OpCode::Text | OpCode::Binary | OpCode::Continue)
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
pub(crate) fn encode_close(code: Option<u16>, reason: &str) -> Bytes {
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
        let ping = Incoming::Ping(Bytes::from_static(b"!"));
        assert_eq!(seen, [Incoming::Part, ping, Incoming::Text("привет".into())]);
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
        assert_eq!(fragments.next_message(), Ok(Some(Incoming::Part)));
        assert_eq!(fragments.next_message(), Err(Violation::TooLarge));
    }

    #[test]
    fn what_is_too_large_is_passed_over_up_to_a_bound_and_only_its_ends_are_kept() {
        let text: Vec<u8> = (0..4000_u32).map(|number| b'a' + (number % 26) as u8).collect();
        let ends = Ends { first: text[..END].to_vec(), last: text[text.len() - END..].to_vec() };
        let mut wire = masked(true, OpCode::Text, &text);
        wire.unsplit(masked(true, OpCode::Text, b"next"));
        for piece in [1, 7, 700, wire.len()] {
            let (mut decoder, mut seen) = (Decoder::new(64).passing_over(4000), Vec::new());
            for piece in wire.chunks(piece) {
                decoder.feed(piece);
                while let Some(incoming) = decoder.next_message().expect("good frames") {
                    seen.push(incoming);
                }
                assert!(decoder.buffered() <= 2 * END, "{} bytes are kept", decoder.buffered());
            }
            let expected = Ends { first: ends.first.clone(), last: ends.last.clone() };
            assert_eq!(seen, [Incoming::TooLarge(Box::new(expected)), Incoming::Text("next".into())], "{piece}");
            assert!(!decoder.is_amid_a_frame());
        }
        let mut decoder = Decoder::new(64).passing_over(3999);
        decoder.feed(&wire[..4]);
        assert_eq!(decoder.next_message(), Err(Violation::TooLarge));
    }

    #[test]
    fn a_message_that_becomes_too_large_by_a_fragment_is_passed_over_whole() {
        let mut decoder = Decoder::new(64).passing_over(130);
        for wire in [
            masked(false, OpCode::Text, &[b'a'; 60]),
            masked(false, OpCode::Continue, &[b'b'; 60]),
            masked(true, OpCode::Ping, b"!"),
            masked(true, OpCode::Continue, b"c"),
        ] {
            decoder.feed(&wire);
        }
        let mut seen = Vec::new();
        while let Some(incoming) = decoder.next_message().expect("good frames") {
            seen.push(incoming);
        }
        let whole = [&[b'a'; 60][..], &[b'b'; 60], b"c"].concat();
        let ping = Incoming::Ping(Bytes::from_static(b"!"));
        let too_large = Incoming::TooLarge(Box::new(Ends { first: whole.clone(), last: whole }));
        assert_eq!(seen, [Incoming::Part, Incoming::Part, ping, too_large]);
        assert_eq!(decoder.buffered(), 0);

        for wire in [masked(false, OpCode::Binary, &[1; 100]), masked(true, OpCode::Continue, &[1; 31])] {
            decoder.feed(&wire);
        }
        assert_eq!(decoder.next_message(), Ok(Some(Incoming::Part)));
        assert_eq!(decoder.next_message(), Err(Violation::TooLarge));
    }

    #[test]
    fn every_fragment_is_told_even_an_empty_one() {
        let mut decoder = Decoder::new(64);
        decoder.feed(&masked(false, OpCode::Text, b""));
        for _ in 0..1000 {
            decoder.feed(&masked(false, OpCode::Continue, b""));
        }
        for _ in 0..1001 {
            assert_eq!(decoder.next_message(), Ok(Some(Incoming::Part)));
        }
        assert_eq!(decoder.next_message(), Ok(None));
    }

    #[test]
    fn a_control_frame_that_is_too_long_or_in_parts_is_refused_by_its_header_alone() {
        for wire in [masked(true, OpCode::Ping, &[b'a'; 126]), masked(false, OpCode::Pong, b"")] {
            let mut decoder = Decoder::new(64);
            decoder.feed(&wire[..2]);
            assert_eq!(decoder.next_message(), Err(Violation::Protocol));
        }
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
        assert_eq!(decoder.next_message(), Ok(Some(Incoming::Part)));
        assert_eq!(decoder.next_message(), Ok(Some(Incoming::Text("é".into()))));
    }

    #[test]
    fn an_unmasked_frame_is_a_violation() {
        let mut decoder = Decoder::new(64);
        decoder.feed(&encode(OpCode::Text, b"hi"));
        assert_eq!(decoder.next_message(), Err(Violation::Protocol));
    }
}
